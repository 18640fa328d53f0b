import type { Recogniser } from "./recogniser.ts";

const v4Pattern = /(?<![\p{L}\p{N}_.])\d{1,3}(?:\.\d{1,3}){3}(?![\p{L}\p{N}_]|\.\d)/gu;
const v6Pattern = /(?<![\p{L}\p{N}_:.])[0-9a-f]{0,4}:[0-9a-f:.]*(?![\p{L}\p{N}_:])/giu;
const v6CharsMax = 45;

/**
 * What makes four numbers a version: `v1.2.3.4`, `version 1.2.3.4`, `^1.2.3.4`, `name==1.2.3.4`,
 * `Chrome/120.0.0.0`. Not `//10.1.2.3`, `root@10.1.2.3`, `host=10.1.2.3`: when in doubt it is an
 * address.
 */
const versionBefore =
  /(?:\b(?:v|ver|version|release|rev|build)[.:]? ?|[~^]|[\p{L}\p{N}\]][~<>=]=|\p{L}\/)$/iu;
const versionLookBack = 12;

/** Addresses of no machine in particular: they fill every manual and identify no one. */
const reservedV4 = /^(?:127\.|0\.0\.0\.0$|255\.255\.)/;

/** IPv4 and IPv6 addresses, private ones too. Ports, masks and zones beside them stay. */
export const ip: Recogniser = {
  kind: "IP",
  *find(text) {
    for (const { 0: match, index } of text.matchAll(v4Pattern)) {
      const before = text.slice(Math.max(0, index - versionLookBack), index);
      if (isV4(match) && !reservedV4.test(match) && !versionBefore.test(before)) {
        yield { start: index, end: index + match.length };
      }
    }
    for (const { 0: match, index } of text.matchAll(v6Pattern)) {
      const hasMark = /[.:]/.test(match.at(-1) ?? "") && !match.endsWith("::");
      const address = hasMark ? match.slice(0, -1) : match;
      if (isV6(address)) yield { start: index, end: index + address.length };
    }
  },
};

function isV4(text: string): boolean {
  return text.split(".").every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}

/**
 * RFC 4291. `a::b` is a path in C++ and Rust, so a shortened address needs a digit; `::1` is
 * no one.
 */
function isV6(text: string): boolean {
  if (text.length > v6CharsMax || text === "::" || text === "::1") return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const last = groups.at(-1) ?? "";
  const mapped = last.includes(".");
  if (mapped && !isV4(last)) return false;
  const plain = mapped ? groups.slice(0, -1) : groups;
  if (!plain.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return false;
  const count = plain.length + (mapped ? 2 : 0);
  if (halves.length === 1) return count === 8;
  return count < 8 && count > 0 && /\d/.test(text);
}
