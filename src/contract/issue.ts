/** What is wrong with a value from outside, said without repeating anything of it. */

import type { z } from "zod";

/**
 * The first issue as one line. A key that the sender chose is never repeated: it may hold personal
 * data (I10), line ends, or a hundred kilobytes. `names` are the names of the schema, which are
 * ours.
 */
export function describeIssue(
  error: z.ZodError,
  schema: { readonly root: string; readonly names: readonly string[] },
): string {
  const [first] = error.issues;
  if (first === undefined) return `${schema.root}: invalid`;
  const issue = meantBy(first);
  const known: string[] = [];
  for (const part of issue.path) {
    if (typeof part === "string" && !schema.names.includes(part)) {
      if (part.startsWith("metadata.")) known.push("metadata.<key>");
      break;
    }
    known.push(String(part));
  }
  const place = known.length === 0 ? schema.root : known.join(".");
  return `${place}: ${problemOf(issue, schema.names)}`;
}

/**
 * A union that was not told what to say says nothing. The one of its kinds that the value came
 * furthest with says what is wrong there; where the value is of no kind, all of them are named.
 */
function meantBy(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union" || issue.message !== "Invalid input") return issue;
  const kinds = issue.errors.flatMap(([first]) => (first === undefined ? [] : [meantBy(first)]));
  const [best] = kinds.toSorted((a, b) => b.path.length - a.path.length);
  if (best === undefined || isMissing(issue)) return issue;
  const other = kinds.find(({ path, code }) => path.length === 0 && code !== "invalid_type");
  const told = best.path.length > 0 ? best : other;
  if (told !== undefined) return { ...told, path: [...issue.path, ...told.path] };
  const received = /received \w+$/.exec(best.message)?.[0] ?? "received another";
  const expected = kinds.flatMap((kind) => (kind.code === "invalid_type" ? [kind.expected] : []));
  const message = `Invalid input: expected ${expected.join(" or ")}, ${received}`;
  return { ...issue, message };
}

function problemOf(issue: z.core.$ZodIssue, names: readonly string[]): string {
  const [inner] = issue.code === "invalid_key" ? issue.issues : [];
  if (inner !== undefined) return problemOf(inner, names);
  if (isMissing(issue)) return "is missing";
  if (issue.code !== "unrecognized_keys") return issue.message.replace(/^[A-Z]/, lowered);
  const misplaced = issue.keys.find((key) => names.includes(key));
  if (misplaced !== undefined) return `${misplaced} has no place here`;
  const told = issue.message.startsWith("Unrecognized key")
    ? "has a field that is not known"
    : issue.message;
  const meant = names.find((name) => issue.keys.some((key) => plain(key) === plain(name)));
  return meant === undefined ? told : `${told}; did you mean ${meant}?`;
}

/** `topK`, `top-k` and `Top_K` are all meant as `top_k`. */
function plain(name: string): string {
  return name.length > 64 ? name : name.replace(/[^\p{L}\p{N}]/gu, "").toLowerCase();
}

/** The schema library says "expected string, received undefined", and of a union nothing. */
function isMissing(issue: z.core.$ZodIssue): boolean {
  if (issue.code === "invalid_union") {
    return issue.errors.length > 0 && issue.errors.flat().every(isMissing);
  }
  return issue.code === "invalid_type" && issue.message.endsWith("received undefined");
}

function lowered(letter: string): string {
  return letter.toLowerCase();
}

/**
 * JSON can say `__proto__`; the schema library drops that key without a word, so it is refused
 * before.
 */
export function hasProtoKey(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "__proto__");
}
