/** The parts of a ZIP archive, as its directory names them; what others pack is not trusted. */

import { inflateRawSync } from "node:zlib";

export interface ZipPart {
  readonly name: string;
  /** What it says that it unpacks to. */
  readonly unpackedBytes: number;
  readonly method: number;
  readonly packedBytes: number;
  /** Of its own header, behind which its content stands. */
  readonly at: number;
}

const directoryMark = Buffer.from("PK\x01\x02");
const directoryBytes = 46;
const headerBytes = 30;
const stored = 0;
const deflated = 8;

export function zipParts(bytes: Uint8Array): readonly ZipPart[] {
  const archive = bufferOf(bytes);
  const parts: ZipPart[] = [];
  for (let at = archive.indexOf(directoryMark); at !== -1; ) {
    const nameAt = at + directoryBytes;
    if (nameAt > archive.length) break;
    parts.push({
      name: archive.toString("utf8", nameAt, nameAt + archive.readUInt16LE(at + 28)),
      method: archive.readUInt16LE(at + 10),
      packedBytes: archive.readUInt32LE(at + 20),
      unpackedBytes: archive.readUInt32LE(at + 24),
      at: archive.readUInt32LE(at + 42),
    });
    at = archive.indexOf(directoryMark, nameAt);
  }
  return parts;
}

/** Undefined for what is damaged, packed in another way, or longer than `bytesMax`. */
export function unpacked(
  bytes: Uint8Array,
  part: ZipPart,
  bytesMax: number,
): Uint8Array | undefined {
  const archive = bufferOf(bytes);
  if (part.at + headerBytes > archive.length) return undefined;
  const names = archive.readUInt16LE(part.at + 26) + archive.readUInt16LE(part.at + 28);
  const from = part.at + headerBytes + names;
  const packed = archive.subarray(from, from + part.packedBytes);
  if (part.method === stored) return packed.length > bytesMax ? undefined : packed;
  if (part.method !== deflated) return undefined;
  try {
    return inflateRawSync(packed, { maxOutputLength: bytesMax });
  } catch {
    return undefined;
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
