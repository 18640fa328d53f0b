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

/** Word calls the part of the text so; its siblings in browsers have other names for it. */
export const usualTextPart = "word/document.xml";

/** Where the text is, as the archive's first relations say. */
export function textPartOf(relations: string): string {
  for (const [relation] of relations.matchAll(/<Relationship\s[^<>]{0,2000}>/g)) {
    if (!/\sType="[^"]*\/officeDocument"/.test(relation)) continue;
    const target = /\sTarget="\/?([^"]+)"/.exec(relation)?.[1];
    if (target !== undefined) return target;
  }
  return usualTextPart;
}

/** A name that could be more than a name to the library is left alone. */
const styleName = /^[^'\\]{1,200}$/;
const stylesMax = 500;
/** Styles that are based on one another in a circle, or in a chain that nobody made by hand. */
const basesMax = 20;
const bodyLevel = 9;

interface Style {
  readonly name: string;
  readonly base: string | undefined;
  /** From 0; nine is that of text. */
  readonly outline: number | undefined;
}

/**
 * Headings by styles of one's own: based on those of Word, or with a level in the outline.
 *
 * @returns name and level, from 1, of each that Word's own names do not say
 */
export function ownHeadingStyles(xml: string): readonly (readonly [string, number])[] {
  const styles = new Map(stylesOf(xml));
  return [...styles.values()].flatMap((style): (readonly [string, number])[] => {
    const level = levelOf(style, styles);
    const isOwn = !wordHeading.test(style.name) && styleName.test(style.name);
    return isOwn && level !== undefined ? [[style.name, level]] : [];
  });
}

const wordHeading = /^(?:heading \d|title|subtitle)$/i;

function* stylesOf(xml: string): Generator<readonly [string, Style]> {
  const pieces = xml.split("<w:style ").slice(1, stylesMax + 1);
  for (const piece of pieces) {
    const [tag = ""] = piece.split(">", 1);
    const id = /\bw:styleId="([^"]+)"/.exec(tag)?.[1];
    if (id === undefined || !tag.includes('w:type="paragraph"')) continue;
    const outline = valueOf(piece, "outlineLvl");
    yield [
      id,
      {
        name: valueOf(piece, "name") ?? "",
        base: valueOf(piece, "basedOn"),
        outline: outline === undefined ? undefined : Number(outline),
      },
    ];
  }
}

function valueOf(xml: string, name: string): string | undefined {
  const value = new RegExp(`<w:${name}\\s+w:val="([^"]*)"`).exec(xml)?.[1];
  return value?.replace(entity, characterOf);
}

function levelOf(style: Style, styles: ReadonlyMap<string, Style>): number | undefined {
  let each: Style | undefined = style;
  for (let count = 0; each !== undefined && count < basesMax; count += 1) {
    const { name, outline, base }: Style = each;
    if (outline !== undefined) return outline < bodyLevel ? Math.min(outline + 1, 6) : undefined;
    const said = /^heading ([1-6])$/i.exec(name)?.[1];
    if (said !== undefined) return Number(said);
    each = base === undefined ? undefined : styles.get(base);
  }
  return undefined;
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
