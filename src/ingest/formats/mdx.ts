/**
 * MDX: Markdown with a program in it. What is imported and exported, and comments of the program,
 * are no text of the page. Components stay: what they show stands between and within their tags.
 */

import { parseBlocks } from "../../text/markdown.ts";
import { Ends } from "./markdown-comments.ts";

/** Fences show what stands between them; a block that is set in is no code in MDX. Linear. */
export function withoutProgram(text: string): string {
  const pieces: string[] = [];
  let from = 0;
  for (const { kind, start, end } of parseBlocks(text)) {
    if (kind !== "code" || !/^\s{0,200}(?:`{3}|~{3})/.test(text.slice(start, start + 203)))
      continue;
    pieces.push(proseOf(text.slice(from, start)), text.slice(start, end));
    from = end;
  }
  pieces.push(proseOf(text.slice(from)));
  return pieces.join("");
}

function proseOf(text: string): string {
  return withoutModules(withoutComments(text));
}

const signs = /(?<!\\)`+|\{[ \t]{0,20}\/\*|\*\/[ \t]{0,20}\}|\n[ \t]{0,200}(?=\r?\n)/g;

/** One that never ends is text, and what looks like one within marks of code is shown. */
function withoutComments(text: string): string {
  if (!text.includes("/*")) return text;
  const found = Array.from(text.matchAll(signs), ({ 0: written, index }) => {
    const sign = written.startsWith("{") ? "{*" : written.startsWith("*") ? "*}" : written;
    return { sign: sign.startsWith("\n") ? "\n" : sign, at: index, length: written.length };
  });
  const ends = new Ends(found.map(({ sign }) => sign));
  const kept: string[] = [];
  let from = 0;
  for (let index = 0; index < found.length; index += 1) {
    const { sign, at } = found[index] ?? { sign: "\n", at: 0 };
    if (sign === "\n" || sign === "*}") continue;
    const end = ends.after(index, sign === "{*" ? "*}" : sign);
    const last = end === undefined ? undefined : found[end];
    if (end === undefined || last === undefined) continue;
    if (sign === "{*") {
      kept.push(text.slice(from, at));
      from = last.at + last.length;
    } else if (end > (ends.after(index, "\n") ?? found.length)) continue;
    index = end;
  }
  return kept.join("") + text.slice(from);
}

const module =
  /^(?:import[ \t]{1,20}(?:["'{*]|type[ \t]|[\w$]{1,100}[ \t]{0,20}(?:,|from\b))|export[ \t]{1,20}(?:[{*]|(?:async|class|const|default|function|interface|let|type|var)\b))/;

/**
 * A block that begins as a statement of a module, up to the first blank line at which its brackets
 * are closed. Where they never are, it is that of the first blank line.
 */
function withoutModules(text: string): string {
  if (!/(?:^|\n)(?:im|ex)port[ \t]/.test(text)) return text;
  const lines = text.split("\n");
  const kept: string[] = [];
  /** From here on brackets are known not to close. */
  let openFrom = lines.length;
  for (let at = 0; at < lines.length; ) {
    const isStart = isBlank(kept.at(-1)) && module.test(lines[at] ?? "");
    if (!isStart) {
      kept.push(lines[at] ?? "");
      at += 1;
      continue;
    }
    const first = paragraphEnd(lines, at);
    const end = at >= openFrom ? undefined : moduleEnd(lines, at);
    if (end === undefined) openFrom = Math.min(openFrom, at);
    at = end ?? first;
  }
  return kept.join("\n");
}

function isBlank(line: string | undefined): boolean {
  return line === undefined || line.trim() === "";
}

function paragraphEnd(lines: readonly string[], from: number): number {
  let end = from;
  while (end < lines.length && !isBlank(lines[end])) end += 1;
  return end;
}

function moduleEnd(lines: readonly string[], from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (depth <= 0 && isBlank(line)) return at;
    for (const [sign] of line.replace(quoted, "").matchAll(/[()[\]{}]/g)) {
      depth += "([{".includes(sign) ? 1 : -1;
    }
  }
  return depth <= 0 ? lines.length : undefined;
}

const quoted = /"[^"]{0,1000}"|'[^']{0,1000}'|`[^`]{0,1000}`/g;
