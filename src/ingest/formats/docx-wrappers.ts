/**
 * What the library passes over although Word shows it: elements that only stand around text. They
 * are taken away, or written as others that it knows. Linear: one pass each.
 */

/** Results of fields (letters that were filled from a table are made of them), directions. */
const transparent = /<\/?w:(?:fldSimple|dir|bdo)(?:\s[^<>]{0,2000})?>/g;
/** Shapes that the library knows under one name. */
const shapes = /<(\/?)v:(?:oval|line|polyline|curve|arc)(?=[\s>])/g;
const texts = /<w:t(?:\s[^<>]{0,200})?>[^<]*<\/w:t>/g;

export function withoutWrappers(xml: string): string {
  const open = xml.replace(transparent, "").replace(shapes, "<$1v:rect");
  return withBoxes(withReadings(open));
}

/** `漢字(かんじ)`, as of a page. */
function withReadings(xml: string): string {
  const [first = "", ...pieces] = xml.split("<w:ruby>");
  return first + pieces.map(readingOf).join("");
}

function readingOf(piece: string): string {
  const end = piece.indexOf("</w:ruby>");
  if (end === -1) return `<w:ruby>${piece}`;
  const inner = piece.slice(0, end);
  const words = (inside(inner, "w:rt").match(texts) ?? []).map((text) =>
    text.slice(text.indexOf(">") + 1, -"</w:t>".length),
  );
  const reading = words.length === 0 ? "" : `<w:r><w:t>(${words.join("")})</w:t></w:r>`;
  return inside(inner, "w:rubyBase") + reading + piece.slice(end + "</w:ruby>".length);
}

/** Boxes of text that have no older form beside today's: the library reads the older one. */
function withBoxes(xml: string): string {
  const [first = "", ...pieces] = xml.split("<mc:AlternateContent>");
  return first + pieces.map(boxOf).join("");
}

function boxOf(piece: string): string {
  const end = piece.indexOf("</mc:AlternateContent>");
  const inner = piece.slice(0, Math.max(end, 0));
  const content = inner.includes("<mc:Fallback") ? "" : inside(inner, "w:txbxContent");
  if (content === "") return `<mc:AlternateContent>${piece}`;
  const box = `<w:pict><v:textbox><w:txbxContent>${content}</w:txbxContent></v:textbox></w:pict>`;
  return box + piece.slice(end + "</mc:AlternateContent>".length);
}

function inside(xml: string, name: string): string {
  const start = xml.indexOf(`<${name}>`);
  const end = xml.lastIndexOf(`</${name}>`);
  return start === -1 || end < start ? "" : xml.slice(start + name.length + 2, end);
}
