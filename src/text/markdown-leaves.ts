/** How the leaves of Markdown begin and end: one line each, without what they stand in. */

const heading = /^(#{1,6})(?:[ \t]+(\S.*)?)?$/s;
const underline = /^(=+|-+)[ \t]*$/;
const fence = /^(`{3,})([^`]*)$|^(~{3,})(?:[^~].*)?$/s;
const rule = /^(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const listMarker = /^(?:[-*+]|(\d{1,9})[.)])(?=[ \t]|$)/;

export function headingOf(rest: string): { level: number; markup: string } | undefined {
  if (!rest.startsWith("#")) return undefined;
  const found = heading.exec(rest);
  return found === null ? undefined : { level: found[1]?.length ?? 1, markup: found[2] ?? "" };
}

/** The level of the heading that the line makes of the paragraph above it. */
export function underlineLevel(rest: string): 1 | 2 | undefined {
  const mark = rest[0];
  if ((mark !== "=" && mark !== "-") || !underline.test(rest)) return undefined;
  return mark === "=" ? 1 : 2;
}

export function fenceOf(rest: string): string | undefined {
  if (!rest.startsWith("```") && !rest.startsWith("~~~")) return undefined;
  const found = fence.exec(rest);
  return found?.[1] ?? found?.[3];
}

/** At least as many of the same marks, and nothing else. */
export function closesFence(rest: string, opened: string): boolean {
  const line = rest.trimEnd();
  return line.length >= opened.length && line === opened.charAt(0).repeat(line.length);
}

export function isRule(rest: string): boolean {
  const mark = rest[0];
  return (mark === "*" || mark === "-" || mark === "_") && rule.test(rest);
}

export interface ListMarker {
  readonly length: number;
  /** What may interrupt a paragraph: a bullet, or a list that begins with one. */
  readonly mayInterrupt: boolean;
}

export function listMarkerOf(rest: string): ListMarker | undefined {
  const found = listMarker.exec(rest);
  if (found === null) return undefined;
  const [{ length }, number] = found;
  const isEmpty = rest.slice(length).trim() === "";
  return { length, mayInterrupt: !isEmpty && (number === undefined || Number(number) === 1) };
}

/** `[label]: address`: it names a link, and is shown nowhere. */
export function isDefinition(rest: string): boolean {
  return rest.startsWith("[") && /^\[[^\]]+\]:\s*\S/.test(rest);
}

// --- HTML ----------------------------------------------------------------------------------------

/** How each kind of HTML block begins, and where it ends: at a line with this, or a blank one. */
const htmlKinds: readonly { readonly begins: RegExp; readonly ends: RegExp | undefined }[] = [
  {
    begins: /^<(?:script|pre|textarea|style)(?:\s|>|$)/i,
    ends: /<\/(?:script|pre|textarea|style)>/i,
  },
  { begins: /^<!--/, ends: /-->/ },
  { begins: /^<\?/, ends: /\?>/ },
  { begins: /^<![A-Za-z]/, ends: />/ },
  { begins: /^<!\[CDATA\[/, ends: /\]\]>/ },
  {
    begins:
      /^<\/?(?:address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul)(?:\s|\/?>|$)/i,
    ends: undefined,
  },
];
const attribute = String.raw`\s+[A-Za-z_:][\w.:-]*(?:\s*=\s*(?:[^\s"'=<>\x60]+|'[^']*'|"[^"]*"))?`;
const wholeTag = new RegExp(
  `^(?:<[A-Za-z][A-Za-z0-9-]*(?:${attribute})*\\s*/?>|</(?!(?:script|pre|textarea|style)\\s*>)[A-Za-z][A-Za-z0-9-]*\\s*>)\\s*$`,
);

export interface HtmlStart {
  /** Undefined for a block that a blank line ends. */
  readonly ends: RegExp | undefined;
  readonly mayInterrupt: boolean;
}

export function htmlStartOf(rest: string): HtmlStart | undefined {
  if (!rest.startsWith("<")) return undefined;
  const kind = htmlKinds.find(({ begins }) => begins.test(rest));
  if (kind !== undefined) return { ends: kind.ends, mayInterrupt: true };
  return wholeTag.test(rest) ? { ends: undefined, mayInterrupt: false } : undefined;
}

// --- tables --------------------------------------------------------------------------------------

const delimiterRow = /^\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*(?:\|[ \t]*)?$/;

/** Whether the line below a header row makes a table of it. */
export function isDelimiterRow(rest: string): boolean {
  return rest.includes("-") && delimiterRow.test(rest);
}

/** The texts of a row's cells. A pipe behind a backslash is part of a cell. */
export function cellsOf(row: string): readonly string[] {
  const line = row
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "");
  return line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}
