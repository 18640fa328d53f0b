/**
 * What never ends takes all that follows it: a comment, a title, an inner frame, a script above the
 * body. A browser hides the rest of such a page, too, but its reader asks for what stands there.
 */

const comment = "<!--";
const commentEnd = /--!?>/g;
/** Their content is text to the parser, tags and all. */
const textElements = ["title", "textarea", "iframe", "noembed", "noframes", "xmp"] as const;
/** Their content is no text to anyone, and may have the sign that begins a tag. */
const codeElements = ["script", "style"] as const;

const patterns = textElements.map((name) => ({
  ends: new RegExp(`</${name}\\b`, "gi"),
  begin: new RegExp(`<${name}\\b[^<>]*>[^<]*`, "gi"),
  end: `</${name}>`,
}));
const codePatterns = codeElements.map((name) => ({
  ends: new RegExp(`</${name}\\b`, "gi"),
  begin: new RegExp(`<${name}\\b[^<>]*>`, "gi"),
  end: `</${name}>`,
}));
const headEnd = /<\/head\b|<body\b/i;

/** The page with an end for each of them. Linear. */
export function withEnds(html: string): string {
  let page = html;
  if (page.includes(comment)) {
    page = afterLast(page, commentEnd, (rest) => rest.replaceAll(comment, ""));
  }
  for (const { ends, begin, end } of patterns) {
    page = afterLast(page, ends, (rest) => rest.replace(begin, (element) => element + end));
  }
  for (const { ends, begin, end } of codePatterns) {
    page = afterLast(page, ends, (rest) => withCodeEnded(rest, begin, end));
  }
  return page;
}

/** What stands behind the last end has none. */
function afterLast(html: string, ends: RegExp, change: (rest: string) => string): string {
  let from = 0;
  for (const { 0: end, index } of html.matchAll(ends)) from = index + end.length;
  return html.slice(0, from) + change(html.slice(from));
}

/** Where the head ends or the body begins; without either nobody knows where its code ends. */
function withCodeEnded(rest: string, begin: RegExp, end: string): string {
  const [first] = rest.matchAll(begin);
  if (first === undefined) return rest;
  const from = first.index + first[0].length;
  const below = rest.slice(from);
  const at = headEnd.exec(below)?.index;
  return at === undefined ? rest : rest.slice(0, from + at) + end + below.slice(at);
}
