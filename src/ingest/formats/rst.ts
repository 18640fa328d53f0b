/** reStructuredText as text: headings and literal blocks as Markdown has them. */

import { plainTitle } from "../../text/markdown-title.ts";
import type { Converted } from "./convert.ts";
import { Growth } from "./growth.ts";
import { rstInline } from "./rst-inline.ts";
import { csvTable, drawnTable, listTable } from "./rst-table.ts";

/** A row of one sign, under or over a title. */
const adornment = /^([!-/:-@[-`{-~])\1+[ \t]*$/;
const directive = /^(\s*)\.\.[ \t]+([\w-]+)::[ \t]*(\S.*)?$/s;
const codeDirectives = new Set(["code", "code-block", "sourcecode", "highlight"]);
/** Notes keep their name, because it says how to read them. */
const admonitions = new Set([
  "note",
  "warning",
  "tip",
  "important",
  "caution",
  "danger",
  "hint",
  "attention",
  "error",
  "seealso",
]);
/** What they say before their argument. */
const versions: Readonly<Record<string, string>> = {
  versionadded: "New in version",
  versionchanged: "Changed in version",
  deprecated: "Deprecated since version",
  "deprecated-removed": "Deprecated since version",
  versionremoved: "Removed in version",
};
/** Their argument names a form, a file or a setting: for the program, and not for a reader. */
const forPrograms = new Set(
  "only raw include contents toctree index role default-role highlight currentmodule".split(" "),
);
/** Of those, what stands below them is so, too: other pages, whose titles they say themselves. */
const silentBodies = new Set(["toctree", "index"]);
/** What begins with two dots, and what of it has a name: all else is a comment. */
const explicit = /^(\s*)\.\.(?:[ \t]+(\S.*)?)?$/s;
const named = /^(?:\[[^\]]+\]|_|\|[^|]+\||[\w.+:-]+[ \t]?::)/;
const docField = /^:(date|author|title|version):[ \t]+(\S.*)$/i;
/** `.. _name:` names a place. */
const targetLine = /^\s*\.\. _[^:]+:$/;
const optionLine = /^\s+:([\w-]+):[ \t]*(\S.*)?$/s;
/** Tables whose cells are written as a list or as CSV. */
const writtenTables = { "list-table": listTable, "flat-table": listTable, "csv-table": csvTable };
/** Options that a reader sees: what stands above code. */
const shownOptions = new Set(["caption"]);
/** `.. |name| image:: address`: what `|name|` stands for. */
const substitution = /^\s*\.\.[ \t]+\|([^|]{1,100})\|[ \t]+([\w-]+)::[ \t]*(\S.*)?$/s;
const pictures = new Set(["image", "figure"]);

export function rstDocument(source: string): Converted {
  const lines = source.split(/\r\n|\r|\n/).map((line) => line.trimEnd());
  return new RstReader(lines, new Growth(source.length)).read();
}

class RstReader {
  readonly #lines: readonly string[];
  readonly #growth: Growth;
  readonly #out: string[] = [];
  /** Sign, and whether it is above as well, in the order of their first use: the level. */
  readonly #levels: string[] = [];
  readonly #fields = new Map<string, string>();
  readonly #substitutions = new Map<string, string>();
  #title: string | undefined;
  #at = 0;

  constructor(lines: readonly string[], growth: Growth) {
    this.#lines = lines;
    this.#growth = growth;
    for (const [at, line] of lines.entries()) {
      const [found, name = "", kind = "", argument = ""] = substitution.exec(line) ?? [];
      if (found === undefined) continue;
      if (pictures.has(kind)) this.#substitutions.set(name, altOf(lines, at + 1) ?? name);
      else if (kind === "replace") this.#substitutions.set(name, argument);
    }
  }

  read(): Converted {
    while (this.#at < this.#lines.length) {
      const isTaken = this.#heading() || this.#table() || this.#comment() || this.#directive();
      if (!isTaken) this.#line();
    }
    const author = this.#fields.get("author");
    return {
      title: this.#title ?? this.#fields.get("title"),
      text: this.#out
        .join("\n")
        .replace(/\n{3,}/g, "\n\n")
        .trim(),
      date: this.#fields.get("date"),
      metadata: author === undefined ? {} : { author },
    };
  }

  #lineAt(offset: number): string {
    return this.#lines[this.#at + offset] ?? "";
  }

  /** Each of these takes lines and says that it did, or leaves them to the next. */
  #heading(): boolean {
    const isOver = adornment.test(this.#lineAt(0)) && this.#lineAt(0).length > 1;
    const title = this.#lineAt(isOver ? 1 : 0);
    const under = this.#lineAt(isOver ? 2 : 1);
    const isUnder = adornment.test(under) && under.length >= Math.min(3, title.trim().length);
    const fits = isUnder && under.length >= title.trim().length - 1;
    if (title.trim() === "" || !fits || adornment.test(title)) return false;
    if (isOver ? under[0] !== this.#lineAt(0)[0] : /^\s/.test(title)) return false;
    const style = `${isOver ? "over" : ""}${under[0]}`;
    if (!this.#levels.includes(style)) this.#levels.push(style);
    const level = Math.min(6, this.#levels.indexOf(style) + 1);
    const text = rstInline(title.trim());
    this.#title ??= plainTitle(text);
    this.#out.push("", `${"#".repeat(level)} ${text}`, "");
    this.#at += isOver ? 3 : 2;
    return true;
  }

  #table(): boolean {
    const table = drawnTable(this.#lines, this.#at);
    if (table === undefined) return false;
    this.#out.push("", this.#substituted(table.text), "");
    this.#at += table.lines;
    return true;
  }

  /** A note of the authors: a mark without a name, and what stands further in below it. */
  #comment(): boolean {
    const line = this.#lineAt(0);
    const [found, indent = "", content = ""] = explicit.exec(line) ?? [];
    if (found === undefined || named.test(content)) return false;
    this.#at += 1;
    // With nothing to hide it only ends what is above it.
    if (content === "" && this.#lineAt(0) === "") return true;
    this.#passOver(indent.length);
    return true;
  }

  #passOver(indent: number): void {
    while (this.#at < this.#lines.length) {
      const next = this.#lineAt(0);
      if (next !== "" && indentOf(next) <= indent) break;
      this.#at += 1;
    }
    this.#out.push("");
  }

  #directive(): boolean {
    const isDefinition = substitution.test(this.#lineAt(0));
    const found = directive.exec(this.#lineAt(0));
    if (found === null && !isDefinition) return false;
    const [, indent = "", name = "", said = ""] = found ?? [];
    const argument = this.#substituted(said);
    this.#at += 1;
    const alt = altOf(this.#lines, this.#at);
    const options = this.#options();
    const shown = Array.from(options).flatMap(([option, value]) =>
      shownOptions.has(option) && value !== "" ? [value] : [],
    );
    if (isDefinition) return true;
    if (isWrittenTable(name)) {
      this.#writtenTable(writtenTables[name], { indent: indent.length, argument, options });
      return true;
    }
    // Of a picture its description is text, its address is not.
    if (pictures.has(name)) this.#out.push(...(alt === undefined ? [] : [`${indent}${alt}`]));
    else if (forPrograms.has(name)) {
      if (silentBodies.has(name)) this.#passOver(indent.length);
      return true;
    } else if (codeDirectives.has(name)) {
      this.#out.push(...shown.map((option) => `${indent}${option}`));
      this.#code(indent.length, argument);
      return true;
    } else if (Object.hasOwn(versions, name)) {
      this.#out.push(`${indent}${versions[name]} ${argument}`);
    } else if (admonitions.has(name)) this.#out.push(`${indent}${name}: ${argument}`);
    else if (argument !== "") this.#out.push(`${indent}${argument}`);
    this.#out.push(...shown.map((option) => `${indent}${option}`));
    return true;
  }

  /** Takes the options of a directive. A value goes on in lines that are further in. */
  #options(): ReadonlyMap<string, string> {
    const options = new Map<string, string>();
    for (let found = optionLine.exec(this.#lineAt(0)); found !== null; ) {
      const [line, name = "", value = ""] = found;
      const said = [value];
      this.#at += 1;
      while (indentOf(this.#lineAt(0)) > indentOf(line)) {
        said.push(this.#lineAt(0).trim());
        this.#at += 1;
      }
      options.set(name, said.join(" ").trim());
      found = optionLine.exec(this.#lineAt(0));
    }
    return options;
  }

  /** One that is not understood stays as it is written. */
  #writtenTable(
    read: (typeof writtenTables)[keyof typeof writtenTables],
    given: {
      readonly indent: number;
      readonly argument: string;
      readonly options: ReadonlyMap<string, string>;
    },
  ): void {
    const body = this.#body(given.indent);
    const table =
      read(body, given.options) ?? [given.options.get("header") ?? "", ...body].join("\n");
    this.#out.push("", given.argument, "", this.#substituted(table), "");
  }

  #line(): void {
    const line = this.#lineAt(0);
    this.#at += 1;
    const field = docField.exec(line);
    if (field !== null) this.#fields.set((field[1] ?? "").toLowerCase(), field[2] ?? "");
    // A row of one sign alone is a rule; Markdown would make a heading of the line above it.
    if ((adornment.test(line) && line.length > 3) || targetLine.test(line)) this.#out.push("");
    else if (line.endsWith("::")) {
      if (line.trim() !== "::") this.#out.push(this.#substituted(line.slice(0, -1)));
      this.#code(indentOf(line), "");
    } else this.#out.push(this.#substituted(line));
  }

  #substituted(line: string): string {
    const shown = rstInline(line);
    if (this.#substitutions.size === 0) return shown;
    return shown.replace(/\|([^|]{1,100})\|/g, (whole, name: string) => {
      const value = this.#substitutions.get(name);
      return value !== undefined && this.#growth.takes(value) ? value : whole;
    });
  }

  /** What follows further in than `indent`, as it is. */
  #code(indent: number, language: string): void {
    const code = this.#body(indent);
    if (code.length === 0) return;
    this.#out.push("", `\`\`\`\`${language}`, ...code, "````", "");
  }

  /** Takes what follows further in than `indent`, without its margin. */
  #body(indent: number): readonly string[] {
    const body: string[] = [];
    while (this.#at < this.#lines.length) {
      const line = this.#lineAt(0);
      if (line !== "" && indentOf(line) <= indent) break;
      body.push(line);
      this.#at += 1;
    }
    while (body.length > 0 && body.at(-1) === "") body.pop();
    while (body.length > 0 && body[0] === "") body.shift();
    const margin = body.reduce(
      (least, line) => (line === "" ? least : Math.min(least, indentOf(line))),
      80,
    );
    return body.map((line) => line.slice(margin));
  }
}

function isWrittenTable(name: string): name is keyof typeof writtenTables {
  return Object.hasOwn(writtenTables, name);
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** The description among the options that begin at a line. */
function altOf(lines: readonly string[], from: number): string | undefined {
  for (let at = from; optionLine.test(lines[at] ?? ""); at += 1) {
    const alt = /^\s+:alt:\s*(\S.*)$/.exec(lines[at] ?? "")?.[1];
    if (alt !== undefined) return alt;
  }
  return undefined;
}
