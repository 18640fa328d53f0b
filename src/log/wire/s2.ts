/**
 * The S2 stream format, in which nats-server sends and takes copies of streams: frames with a
 * checksum each (https://github.com/google/snappy/blob/main/framing_format.txt, with the longer
 * repeats of S2). What is written here is framed and not compressed: it goes over one connection
 * and is not kept. Pure.
 */

import { FreshetError } from "../../contract/errors.ts";

const frame = { compressed: 0x00, plain: 0x01, firstSkipped: 0x80 } as const;
const streamId = Buffer.from([0xff, 6, 0, 0, ...Buffer.from("S2sTwO")]);
const headBytes = 4;
const checksumBytes = 4;
/** Snappy's bound, which every reader takes. */
const plainBytesMax = 65_536;
/** S2's largest block. */
const blockBytesMax = 4 * 1024 * 1024;

const damaged = (what: string): FreshetError =>
  new FreshetError("internal", `a copy of a stream arrived damaged: ${what}`);

/** Takes bytes as they come and gives back what they hold. */
export class S2Decoder {
  #rest = Buffer.alloc(0);

  /** @throws FreshetError internal (damaged) */
  push(bytes: Uint8Array): Buffer[] {
    const all = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    const out: Buffer[] = [];
    let at = 0;
    while (at + headBytes <= all.length) {
      const end = at + headBytes + all.readUIntLE(at + 1, 3);
      if (end > all.length) break;
      const decoded = decodeFrame(all[at] ?? 0, all.subarray(at + headBytes, end));
      if (decoded !== undefined) out.push(decoded);
      at = end;
    }
    this.#rest = Buffer.from(all.subarray(at));
    return out;
  }
}

function decodeFrame(type: number, body: Buffer): Buffer | undefined {
  if (type >= frame.firstSkipped) return undefined;
  if (type !== frame.compressed && type !== frame.plain) throw damaged("an unknown frame");
  if (body.length < checksumBytes) throw damaged("a short frame");
  const content = body.subarray(checksumBytes);
  const decoded = type === frame.plain ? content : decodeBlock(content);
  if (checksum(decoded) !== body.readUInt32LE(0)) throw damaged("a checksum differs");
  return decoded;
}

/** The same bytes as an S2 stream; the first part of it begins with the format's name. */
export function* s2Frames(bytes: Uint8Array, isFirst: boolean): Generator<Buffer> {
  if (isFirst) yield streamId;
  for (let at = 0; at < bytes.length; at += plainBytesMax) {
    const content = bytes.subarray(at, at + plainBytesMax);
    const head = Buffer.alloc(headBytes + checksumBytes);
    head[0] = frame.plain;
    head.writeUIntLE(content.length + checksumBytes, 1, 3);
    head.writeUInt32LE(checksum(content), headBytes);
    yield Buffer.concat([head, content]);
  }
}

// --- one block ---------------------------------------------------------------------------------

interface Copy {
  readonly offset: number;
  readonly length: number;
  readonly next: number;
}

function decodeBlock(source: Buffer): Buffer {
  const [size, start] = lengthOf(source);
  if (size > blockBytesMax) throw damaged("a block above the format's bound");
  const out = Buffer.alloc(size);
  let from = start;
  let to = 0;
  let offset = 0;
  while (from < source.length) {
    if (((source[from] ?? 0) & 3) === 0) {
      const [length, first] = literalAt(source, from);
      if (first + length > source.length || to + length > size) throw damaged("a literal");
      source.copy(out, to, first, first + length);
      from = first + length;
      to += length;
      continue;
    }
    const copy = copyAt(source, from, offset);
    if (copy.offset === 0 || copy.offset > to || to + copy.length > size) throw damaged("a copy");
    repeat(out, to, copy);
    ({ offset, next: from } = copy);
    to += copy.length;
  }
  if (to !== size) throw damaged("a block of another length");
  return out;
}

function lengthOf(source: Buffer): [size: number, next: number] {
  let size = 0;
  for (let at = 0, unit = 1; at < 5; at += 1, unit *= 128) {
    const byte = source[at] ?? 0;
    size += (byte & 127) * unit;
    if (byte < 128) return [size, at + 1];
  }
  throw damaged("a length");
}

function literalAt(source: Buffer, at: number): [length: number, first: number] {
  const short = (source[at] ?? 0) >> 2;
  if (short < 60) return [short + 1, at + 1];
  const bytes = short - 59;
  return [numberAt(source, at + 1, bytes) + 1, at + 1 + bytes];
}

function copyAt(source: Buffer, at: number, last: number): Copy {
  const tag = source[at] ?? 0;
  if ((tag & 3) === 1) return shortCopyAt(source, at, last);
  const bytes = (tag & 3) === 2 ? 2 : 4;
  const offset = numberAt(source, at + 1, bytes);
  return { offset, length: 1 + (tag >> 2), next: at + 1 + bytes };
}

/** An offset of zero repeats the last one; its length then takes up to three bytes more. */
function shortCopyAt(source: Buffer, at: number, last: number): Copy {
  const tag = source[at] ?? 0;
  const length = (tag >> 2) & 7;
  const offset = ((tag & 0xe0) << 3) | numberAt(source, at + 1, 1);
  if (offset !== 0) return { offset, length: length + 4, next: at + 2 };
  const more = Math.max(0, length - 4);
  if (more === 0) return { offset: last, length: length + 4, next: at + 2 };
  const base = [0, 4, 1 << 8, 1 << 16][more] ?? 0;
  return {
    offset: last,
    length: base + numberAt(source, at + 2, more) + 4,
    next: at + 2 + more,
  };
}

function numberAt(source: Buffer, at: number, bytes: number): number {
  if (at + bytes > source.length) throw damaged("a block that ends early");
  return source.readUIntLE(at, bytes);
}

/** What is copied may reach into what the copy itself writes. */
function repeat(out: Buffer, to: number, { offset, length }: Copy): void {
  if (offset >= length) {
    out.copyWithin(to, to - offset, to - offset + length);
    return;
  }
  for (let at = to; at < to + length; at += 1) out[at] = out[at - offset] ?? 0;
}

// --- CRC-32C, masked as the format asks --------------------------------------------------------

const table = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (table[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
