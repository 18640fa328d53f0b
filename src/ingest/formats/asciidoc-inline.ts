/** What is written within a line of AsciiDoc, as its reader sees it: links, keys, notes. */

/** `xref:page#part[…`, `kbd:[…`; a web address names its link in the same way. */
const opening =
  /(\\?)(?<![\w:])(?:(xref|link|mailto|kbd|btn|menu|image|icon|footnote|footnoteref|indexterm2?|anchor|pass|stem|latexmath|asciimath):([^\s[\]:,]?[^\s[\]]{0,500})|(https?:\/\/[^\s[\]<>]{1,500}))\[/g;
/** A longer one was not closed, most likely. */
const contentCharsMax = 1_000;
/** A link within a foot note, and no more. */
const depthMax = 2;

/** At most so many characters are read again for each macro, so that a line stays linear. */
export function inlineText(line: string, depth = 0): string {
  const text = line.includes("[") && depth < depthMax ? withMacros(line, depth) : line;
  return text
    .replace(/\(\(\([^()]{0,300}\)\)\)/g, "")
    .replace(/(?<![$\w(])\(\(([^()]{1,300})\)\)/g, "$1")
    .replace(
      /<<#?([^\s<>,][^<>,]{0,200})(?:,([^<>]{1,300}))?>>/g,
      (_written, id: string, words?: string) => (words ?? id).trim(),
    )
    .replace(/\[\[[\w:.-]{1,100}(?:,[^\]]{0,300})?\]\]/g, "");
}

/** ` +` breaks a line, which it is already. */
export function withoutLineBreak(line: string): string {
  return line.endsWith(" +") ? line.slice(0, -2).trimEnd() : line;
}

function withMacros(line: string, depth: number): string {
  let out = "";
  let from = 0;
  for (const found of line.matchAll(opening)) {
    const [written, escape = "", name = "", target = "", address = ""] = found;
    const start = found.index + written.length;
    const end = found.index < from ? -1 : closingAt(line, start);
    if (end === -1) continue;
    const said = line.slice(start, end).replaceAll("\\]", "]");
    const shown =
      escape === ""
        ? shownAs({ name, target, address, said: inlineText(said, depth + 1) })
        : line.slice(found.index + 1, end + 1);
    out += line.slice(from, found.index) + shown;
    from = end + 1;
  }
  return out + line.slice(from);
}

function closingAt(line: string, start: number): number {
  let open = 1;
  for (let at = start; at < line.length && at - start < contentCharsMax; at += 1) {
    const sign = line.charAt(at);
    if (sign === "\\") at += 1;
    else if (sign === "[") open += 1;
    else if (sign === "]") open -= 1;
    if (open === 0) return at;
  }
  return -1;
}

interface Macro {
  readonly name: string;
  readonly target: string;
  readonly address: string;
  readonly said: string;
}

function shownAs({ name, target, address, said }: Macro): string {
  switch (name) {
    case "":
      return linked(address, wordsOf(said));
    case "link":
      return linked(target, wordsOf(said));
    case "xref":
      return wordsOf(said) || target;
    case "mailto":
      return wordsOf(said) === "" ? target : `${wordsOf(said)} (${target})`;
    case "menu":
      return said === "" ? target : `${target} > ${said}`;
    case "footnote":
    case "footnoteref":
      // Said where it is first; named again, it says nothing more.
      return said === "" ? "" : ` (${said})`;
    case "image":
      return firstOf(said);
    case "icon":
    case "indexterm":
    case "anchor":
      return "";
    default:
      return said;
  }
}

function linked(address: string, words: string): string {
  return words === "" || words === address ? address : `[${words}](${address})`;
}

/** Behind the words may stand where the link opens: `the site^`, `the site,window=_blank`. */
function wordsOf(said: string): string {
  const quoted = /^"([^"]*)"/.exec(said)?.[1];
  return (quoted ?? said.replace(/,[\w-]+=.*$/, "")).replace(/\^$/, "").trim();
}

function firstOf(said: string): string {
  const quoted = /^(?:alt=)?"([^"]*)"/.exec(said)?.[1];
  const [first = ""] = said.split(",");
  return quoted ?? first.trim();
}
