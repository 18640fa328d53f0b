/** The fields above a Markdown text: YAML between `---`, TOML between `+++`, or a JSON object. */

import { parse as parseToml } from "smol-toml";
import { parseDocument, visit } from "yaml";
import { limits } from "../../contract/limits.ts";
import type { FileMetadata } from "./convert.ts";

export interface FrontMatter {
  readonly fields: Readonly<Record<string, unknown>>;
  /** The text below it. */
  readonly body: string;
}

const rules: Readonly<Record<string, (text: string) => unknown>> = {
  "---": (text): unknown => {
    try {
      return yamlFields(text);
    } catch (thrown) {
      const fields = plainLinesOf(text);
      if (fields === undefined) throw thrown;
      return fields;
    }
  },
  "+++": (text) => parseToml(text, { integersAsBigInt: "asNeeded" }),
};

/**
 * Aliases may multiply what they name; dates stay as they are written, and so does a number that
 * would read differently: `01234`, `1.10` and an order of 19 digits are names, not amounts.
 * @throws what YAML throws
 */
function yamlFields(text: string): unknown {
  const document = parseDocument(text, { schema: "core", logLevel: "error" });
  const [wrong] = document.errors;
  if (wrong !== undefined) throw wrong;
  visit(document, {
    Scalar(_key, node) {
      const { value, source } = node;
      if (typeof value === "number" && String(value) !== source) node.value = source;
    },
  });
  return document.toJS({ maxAliasCount: 20 });
}

/** Undefined for a text that begins with anything else, also with a rule between two thoughts. */
export function frontMatterOf(text: string): FrontMatter | undefined {
  const head = text.slice(0, limits.frontMatterCharsMax);
  // Templates leave blank lines above it.
  const opened = /^(?:[ \t]*\r?\n)*(---|\+\+\+)[ \t]*\r?\n/.exec(head);
  if (opened === null) return jsonMatterOf(text, head);
  const [{ length }, rule = ""] = opened;
  const escaped = rule === "---" ? "(?:---|\\.\\.\\.)" : "\\+\\+\\+";
  const closed = new RegExp(`^${escaped}[ \\t]*(?:\\r?\\n|$)`, "m").exec(head.slice(length));
  if (closed === null) return undefined;
  const fields = fieldsOf(() => rules[rule]?.(head.slice(length, length + closed.index)));
  if (fields === undefined) return undefined;
  return { fields, body: text.slice(length + closed.index + closed[0].length) };
}

/** Hugo's third form: an object, alone at the top, with a blank line below it. */
function jsonMatterOf(text: string, head: string): FrontMatter | undefined {
  if (!head.startsWith("{")) return undefined;
  const end = /^\}[ \t]*\r?\n/m.exec(head);
  if (end === null) return undefined;
  const fields = fieldsOf(() => JSON.parse(head.slice(0, end.index + 1), exactly));
  return fields === undefined ? undefined : { fields, body: text.slice(end.index + end[0].length) };
}

/** A number that would lose digits is the text of them. */
function exactly(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === "number" && !isExact(value) ? context?.source : value;
}

const yamlLine = /^(?:[\w.-]+(?: [\w.-]+)*:(?:[ \t].*)?|[ \t].*|-[ \t].*|#.*|)$/;
const plainField = /^([\w.-]+):[ \t]+([^\s"'[\]{}|>&*!%@`#].*)$/;

/**
 * People write `title: Notes: how to swim`, which is no YAML: the second colon would begin a map.
 * Such a block is read line by line; what needs YAML to be understood is left out. Undefined for
 * two rules with prose between them.
 */
function plainLinesOf(text: string): Readonly<Record<string, string>> | undefined {
  const lines = text.split(/\r?\n/).map((line) => line.trimEnd());
  if (!lines.every((line) => yamlLine.test(line))) return undefined;
  const found = lines.flatMap((line) => {
    const [, name, value] = plainField.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(found);
}

/** What can not be read is text, and stays where it is. */
function fieldsOf(read: () => unknown): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = read();
    // An empty one, as a template leaves it, has no fields.
    if (value === null || value === undefined) return {};
    if (typeof value !== "object" || Array.isArray(value)) return undefined;
    return value as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

/** What dates a document, the one that says most first. */
const dateNames = [
  "lastmod",
  "last_modified",
  "last_modified_at",
  "updated",
  "modified",
  "date",
  "published",
];
const ownNames = new Set(["title", ...dateNames]);

export function titleOfFields(fields: FrontMatter["fields"]): string | undefined {
  const { title } = fields as { readonly title?: unknown };
  if (typeof title === "number") return String(title);
  return typeof title === "string" && title.trim() !== "" ? title.trim() : undefined;
}

export function dateOfFields(fields: FrontMatter["fields"]): string | undefined {
  for (const name of dateNames) {
    const value = fields[name];
    if (value instanceof Date) return value.toISOString();
    if (typeof value === "string" && value.trim() !== "") return value.trim();
  }
  return undefined;
}

/** Fields that a filter can name: plain values, and lists of them. Others are left out. */
export function metadataOfFields(fields: FrontMatter["fields"]): FileMetadata {
  const metadata: Record<string, string | number | boolean | readonly string[]> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (ownNames.has(name)) continue;
    const plain = plainOf(value);
    if (plain !== undefined && plain !== "") metadata[name] = plain;
    else if (Array.isArray(value)) {
      const items = value.map(plainOf).filter((item) => item !== undefined);
      if (items.length > 0) metadata[name] = items.map(String);
    }
  }
  return metadata;
}

function plainOf(value: unknown): string | number | boolean | undefined {
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  return isExact(value) ? value : String(value);
}

/** Others the engine refuses, and the whole file with them. */
function isExact(value: number): boolean {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}
