import type { Recogniser, Span } from "./recogniser.ts";

const wordBefore = "(?<![A-Za-z0-9_-])";
const wordAfter = "(?![A-Za-z0-9_-])";

/** Published formats. The look-behind makes each start unique in a run of letters: linear time. */
const formats = [
  "(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[0-9A-Z]{16}", // AWS
  "gh[pousr]_[A-Za-z0-9]{36,255}", // GitHub
  "github_pat_[A-Za-z0-9_]{22,255}",
  "glpat-[A-Za-z0-9_-]{20,255}", // GitLab
  "xox[abeoprs]-[A-Za-z0-9-]{10,255}", // Slack
  "xapp-[A-Za-z0-9-]{10,255}",
  "sk-(?=[A-Za-z_-]*\\d)[A-Za-z0-9_-]{20,255}", // OpenAI, Anthropic
  "AIza[0-9A-Za-z_-]{35}", // Google
  "ya29\\.[0-9A-Za-z_-]{20,1024}",
  "(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{16,255}", // Stripe
  "whsec_[0-9A-Za-z+/]{24,255}",
  "hf_[A-Za-z0-9]{30,255}", // Hugging Face
  "npm_[A-Za-z0-9]{36}",
  "pypi-[A-Za-z0-9_-]{50,1024}",
  "SG\\.[A-Za-z0-9_-]{16,64}\\.[A-Za-z0-9_-]{16,128}", // SendGrid
  "eyJ[A-Za-z0-9_-]{8,4096}\\.eyJ[A-Za-z0-9_-]{4,8192}\\.[A-Za-z0-9_-]{0,4096}", // JSON Web Token
];
/** One expression: the text is gone through once for all of them. */
const formatPattern = new RegExp(`${wordBefore}(?:${formats.join("|")})${wordAfter}`, "g");

const assignedPattern =
  /(?:(?:api[_-]?key|access[_-]?key|secret[_-]?key|client[_-]?secret|private[_-]?key|auth[_-]?token|access[_-]?token|refresh[_-]?token|token|secret|passw(?:or)?d|authorization)["'`]?[ \t]{0,3}[:=]{1,2}[ \t]{0,3}["'`]?(?:basic[ \t]{1,3}|token[ \t]{1,3})?|bearer[ \t]{1,3})["'`]?([A-Za-z0-9_\-./+=~]{16,1024})/gi;

const blockBegin = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
const blockEnd = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
const blockCharsMax = 16_384;

/** Below this a value is a word or a path, above it is random (bits per character, Shannon). */
const randomBitsMin = 3.2;

/**
 * Keys and tokens by their published prefixes, private key blocks, and random values after `key=`.
 */
export const apiKey: Recogniser = {
  kind: "API_KEY",
  *find(text) {
    for (const { 0: match, index } of text.matchAll(formatPattern)) {
      yield { start: index, end: index + match.length };
    }
    yield* privateKeys(text);
    yield* assignedValues(text);
  },
};

/**
 * A block whose end is missing, or too far to be its own, ends where no key can continue. Ends are
 * looked for in one go through the text: a text of nothing but beginnings must not be searched
 * again from each.
 */
function* privateKeys(text: string): Generator<Span> {
  let from = 0;
  let next: RegExpExecArray | null | undefined;
  blockEnd.lastIndex = 0;
  for (const { 0: match, index } of text.matchAll(blockBegin)) {
    if (index < from) continue;
    const body = index + match.length;
    if (next === undefined || (next !== null && next.index < body)) {
      blockEnd.lastIndex = body;
      next = blockEnd.exec(text);
    }
    const isNear = next !== null && next.index - body <= blockCharsMax;
    from = next !== null && isNear ? next.index + next[0].length : bodyEnd(text, body);
    yield { start: index, end: from };
  }
}

function bodyEnd(text: string, body: number): number {
  const base64 = /[A-Za-z0-9+/=:,\s-]*/y;
  base64.lastIndex = body;
  return body + (base64.exec(text)?.[0].trimEnd().length ?? 0);
}

/** Only the value goes: which setting held a secret is worth knowing. */
function* assignedValues(text: string): Generator<Span> {
  for (const { 0: match, 1: value = "", index } of text.matchAll(assignedPattern)) {
    if (!looksRandom(value)) continue;
    const start = index + match.length - value.length;
    yield { start, end: start + value.length };
  }
}

/**
 * Digits among letters, and no part of it repeated much: `process.env.TOKEN` and paths are neither.
 */
function looksRandom(value: string): boolean {
  if (!/\d/.test(value) || !/[A-Za-z]/.test(value)) return false;
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) {
    const share = count / value.length;
    bits -= share * Math.log2(share);
  }
  return bits >= randomBitsMin;
}
