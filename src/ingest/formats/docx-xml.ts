/** What is read of a Word document beside its text: its properties, and what in it is hidden. */

import type { Converted } from "./convert.ts";
import { saysNoTitle } from "./file-names.ts";

const hidden = /<w:vanish\s*\/>|<w:vanish\s+w:val="(?:1|true|on)"\s*\/>/;
const runEnd = "</w:r>";
const words = /<w:t(?:\s[^<>]*)?>[^<]*<\/w:t>/g;

/** Notes to the next author, which Word neither shows nor prints. Only words go. Linear. */
export function withoutHiddenRuns(xml: string): string {
  if (!hidden.test(xml)) return xml;
  return xml
    .split(runEnd)
    .map((piece) => {
      const start = Math.max(piece.lastIndexOf("<w:r>"), piece.lastIndexOf("<w:r "));
      const run = start === -1 ? "" : piece.slice(start);
      return hidden.test(run) ? piece.slice(0, start) + run.replace(words, "") : piece;
    })
    .join(runEnd);
}

/** Libraries leave the properties of their template: its date is that of no document. */
const templates = /^(?:python-docx|apache poi|docx4j|un-named)$/i;

/** The title of a form that many documents were made from is the last that counts. */
export function propertiesOf(xml: string): Pick<Converted, "title" | "date" | "metadata"> {
  const author = elementOf(xml, "dc:creator");
  if (templates.test(author)) return {};
  const title = elementOf(xml, "dc:title");
  const [date] = [elementOf(xml, "dcterms:modified"), elementOf(xml, "dcterms:created")].filter(
    (each) => each !== "",
  );
  return {
    title: title === "" || saysNoTitle(title) ? undefined : title,
    date,
    metadata: author === "" ? {} : { author },
  };
}

function elementOf(xml: string, name: string): string {
  const found = new RegExp(`<${name}(?:\\s[^<>]*)?>([^<]{0,2000})</${name}>`).exec(xml);
  return (found?.[1] ?? "").replace(entity, characterOf).trim();
}

const entity = /&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([\da-f]{1,6}));/gi;
const named: Readonly<Record<string, string>> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" },
};

function characterOf(
  ...[written, name, decimal, hexadecimal = ""]: readonly [string, string?, string?, string?]
): string {
  if (name !== undefined) return named[name.toLowerCase()] ?? written;
  const code = Number.parseInt(decimal ?? hexadecimal, decimal === undefined ? 16 : 10);
  const isCharacter = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return isCharacter ? String.fromCodePoint(code) : written;
}
