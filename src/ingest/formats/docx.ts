/** Word documents: to HTML by a library, and from there as every page. */

import type Mammoth from "mammoth";
import { limits } from "../../contract/limits.ts";
import { isEncryptedOffice } from "./content-signs.ts";
import { type Converted, Unreadable } from "./convert.ts";
import { htmlOfChunk, withChunks, withChunksNamed } from "./docx-chunks.ts";
import { outlineStyles, withOutlineStyles } from "./docx-outline.ts";
import { withoutWrappers } from "./docx-wrappers.ts";
import { ownHeadingStyles, propertiesOf, textPartOf, withoutHiddenRuns } from "./docx-xml.ts";
import { readFragment } from "./html/page.ts";
import { unpacked, type ZipPart, zipParts } from "./zip.ts";

/** Beside the styles that the library knows itself. */
const styleMap = [
  "p[style-name='Title'] => h1:fresh",
  "p[style-name='Subtitle'] => p:fresh",
  ...outlineStyles,
];
const stylesPart = "word/styles.xml";
const propertiesPart = "docProps/core.xml";

type Input = Parameters<typeof Mammoth.convertToHtml>[0];

/** @throws Unreadable size, locked */
export async function docxDocument(bytes: Uint8Array): Promise<Converted> {
  if (isEncryptedOffice(bytes)) throw new Unreadable("locked");
  const parts = zipParts(bytes);
  if (xmlBytesIn(parts) > limits.unpackedXmlBytesMax) throw new Unreadable("size");
  const headings = ownHeadingStyles(textOf(bytes, parts, stylesPart) ?? "").map(
    ([name, level]) => `p[style-name='${name}'] => h${level}:fresh`,
  );
  const { default: mammoth } = await import("mammoth");
  const { input, chunks } = inputOf(bytes, parts);
  const { value } = await mammoth.convertToHtml(input, {
    styleMap: [...styleMap, ...headings],
    // Pictures would come as text.
    convertImage: mammoth.images.imgElement(async () => ({ src: "" })),
    externalFileAccess: false,
  });
  const html = await Promise.all(chunks.map((name) => chunkOf(bytes, parts, name)));
  const { text, title: heading } = readFragment(withChunks(value, html));
  const { title, ...said } = propertiesOf(textOf(bytes, parts, propertiesPart) ?? "");
  return { ...said, title: heading ?? title, text };
}

/**
 * What the archive says its texts unpack to: a bomb says so. One that lies is ended by the memory
 * that it takes.
 */
function xmlBytesIn(parts: readonly ZipPart[]): number {
  return parts
    .filter(({ name }) => /\.(?:xml|rels|x?html?|mht(?:ml)?|txt)$/i.test(name))
    .reduce((sum, { unpackedBytes }) => sum + unpackedBytes, 0);
}

/** What Word shows of another file, if it is of a kind that is read; a wrong one costs no other. */
async function chunkOf(
  bytes: Uint8Array,
  parts: readonly ZipPart[],
  name: string,
): Promise<string> {
  const part = partOf(bytes, parts, name);
  if (part === undefined) return "";
  try {
    return await htmlOfChunk(name, part);
  } catch {
    return "";
  }
}

/**
 * The file as it is, unless something in its text is hidden, which the library shows, or stands in
 * other parts, over which it passes.
 */
function inputOf(
  bytes: Uint8Array,
  parts: readonly ZipPart[],
): { readonly input: Input; readonly chunks: readonly string[] } {
  const textPart = textPartOf(textOf(bytes, parts, "_rels/.rels") ?? "");
  const text = textOf(bytes, parts, textPart);
  const folder = textPart.slice(0, textPart.lastIndexOf("/") + 1);
  const relationsPart = `${folder}_rels/${textPart.slice(folder.length)}.rels`;
  const relations = textOf(bytes, parts, relationsPart) ?? "";
  const { xml: shown, chunks } = withChunksNamed(readable(text ?? ""), relations);
  const changed = new Map([[textPart, shown]]);
  const notes = parts.filter(({ name }) => notesPart.test(name));
  for (const { name } of notes) changed.set(name, readable(textOf(bytes, parts, name) ?? ""));
  if (text === undefined || (shown === text && notes.length === 0)) {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return { input: { buffer }, chunks: [] };
  }
  const names = chunks.map(({ target }) =>
    target.startsWith("/") ? target.slice(1) : `${folder}${target}`,
  );
  const file = {
    exists: (name: string) => parts.some((part) => part.name === name),
    read: async (name: string, encoding?: string) => {
      const own = changed.get(name);
      const part = own === undefined ? partOf(bytes, parts, name) : Buffer.from(own);
      if (part === undefined) throw new Unreadable("broken");
      if (encoding === undefined) return part;
      if (encoding === "base64") return Buffer.from(part).toString("base64");
      return new TextDecoder(encoding).decode(part);
    },
  };
  // An opened archive is an input of the library, which its types do not say.
  return { input: { file } as unknown as Input, chunks: names };
}

/** Foot notes and end notes are written as the text is. */
const notesPart = /^word\/(?:foot|end)notes\.xml$/;

function readable(xml: string): string {
  return withOutlineStyles(withoutWrappers(withoutHiddenRuns(xml)));
}

function textOf(bytes: Uint8Array, parts: readonly ZipPart[], name: string): string | undefined {
  const part = partOf(bytes, parts, name);
  return part === undefined ? undefined : new TextDecoder().decode(part);
}

function partOf(
  bytes: Uint8Array,
  parts: readonly ZipPart[],
  name: string,
): Uint8Array | undefined {
  const part = parts.find((each) => each.name === name);
  return part === undefined ? undefined : unpacked(bytes, part, limits.unpackedXmlBytesMax);
}
