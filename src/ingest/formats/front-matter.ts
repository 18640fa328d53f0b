/** The fields above a Markdown text: YAML between `---`, TOML between `+++`, or a JSON object. */

import { parse as parseToml } from "smol-toml";
import { isScalar, parseDocument, visit } from "yaml";
import { limits } from "../../contract/limits.ts";
import type { FileMetadata } from "./convert.ts";
import { timestampOf } from "./dates.ts";

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
      const fields = fieldByField(text);
      if (fields === undefined) throw thrown;
      return fields;
    }
  },
  "+++": (text) => parseToml(text, { integersAsBigInt: "asNeeded" }),
  json: (text): unknown => JSON.parse(text, exactly),
};
/** What Eleventy and others write behind the rule: what the fields are written in. */
const languages: Readonly<Record<string, string>> = { json: "json", toml: "+++", yaml: "---" };

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
    // `title: True` is a word, and so is a title that is a number.
    Pair(_key, { key, value }) {
      const isTitle = isScalar(key) && String(key.value).toLowerCase() === "title";
      const isWord = isScalar(value) && typeof value.value === "boolean";
      if (isTitle && isWord) value.value = value.source ?? String(value.value);
    },
  });
  return document.toJS({ maxAliasCount: 20 });
}

/** Undefined for a text that begins with anything else, also with a rule between two thoughts. */
export function frontMatterOf(text: string): FrontMatter | undefined {
  const head = text.slice(0, limits.frontMatterCharsMax);
  // Templates leave blank lines above it.
  const opened = /^(?:[ \t]*\r?\n)*(---|\+\+\+)(json|toml|yaml)?[ \t]*\r?\n/.exec(head);
  if (opened === null) return jsonMatterOf(text, head);
  const [{ length }, rule = "", language] = opened;
  const form = language === undefined ? rule : (languages[language] ?? rule);
  const escaped = rule === "---" ? "(?:---|\\.\\.\\.)" : "\\+\\+\\+";
  const closed = new RegExp(`^${escaped}[ \\t]*(?:\\r?\\n|$)`, "m").exec(head.slice(length));
  if (closed === null) return undefined;
  const fields = fieldsOf(() => rules[form]?.(head.slice(length, length + closed.index)));
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
const namedLine = /^(\w[\w.-]*(?: [\w.-]+)*):(?:[ \t]+(\S.*)?)?$/s;
/** What may stand above the first field; an item of a list there is no field. */
const silentLine = /^(?:[ \t]*#.*|)$/;

/**
 * People write `title: Notes: how to swim`, which is no YAML: the second colon would begin a map.
 * Of such a block each field is read by itself, and one that is still none is the text that stands
 * there: a broken field takes no other with it. Undefined for two rules with prose between them,
 * or a list.
 */
function fieldByField(text: string): Readonly<Record<string, unknown>> | undefined {
  const lines = text.split(/\r?\n/).map((line) => line.trimEnd());
  if (!lines.every((line) => yamlLine.test(line))) return undefined;
  const starts = lines.flatMap((line, at) => (namedLine.test(line) ? [at] : []));
  if (!lines.slice(0, starts[0]).every((line) => silentLine.test(line))) return undefined;
  return Object.fromEntries(
    starts.map((start, index) => fieldOf(lines.slice(start, starts[index + 1]))),
  );
}

function fieldOf(lines: readonly string[]): readonly [string, unknown] {
  const [first = ""] = lines;
  const [, name = "", written = ""] = namedLine.exec(first) ?? [];
  const whole = entryIn(lines.join("\n"), name);
  if (whole !== undefined) return whole;
  // What is broken may be the lines below it, and they may be all there is of it.
  const own = entryIn(first, name);
  if (own !== undefined && own[1] !== null) return own;
  const below = lines.slice(1).map((line) => line.trim());
  return [name, [written, ...below.filter((line) => !/^(?:#|$)/.test(line))].join(" ").trim()];
}

function entryIn(text: string, name: string): readonly [string, unknown] | undefined {
  try {
    return Object.entries(yamlFields(text) ?? {}).find(([key]) => key === name);
  } catch {
    return undefined;
  }
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

/** What the fields say of the document, and what else they hold. */
export interface FieldMeaning {
  readonly title: string | undefined;
  readonly date: string | undefined;
  /** Fields that a filter can name: plain values, and lists of them. Others are left out. */
  readonly metadata: FileMetadata;
}

/**
 * The title, and the first date that can be read as one: `lastmod: ":git"` is none. All else that
 * is plain is metadata, a date that nobody can read, too: nothing is lost because of its name.
 */
export function meaningOf(fields: FrontMatter["fields"]): FieldMeaning {
  const named = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
  const titleName = named.get("title");
  const title = titleName === undefined ? undefined : titleOf(fields[titleName]);
  const dates = dateNames.flatMap((name) => named.get(name) ?? []);
  const dateName = dates.find((name) => timestampOf(dateOf(fields[name])) !== undefined);
  const taken = [title === undefined ? undefined : titleName, dateName];
  const others = Object.entries(fields).filter(([name]) => !taken.includes(name));
  return {
    title,
    date: dateName === undefined ? undefined : dateOf(fields[dateName]),
    metadata: Object.fromEntries(
      others.flatMap(([name, value]) => {
        const kept = metadataOf(value);
        return kept === undefined ? [] : [[name, kept]];
      }),
    ),
  };
}

function titleOf(value: unknown): string | undefined {
  const title = plainOf(value);
  return title === undefined || String(title).trim() === "" ? undefined : String(title).trim();
}

function dateOf(value: unknown): string | undefined {
  if (value instanceof Date) return value.toISOString();
  return typeof value === "string" ? value.trim() : undefined;
}

function metadataOf(value: unknown): FileMetadata[string] | undefined {
  if (!Array.isArray(value)) {
    const plain = plainOf(value);
    return plain === "" ? undefined : plain;
  }
  const items = value.map(plainOf).filter((item) => item !== undefined);
  return items.length > 0 ? items.map(String) : undefined;
}

function plainOf(value: unknown): string | number | boolean | undefined {
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "bigint") return String(value);
  // Of TOML, which knows days and times alone as well; the library writes each as it was.
  if (value instanceof Date) return value.toISOString().replace(/\.000(?=Z|[-+]|$)/, "");
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  return isExact(value) ? value : String(value);
}

/** Others the engine refuses, and the whole file with them. */
function isExact(value: number): boolean {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}
