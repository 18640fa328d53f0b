import type { Effort } from "./effort.ts";
import { isAsciiAlphanumeric, type Recogniser, type Span } from "./recogniser.ts";

const localPattern = /[\p{L}\p{N}._%+'&-]/u;
const domainPattern = /[\p{L}\p{N}.-]/u;
const localMarks = "._%+'&-";
/** Bounds of RFC 5321; they keep the search around each `@` constant. */
const localCharsMax = 64;
const domainCharsMax = 255;
const topLevelPattern = /^(?:\p{L}{2,63}|xn--[a-z0-9-]{2,59})$/iu;

/**
 * Addresses around each `@` with a top-level domain of letters, so that `react@18.2.0` and
 * `@scope/name` stay. `git@host:path` names a repository and addresses no one.
 */
export const email: Recogniser = {
  kind: "EMAIL",
  *find(text, effort) {
    for (let at = text.indexOf("@"); at !== -1; at = text.indexOf("@", at + 1)) {
      const span = around(text, at, effort);
      if (span !== undefined) yield span;
    }
  },
};

/**
 * Neither side goes beyond the `@` next to this one, so that each character is looked at twice at
 * most.
 */
function around(text: string, at: number, effort: Effort): Span | undefined {
  let start = at;
  while (start > 0 && at - start < localCharsMax && isLocal(text, start - 1)) start -= 1;
  effort.visit(at - start);
  while (start < at && /[.'&-]/.test(text[start] ?? "")) start += 1;
  if (start === at) return undefined;
  const end = domainEnd(text, at + 1, effort);
  if (end === at + 1) return undefined;
  if (text.slice(start, at) === "git" && /[:/]/.test(text[end] ?? "")) return undefined;
  return { start, end };
}

/** The end of the longest well-formed domain from here; `start` when there is none. */
function domainEnd(text: string, start: number, effort: Effort): number {
  let best = start;
  let label = start;
  let at = start;
  for (; at - start <= domainCharsMax; at += 1) {
    const goesOn = at < text.length && at - start < domainCharsMax && isDomain(text, at);
    if (goesOn && text[at] !== ".") continue;
    if (at === label || text[label] === "-") break;
    if (label > start && topLevelPattern.test(text.slice(label, at))) best = at;
    if (!goesOn) break;
    label = at + 1;
  }
  effort.visit(at - start);
  return best;
}

function isLocal(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  if (code >= 0x80) return localPattern.test(text[index] ?? "");
  return isAsciiAlphanumeric(code) || localMarks.includes(text[index] ?? " ");
}

function isDomain(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  if (code >= 0x80) return domainPattern.test(text[index] ?? "");
  return isAsciiAlphanumeric(code) || text[index] === "." || text[index] === "-";
}
