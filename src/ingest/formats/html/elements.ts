/** What the elements of a page mean for its text. */

import { attributeOf, type Element, isElement, isText } from "./tree.ts";

/** Nothing that a reader reads: programs, pictures, other documents. */
const silent = new Set([
  "script",
  "style",
  "template",
  "head",
  "title",
  "svg",
  "annotation",
  "annotation-xml",
  "canvas",
  "iframe",
  "frame",
  "object",
  "embed",
  "audio",
  "video",
  "map",
  "datalist",
  "progress",
  "meter",
  "rp",
]);

const blockNames =
  "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer form header hgroup hr legend li main menu nav ol optgroup option p search section select summary table tbody td tfoot th thead tr ul caption";
const blocks = new Set(blockNames.split(" "));

/** Lead somewhere else; they say nothing about what the page is about. */
const wayfinding = new Set(["navigation", "search", "banner", "contentinfo", "menu", "menubar"]);

export const headings: ReadonlyMap<string, number> = new Map(
  [1, 2, 3, 4, 5, 6].map((level) => [`h${level}`, level]),
);

export function isSilent(tagName: string): boolean {
  return silent.has(tagName);
}

/** What stands in code and is none: numbers of lines, what copies it, what nobody sees. */
export function isNoCode(element: Element): boolean {
  const { tagName } = element;
  const isControl = tagName === "button" || tagName === "clipboard-copy";
  return isControl || isSilent(tagName) || isHidden(element) || isLineNumbers(element);
}

/** What a server puts into a component is shown; other templates wait for a program. */
export function isShownTemplate(element: Element): boolean {
  if (element.tagName !== "template") return false;
  return ["open", "closed"].includes(attributeOf(element, "shadowrootmode") ?? "");
}

export function isBlock(tagName: string): boolean {
  return blocks.has(tagName);
}

/** What only a style sheet sets apart: labels, who is quoted, and what a page makes itself. */
export function isSetApart(tagName: string): boolean {
  return tagName.includes("-") || tagName === "label" || tagName === "cite";
}

/** What somebody took back: a price that is crossed out is none. */
export function isStruck(element: Element): boolean {
  if (["del", "s", "strike"].includes(element.tagName)) return true;
  return /\bline-through\b/i.test(attributeOf(element, "style") ?? "");
}

/** `hidden` and the like: on the page, but not to be seen. */
export function isHidden(element: Element): boolean {
  if (isFolded(element)) return false;
  // Of Confluence: how a panel looks, but what is written above it.
  if (element.tagName === "ac:parameter") return attributeOf(element, "ac:name") !== "title";
  const hidden = attributeOf(element, "hidden");
  // `until-found` is shown as soon as somebody looks for it.
  if (hidden !== undefined && hidden !== "until-found") return true;
  const style = attributeOf(element, "style");
  return (
    style !== undefined && /(?:^|[;\s])(?:display\s*:\s*none|visibility\s*:\s*hidden)/i.test(style)
  );
}

/** A panel behind a tab, or below a name that unfolds it: its reader has it with one click. */
function isFolded(element: Element): boolean {
  const role = attributeOf(element, "role");
  if (role === "tabpanel") return true;
  return role === "region" && attributeOf(element, "aria-labelledby") !== undefined;
}

/** Beside code, or before each line of it, as Sphinx, Hugo, Jekyll and Hexo write them. */
const lineNumberNames =
  /(?:^|\s)(?:linenos?|linenodiv|lnt?|(?:rouge-)?gutter|line-?numbers?)(?:\s|$)/i;

/** Numbers of lines are no part of the code: `12return` is no word. */
export function isLineNumbers(element: Element): boolean {
  return lineNumberNames.test(attributeOf(element, "class") ?? "") && isNumbers(element);
}

/** Recurses: a tree has a bound (PG1). */
function isNumbers({ childNodes }: Element): boolean {
  return childNodes.every((node) =>
    isText(node) ? /^[\d\s]*$/.test(node.value) : !isElement(node) || isNumbers(node),
  );
}

/** KaTeX draws each formula a second time, in letters that only its style sheet puts in order. */
export function isDrawnAgain(element: Element): boolean {
  if (!/(?:^|\s)katex-html(?:\s|$)/.test(attributeOf(element, "class") ?? "")) return false;
  return element.parentNode !== null && element.parentNode.childNodes.length > 1;
}

export function isWayfinding(element: Element): boolean {
  return element.tagName === "nav" || wayfinding.has(attributeOf(element, "role") ?? "");
}

/** The language of a block of code, as highlighters write it. */
export function codeLanguage(element: Element): string {
  const names = attributeOf(element, "class") ?? "";
  return (
    /(?:^|\s)(?:lang|language|brush|highlight-source)[-:]\s*([\w+#-]{1,30})/.exec(names)?.[1] ?? ""
  );
}

/** Cells that a cell takes the place of; 1 for what is no number. */
export function spanOf(element: Element, name: "colspan" | "rowspan"): number {
  const span = Number(attributeOf(element, name) ?? 1);
  return Number.isInteger(span) && span > 1 ? span : 1;
}
