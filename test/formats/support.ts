/** Files as a test writes them, and what a reader makes of them. */

import { crc32 } from "node:zlib";
import { kindOf } from "../../src/ingest/formats/kinds.ts";
import type {
  CorpusDocument,
  FileReader,
  Part,
  SkipReason,
} from "../../src/ingest/formats/port.ts";

export interface ReadFile {
  readonly documents: readonly CorpusDocument[];
  readonly skipped: readonly SkipReason[];
}

/** @throws Error for a name of no kind that is read */
export async function readNamed(
  reader: FileReader,
  name: string,
  content: string | Uint8Array,
): Promise<ReadFile> {
  const kind = kindOf(name);
  if (kind === undefined) throw new Error(`${name} is no file that is read`);
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const parts = await reader.documentsOf({ id: name, source: `/files/${name}`, kind }, bytes);
  return split(parts);
}

function split(parts: readonly Part[]): ReadFile {
  return {
    documents: parts.flatMap((part) => ("document" in part ? [part.document] : [])),
    skipped: parts.flatMap((part) => ("skipped" in part ? [part.skipped] : [])),
  };
}

/** An archive of files as they are, without packing them. */
export function archiveOf(files: Readonly<Record<string, string>>): Uint8Array {
  const entries: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt32LE(crc32(content), 10);
    fields.writeUInt32LE(content.length, 14);
    fields.writeUInt32LE(content.length, 18);
    fields.writeUInt16LE(Buffer.byteLength(name), 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    const entry = Buffer.concat([Buffer.from("PK\x03\x04"), fields, Buffer.from(name), content]);
    const version = Buffer.from("PK\x01\x02\x14\x00");
    directory.push(version, fields, place, Buffer.from(name));
    entries.push(entry);
    offset += entry.length;
  }
  const count = Object.keys(files).length;
  const end = Buffer.alloc(18);
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(Buffer.concat(directory).length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...entries, ...directory, Buffer.from("PK\x05\x06"), end]);
}
