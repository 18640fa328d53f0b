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
  const issue = error.issues[0];
  if (issue === undefined) return `${schema.root}: invalid`;
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

function problemOf(issue: z.core.$ZodIssue, names: readonly string[]): string {
  const [inner] = issue.code === "invalid_key" ? issue.issues : [];
  if (inner !== undefined) return problemOf(inner, names);
  if (isMissing(issue)) return "is missing";
  if (issue.code !== "unrecognized_keys") return issue.message.replace(/^[A-Z]/, lowered);
  const misplaced = issue.keys.find((key) => names.includes(key));
  return misplaced === undefined
    ? "has a field that is not known"
    : `${misplaced} has no place here`;
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
