/** Headings of a Word document by the level of a paragraph itself, which no style says. */

const paragraphEnd = "</w:p>";
const properties = "<w:pPr>";
const propertiesEnd = "</w:pPr>";
const level = /<w:outlineLvl w:val="([0-8])" ?\/>/;
const ownStyle = /<w:pStyle\s[^<>]{0,300}\/>/;
const texts = /<w:t(?:\s[^<>]{0,200})?>([^<]*)<\/w:t>/g;
/** Contracts give whole clauses a level, so that they can be folded: those are text. */
const headingCharsMax = 200;
const styleOf = (heading: number) => `FreshetHeading${heading}`;

/** For the library, which knows styles only: by a name that no document has. */
export const outlineStyles = [1, 2, 3, 4, 5, 6].map(
  (heading) => `p.${styleOf(heading)} => h${heading}:fresh`,
);

/** Linear: one pass. */
export function withOutlineStyles(xml: string): string {
  if (!xml.includes("<w:outlineLvl")) return xml;
  return xml.split(paragraphEnd).map(styled).join(paragraphEnd);
}

function styled(piece: string): string {
  const start = piece.lastIndexOf(properties);
  const end = piece.indexOf(propertiesEnd, start);
  if (start === -1 || end === -1) return piece;
  const own = piece.slice(start + properties.length, end);
  const said = level.exec(own)?.[1];
  if (said === undefined) return piece;
  const chars = [...piece.slice(end).matchAll(texts)].reduce(
    (sum, [, text = ""]) => sum + text.length,
    0,
  );
  if (chars > headingCharsMax) return piece;
  const style = `<w:pStyle w:val="${styleOf(Math.min(Number(said) + 1, 6))}"/>`;
  return (
    piece.slice(0, start + properties.length) + style + own.replace(ownStyle, "") + piece.slice(end)
  );
}
