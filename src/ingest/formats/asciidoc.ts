/** AsciiDoc as text: headings and code as Markdown has them, the header's fields as metadata. */

import { withoutEnd } from "../../contract/without-end.ts";
import { plainTitle } from "../../text/markdown-title.ts";
import { AsciidocAttributes } from "./asciidoc-attributes.ts";
import { inlineText, withoutLineBreak } from "./asciidoc-inline.ts";
import { delimiterIn, separatedTableLines, tableLines } from "./asciidoc-table.ts";
import type { Converted } from "./convert.ts";
import { fencedCode } from "./fence.ts";

const headingLine = /^(={1,6})[ \t]+(\S.*)$/s;
/** `-----` or `.....`: what is between two of them is shown as it is. */
const literalFence = /^(-{4,}|\.{4,})$/;
const commentFence = /^\/{4,}$/;
const otherFence = /^(?:={4,}|\*{4,}|_{4,}|\+{4,})$/;
const sourceLine = /^\[source(?:%\w+)?,\s*([\w+#-]+)/;
/** Attributes of the block below it, an anchor. */
const attributesLine = /^\[\[?[^\]]*\]\]?$/;
/** Of a picture its description is text, its address is not. */
const pictureLine = /^image::[^[\]]+\[([^\]]*)\]$/;
/** A condition with its text on one line. */
const conditional = /^ifn?def::[^[\]]*\[(\S.*)\]$/;
const silentLine = /^(?:ifdef|ifndef|ifeval|endif|include|toc|video|audio)::.*$/;

export function asciidocDocument(source: string): Converted {
  const lines = withOneLineTitles(source.split(/\r\n|\r|\n/));
  const out: string[] = [];
  const attributes = new AsciidocAttributes(source.length);
  const shown = (written: string): string => inlineText(attributes.resolved(written));
  let title: string | undefined;
  let language = "";
  let attributesAbove = "";
  for (let at = 0; at < lines.length; at += 1) {
    const line = (lines[at] ?? "").trimEnd();
    const fence = literalFence.exec(line)?.[1];
    const heading = headingLine.exec(line);
    if (tableFence.test(line)) {
      const end = endOf(lines, at, line);
      const rows = lines.slice(at + 1, end).map(shown);
      const mark = line.charAt(0);
      const delimiter = mark === "|" ? delimiterIn(attributesAbove) : mark;
      const table =
        delimiter === undefined
          ? tableLines(rows, attributesAbove)
          : separatedTableLines(rows, { attributes: attributesAbove, delimiter });
      out.push(table.join("\n"));
      at = end;
    } else if (fence !== undefined || commentFence.test(line)) {
      const end = endOf(lines, at, line);
      // A comment that never ends would take the rest of the text.
      if (fence === undefined && end === lines.length) continue;
      if (fence !== undefined) out.push(fencedCode(lines.slice(at + 1, end).join("\n"), language));
      at = end;
      language = "";
    } else if (heading !== null) {
      const [, marks = "=", written = ""] = heading;
      const text = shown(withoutClosingMarks(written));
      title ??= plainTitle(text);
      out.push(`${"#".repeat(marks.length)} ${text}`, "");
    } else if (conditional.test(line)) {
      // What is shown for some readers only is there for them.
      out.push(textLine(shown(conditional.exec(line)?.[1] ?? "")));
    } else if (pictureLine.test(line)) {
      out.push(pictureText(attributes.resolved(line)));
    } else if (attributes.take(line)) {
      // Said where it is named.
    } else if (line.endsWith("]") && sourceLine.test(line)) {
      language = sourceLine.exec(line)?.[1] ?? "";
    } else if (attributesLine.test(line)) {
      attributesAbove = line;
      out.push(...saidBy(line));
      continue;
    } else if (!line.startsWith("//") && !otherFence.test(line) && !silentLine.test(line)) {
      out.push(textLine(withoutLineBreak(shown(line))));
      // Between attributes and their block may stand its title.
      if (line.startsWith(".")) continue;
    }
    attributesAbove = "";
  }
  const author = attributes.get("author");
  return {
    title,
    text: out.join("\n").trim(),
    date: attributes.get("revdate"),
    metadata: author === undefined || author === "" ? {} : { author },
  };
}

/** `A ferry,300,200`, `"A ferry, at sea",width=300`, `alt=A ferry` */
function pictureText(line: string): string {
  const [, written = ""] = pictureLine.exec(line) ?? [];
  const quoted = /^(?:alt=)?"([^"]*)"/.exec(written)?.[1];
  const [first = ""] = written.split(",");
  return (quoted ?? first.replace(/^alt=/, "")).replace(/^\w+=.*$/, "").trim();
}

/** What a reader sees of attributes: that it is a warning, and who says what is quoted. */
function saidBy(line: string): readonly string[] {
  const notice = /^\[(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\b/.exec(line)?.[1];
  if (notice !== undefined) return [`${notice}:`];
  const source = /^\[(?:quote|verse)[ \t]*,(.+)\]$/.exec(line)?.[1] ?? "";
  const said = source.replaceAll('"', "").trim();
  return said === "" ? [] : [`${said}:`];
}

/** The older way to write a title: underlined with as many signs as it has letters. */
const titleUnderlines = ["=", "", "~", "^"];

function withOneLineTitles(lines: readonly string[]): readonly string[] {
  const out: string[] = [];
  for (const line of lines) {
    const title = out.at(-1) ?? "";
    const level = /^(=+|~+|\^+)$/.test(line) ? titleUnderlines.indexOf(line.charAt(0)) : -1;
    const isUnder = level !== -1 && Math.abs(line.length - title.length) <= 1;
    const isTitle = isUnder && /^[\p{L}\d]/u.test(title) && (out.at(-2) ?? "").trim() === "";
    if (isTitle) out[out.length - 1] = `${"=".repeat(level + 1)} ${title}`;
    else out.push(line);
  }
  return out;
}

const tableFence = /^[|,:;]={3,}$/;

/** Where a block that `line` opens ends: at the same line again, or with the file. */
function endOf(lines: readonly string[], from: number, line: string): number {
  for (let at = from + 1; at < lines.length; at += 1) {
    if ((lines[at] ?? "").trimEnd() === line) return at;
  }
  return lines.length;
}

/** `== Title ==` is written, too. */
function withoutClosingMarks(title: string): string {
  const open = withoutEnd(title, "=");
  return open !== title && /[ \t]$/.test(open) ? open.trimEnd() : title;
}

/** `* item`, `** item` and `. step`: lists by the number of marks; `.Title` above a block. */
function textLine(line: string): string {
  const item = /^(\*{1,5}|\.{1,5}|-)[ \t]+(\S.*)$/.exec(line);
  if (item !== null) {
    const [, marks = "*", text = ""] = item;
    return `${"  ".repeat(marks.length - 1)}${marks.startsWith(".") ? "1." : "-"} ${text}`;
  }
  return line.replace(/^\.(?=[A-Za-z\d])/, "");
}
