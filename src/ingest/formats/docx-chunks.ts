/**
 * Files within a Word document (`altChunk`) that Word shows in their place: programs that make
 * reports of HTML write nothing else, and the library passes over them.
 */

import { decodeText } from "./decode.ts";

interface Chunk {
  readonly id: string;
  /** Of the part that holds it, from the folder of the text. */
  readonly target: string;
}

/** More are no report. Each is read once, however often it is named. */
const chunksMax = 100;
const element = /<w:altChunk\s[^<>]{0,500}>/g;

/** Paragraphs in their places that name them, and what they name. */
export function withChunksNamed(
  xml: string,
  relations: string,
): { readonly xml: string; readonly chunks: readonly Chunk[] } {
  if (!xml.includes("<w:altChunk")) return { xml, chunks: [] };
  const targets = targetsIn(relations);
  const chunks = new Map<string, Chunk>();
  const named = xml.replace(element, (tag) => {
    const id = /\sr:id="([^"]{1,100})"/.exec(tag)?.[1] ?? "";
    const target = targets.get(id);
    if (target === undefined || chunks.has(id) || chunks.size >= chunksMax) return tag;
    chunks.set(id, { id, target });
    const paragraph = `<w:p><w:r><w:t>${nameOf(chunks.size - 1)}</w:t></w:r></w:p>`;
    return tag.endsWith("/>") ? paragraph : `${paragraph}${tag}`;
  });
  return { xml: named, chunks: [...chunks.values()] };
}

/** Letters of a private use area: nobody's text. */
function nameOf(at: number): string {
  return `\u{F8FF}\u{F8FE}${at}\u{F8FE}\u{F8FF}`;
}

export function withChunks(html: string, chunks: readonly string[]): string {
  return chunks.reduce((whole, chunk, at) => {
    return whole.replace(`<p>${nameOf(at)}</p>`, () => `<div>${chunk}</div>`);
  }, html);
}

function targetsIn(relations: string): ReadonlyMap<string, string> {
  const targets = new Map<string, string>();
  for (const [relation] of relations.matchAll(/<Relationship\s[^<>]{0,2000}>/g)) {
    const id = /\sId="([^"]+)"/.exec(relation)?.[1];
    const target = /\sTarget="([^"]+)"/.exec(relation)?.[1];
    const isChunk = /\sType="[^"]*\/aFChunk"/.test(relation);
    if (isChunk && id !== undefined && target !== undefined) targets.set(id, target);
  }
  return targets;
}

/** As HTML. Word documents are the caller's; of RTF nothing is read. */
export async function htmlOfChunk(name: string, bytes: Uint8Array): Promise<string> {
  if (/\.mht(?:ml)?$/i.test(name)) {
    const { htmlOfMail } = await import("./mail.ts");
    return htmlOfMail(bytes);
  }
  if (/\.x?html?$/i.test(name)) return decodeText(bytes);
  if (!/\.txt$/i.test(name)) return "";
  const text = decodeText(bytes).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return text.replace(/\r?\n/g, "<br>");
}
