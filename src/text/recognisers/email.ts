import type { Recogniser, Span } from "./recogniser.ts";

const localCharacter = /[\p{L}\p{N}._%+'&-]/u;
const domainCharacter = /[\p{L}\p{N}.-]/u;
/** Bounds of RFC 5321; they keep the search around each `@` constant. */
const localCharsMax = 64;
const domainCharsMax = 255;
const topLevelPattern = /^(?:\p{L}{2,63}|xn--[a-z0-9-]{2,59})$/iu;

/**
 * Addresses around each `@` with a top-level domain of letters, so that `react@18.2.0` and
 * `@scope/name` stay. `git@host:path` is how a repository is named and addresses nobody.
 */
export const email: Recogniser = {
  kind: "EMAIL",
  *find(text) {
    for (let at = text.indexOf("@"); at !== -1; at = text.indexOf("@", at + 1)) {
      const span = around(text, at);
      if (span !== undefined) yield span;
    }
  },
};

function around(text: string, at: number): Span | undefined {
  let start = at;
  while (start > 0 && at - start < localCharsMax && localCharacter.test(text[start - 1] ?? "")) {
    start -= 1;
  }
  while (start < at && /[.'&-]/.test(text[start] ?? "")) start += 1;
  let end = at + 1;
  while (end < text.length && end - at <= domainCharsMax && domainCharacter.test(text[end] ?? "")) {
    end += 1;
  }
  end = domainEnd(text, at + 1, end);
  if (start === at || end === at + 1) return undefined;
  if (text.slice(start, at) === "git" && /[:/]/.test(text[end] ?? "")) return undefined;
  return { start, end };
}

/** The end of the longest well-formed domain in the range; `start` when there is none. */
function domainEnd(text: string, start: number, end: number): number {
  const labels = text.slice(start, end).split(".");
  let length = labels.length;
  while (length > 1) {
    const isWhole = labels.slice(0, length).every((label) => /^[^-].*$/su.test(label));
    if (isWhole && topLevelPattern.test(labels[length - 1] ?? "")) {
      return start + labels.slice(0, length).join(".").length;
    }
    length -= 1;
  }
  return start;
}
