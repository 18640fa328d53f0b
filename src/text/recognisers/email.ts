import type { Effort } from "./effort.ts";
import { isAsciiAlphanumeric, type Recogniser, type Span, unspaced } from "./recogniser.ts";

/** The sign itself, and as URLs, HTML and string literals write it. */
const atPattern = /@|%40|&#(?:0{0,4}64|x0{0,4}40);|&commat;|\\u0040|\\x40/gi;
const localPattern = /[\p{L}\p{M}\p{N}._%+'&-]/u;
const domainPattern = /[\p{L}\p{M}\p{N}.-]/u;
const localMarks = "._%+'&-";
const unspacedPattern = new RegExp(unspaced, "u");
/** Bounds of RFC 5321; they keep the search around each `@` constant. */
const localCharsMax = 64;
const domainCharsMax = 255;
const topLevelPattern = /^(?:\p{L}[\p{L}\p{M}]{1,62}|xn--[a-z0-9-]{2,59})$/iu;
/**
 * Ends of file and unit names that are no top-level domains: `pkg@latest.tgz`,
 * `getty@tty1.service`, `icon@2x.png`.
 */
const fileEnds = new Set(
  (
    "tgz tar gz bz2 xz zst rar js mjs cjs jsx ts tsx mts cts json jsonc yaml yml toml lock html htm css " +
    "scss less svg png jpg jpeg gif webp avif ico bmp pdf txt log csv tsv xml service timer socket target " +
    "mount automount slice scope device path swap conf cfg ini env exe dll dmg deb rpm whl jar war apk iso " +
    "img bin dat sql sqlite bak tmp pem crt key cert patch diff map wasm node"
  ).split(" "),
);
/** Of files that are named after people: `jane@example.com.pdf` is an address, and its file. */
const documentEnds = new Set("txt pdf html htm csv tsv xml json log".split(" "));
/** `pkg@latest.zip`, `pkg@1.2.3-rc.alpha`: a package with its version. */
const versionPattern = /^(?:v?\d+\.\d|(?:latest|next|canary|nightly|beta|alpha)\.)/i;
/** Accounts that stand for a service: `git@host:path` names a repository and addresses no one. */
const repositoryUsers = /^(?:git|hg|svn|aur|gitea|gitlab|forgejo)$/i;
const forges =
  /^(?:github|gitlab|bitbucket|codeberg|ssh\.dev\.azure|vs-ssh\.visualstudio|git\.sr)\.(?:com|org|ht)$/i;
const repositoryPath = /^(?::(?=[\w~./-])|\/(?=[\w~]))/;
/** `scheme://user:password@host`: what stands before this `@` is a secret of its own. */
const userinfo = /:\/\/[^\s/@]{0,64}:[^\s@]{0,128}$/;
const userinfoCharsMax = 200;

/**
 * Addresses around each `@` with a top-level domain of letters, so that `react@18.2.0` and
 * `@scope/name` stay.
 */
export const email: Recogniser = {
  kind: "EMAIL",
  *find(text, effort) {
    for (const { 0: sign, index } of text.matchAll(atPattern)) {
      const span = around(text, { start: index, end: index + sign.length }, effort);
      if (span !== undefined) yield span;
    }
  },
  normal: (value) => value.replace(atPattern, "@").toLowerCase(),
};

/**
 * Neither side goes beyond the `@` next to this one, so that each character is looked at twice at
 * most.
 */
function around(text: string, sign: Span, effort: Effort): Span | undefined {
  const start = localStart(text, sign.start, effort);
  if (start === sign.start) return undefined;
  const end = domainEnd(text, sign.end, effort);
  if (end === sign.end) return undefined;
  const local = text.slice(start, sign.start);
  const isRepository = repositoryUsers.test(local) || forges.test(text.slice(sign.end, end));
  if (isRepository && repositoryPath.test(text.slice(end, end + 2))) return undefined;
  const before = text.slice(Math.max(0, sign.start - userinfoCharsMax), sign.start);
  return before.includes("://") && userinfo.test(before) ? undefined : { start, end };
}

function localStart(text: string, at: number, effort: Effort): number {
  if (text[at - 1] === '"') return quotedStart(text, at, effort);
  const isForeign = text.charCodeAt(at - 1) >= 0x80;
  // In a URL a percent sign ends what is written, unless it stands for a plus or a dot.
  const isEncoded = text[at] === "%";
  let start = at;
  while (start > 0 && at - start < localCharsMax && isLocal(text, start - 1, isForeign)) {
    if (isEncoded && text[start - 1] === "%" && !/^2[be]/i.test(text.slice(start, start + 2))) {
      return Math.min(at, start + 2);
    }
    start -= 1;
  }
  effort.visit(at - start);
  while (start < at && /[.'&-]/.test(text[start] ?? "")) start += 1;
  return start;
}

/** `"jane doe"@example.com` */
function quotedStart(text: string, at: number, effort: Effort): number {
  const from = Math.max(0, at - localCharsMax);
  const open = text.slice(from, at - 1).lastIndexOf('"');
  effort.visit(at - from);
  if (open < 0 || from + open === at - 2) return at;
  return /[\n@]/.test(text.slice(from + open, at)) ? at : from + open;
}

/** The end of the longest well-formed domain from here; `start` when there is none. */
function domainEnd(text: string, start: number, effort: Effort): number {
  const isForeign = text.charCodeAt(start) >= 0x80;
  let best = start;
  let label = start;
  let at = start;
  for (; at - start <= domainCharsMax; at += 1) {
    const isInside =
      at < text.length && at - start < domainCharsMax && isDomain(text, at, isForeign);
    if (isInside && text[at] !== ".") continue;
    if (at === label || text[label] === "-") break;
    if (label > start && topLevelPattern.test(text.slice(label, at))) best = at;
    if (!isInside) break;
    label = at + 1;
  }
  effort.visit(at - start);
  return isPackage(text.slice(start, best)) ? start : withoutFileEnd(text, start, best);
}

/**
 * `example.com.pdf` ends before the file's end. Looks for the dot in the domain alone: a search of
 * the text goes back to its start from every sign that has no domain.
 */
function withoutFileEnd(text: string, start: number, end: number): number {
  const domain = text.slice(start, end);
  const dot = domain.lastIndexOf(".");
  return dot > 0 && documentEnds.has(domain.slice(dot + 1).toLowerCase()) ? start + dot : end;
}

function isPackage(domain: string): boolean {
  const [end = "", before = "", ...others] = domain.toLowerCase().split(".").reverse();
  const isNamed = others.length > 0 && topLevelPattern.test(before) && !fileEnds.has(before);
  if (documentEnds.has(end) && isNamed) return versionPattern.test(domain);
  return fileEnds.has(end) || versionPattern.test(domain);
}

function isLocal(text: string, index: number, isForeign: boolean): boolean {
  const code = text.charCodeAt(index);
  if (code >= 0x80) return isForeignPart(text[index] ?? "", localPattern, isForeign);
  return isAsciiAlphanumeric(code) || localMarks.includes(text[index] ?? " ");
}

function isDomain(text: string, index: number, isForeign: boolean): boolean {
  const code = text.charCodeAt(index);
  if (code >= 0x80) return isForeignPart(text[index] ?? "", domainPattern, isForeign);
  return isAsciiAlphanumeric(code) || text[index] === "." || text[index] === "-";
}

function isForeignPart(character: string, pattern: RegExp, isForeign: boolean): boolean {
  return pattern.test(character) && (isForeign || !unspacedPattern.test(character));
}
