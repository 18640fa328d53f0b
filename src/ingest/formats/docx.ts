/** Word documents: to HTML by a library, and from there as every page. */

import { limits } from "../../contract/limits.ts";
import { type Converted, Unreadable } from "./convert.ts";
import { readFragment } from "./html/page.ts";

/** Beside the styles that the library knows itself. */
const styleMap = ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => p:fresh"];

/** @throws Unreadable size */
export async function docxDocument(bytes: Uint8Array): Promise<Converted> {
  if (unpackedXmlBytes(bytes) > limits.unpackedXmlBytesMax) throw new Unreadable("size");
  const { default: mammoth } = await import("mammoth");
  const { value: html } = await mammoth.convertToHtml(
    { buffer: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) },
    {
      styleMap,
      // Pictures would come as text.
      convertImage: mammoth.images.imgElement(async () => ({ src: "" })),
      externalFileAccess: false,
    },
  );
  return readFragment(html);
}

const directoryEntry = Buffer.from("PK\x01\x02");
const entryBytes = 46;

/**
 * What the archive says its texts unpack to: a bomb says so. One that lies is ended by the memory
 * that it takes.
 */
function unpackedXmlBytes(bytes: Uint8Array): number {
  const archive = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let sum = 0;
  for (let at = archive.indexOf(directoryEntry); at !== -1; ) {
    const nameAt = at + entryBytes;
    if (nameAt > archive.length) break;
    const name = archive.toString("latin1", nameAt, nameAt + archive.readUInt16LE(at + 28));
    if (/\.(?:xml|rels)$/i.test(name)) sum += archive.readUInt32LE(at + 24);
    at = archive.indexOf(directoryEntry, nameAt);
  }
  return sum;
}
