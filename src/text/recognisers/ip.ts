import type { Effort } from "./effort.ts";
import {
  isLetterOrDigit,
  isWordCharacter,
  joined,
  type Recogniser,
  type Span,
  unspacedIs,
} from "./recogniser.ts";

const v4Pattern = /\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)/g;
/** Host names of clouds: `ip-10-1-2-3`. */
const hyphenPattern = /(ip-)\d{1,3}(?:-\d{1,3}){3}(?!\d|-\d)/gi;
/** From the first colon on: what stands before it is looked at where one is. */
const v6Pattern = /:[0-9a-f:.]*/gi;
const v6GroupMax = 4;
const v6CharsMax = 45;

/** Addresses of no machine in particular, and masks: they identify no one. */
const reserved = /^(?:127\.|0\.0\.0\.0$|255\.)/;
/** Ranges that are hardly ever numbers of a version. */
const surelyAddress = /^(?:192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.)/;
const privateTen = /^10\./;

const contextCharsMax = 40;
/**
 * What the patterns of context end with, at most six characters before the numbers: where none of
 * it stands none of them is tried, which in a long list of numbers is most of the work.
 */
const contextEnd = /[\p{L}§~^=/#@]/u;
const contextEndChars = 8;
/**
 * What makes four numbers an address: `host: 8.8.8.8`, `//8.8.8.8`, `root@8.8.8.8`, `ping 8.8.8.8`.
 */
const addressBefore = new RegExp(
  String.raw`(?:(?:(?<!${joined})(?:ip|ips|ipv4|addr|address|addresses|adresse|dirección|hosts?|hostname|servers?|clients?|remote|peer|gateway|subnet|network|cidr|dns|resolvers?|nameservers?|ping|ssh|telnet|curl|nmap|traceroute|connect(?:ed|s|ing|ion)?(?: to| from)?|log(?:in|ged in) from|requests? from|traffic (?:from|to)|reach(?:ed|able)? (?:at|under)|listen(?:s|ing)? on|src|dst|proxy|nodes?|router|switch|vpn|firewall|banned|blocked)|地址|服务器|伺服器|主机|主機|アドレス|サーバー?|ホスト|주소|서버|호스트)["'\x60]?${unspacedIs}?[\s:=_]{0,3}(?:(?:is|was|at|of|on)\s)?["'\x60([<]?|//|@)$`,
  "iu",
);
/**
 * What makes them a version or the number of a clause: `v1.2.3.4`, `firmware 2.15.1.0`,
 * `name==1.2.3.4`, `Chrome/120.0.0.0`, `fixed in 1.2.3.4`, `section 4.1.2.3`, `## 1.2.3.4`.
 */
const versionBefore = new RegExp(
  String.raw`(?:(?:(?<!${joined})(?:v|ver|vers|versions?|versión|versione|versão|versie|wersja|версия|rel|releases?|revision|rev|build|firmware|fw|bios|driver|kernel|patch|hotfix|update|upgrade|tag|sdk|api|app|software|changelog|since|until|before|requires?|deprecated in|(?:fixe[ds]|changed|changes|new|added|removed|introduced|broken|shipped|resolved|solved|included|regression|bugs?|notes) (?:in|of|for|since|by|with)|(?:updat|upgrad|downgrad|migrat|bump|roll)\p{L}{0,5}(?: back)?(?: from| to)?|install(?:s|ed|ing)?|sections?|sec|clauses?|chapters?|articles?|art|annex|appendix|paragraphs?|para|subsection|rule|item|step|table|figure|fig|abschnitt|kapitel|ziffer|absatz|artikel|oid)|版本(?:号|號)?|バージョン|버전|เวอรชน|固件|ファームウェア|펌웨어)["'\x60]?[.:=_]?${unspacedIs}?\s{0,2}["'\x60([v]{0,2}|§{1,2} ?|(?<!\d)v|[~^]|[\p{L}\p{N}\]][~<>=]=|\p{L}/|(?:^|\n)#{1,6} ?\[?v?)$`,
  "iu",
);
/** Programs that are named with all four numbers: `Oracle 10.2.0.5`, `Java SE 11.0.22.7`. */
const programBefore = new RegExp(
  String.raw`(?<!${joined})(?:java|jdk|jre|openjdk|graalvm|zulu|temurin|corretto|oracle|weblogic|websphere|tomcat|jboss|wildfly|db2|mq|sap|hana|windows|macos|ios|ipados|android|chrome|chromium|firefox|edge|safari|opera|exchange|sharepoint|outlook|office|teams|skype|zoom|acrobat|reader|flash|photoshop|unity|unreal|vmware|esxi|vsphere|vcenter|citrix|python|ruby|rails|php|perl|node|npm|delphi|mysql|mariadb|postgres(?:ql)?|mongodb|elasticsearch|jenkins|gradle|maven|spring|struts|log4j|nginx|apache|openssl|wordpress|drupal|magento|firmware)(?: (?:se|ee|db|database|pro|ai|client|player|desktop|enterprise|standard|edition|os|lts|\d{1,2}[cgi]))?\s(?:v\.?\s?)?$`,
  "iu",
);
/** A second version behind the first: `between version 1.2.3.4 and`. */
const listBefore = /\d(?:\.\d+){3}\]?(?:,| and| or| to| und| -| –| →| ->) ?\[?$/;
const addressAfter = /^(?:\/\d{1,2}(?!\d|[./])|:\d{2,5}(?!\d))/;
const versionAfter =
  /^(?:[-+.]?(?:alpha|beta|rc|dev|pre|preview|snapshot|final|ga|sp|hotfix)|\s?(?:版|バージョン|버전)|\] ?[-(] ?\d{4}-|["'`)]?\s(?:release|changelog|firmware|update))/i;

/** IPv4 and IPv6 addresses, private ones too. Ports, masks and zones beside them stay. */
export const ip: Recogniser = {
  kind: "IP",
  *find(text, effort) {
    for (const { 0: match, index } of text.matchAll(v4Pattern)) {
      if (isInside(text, index, index + match.length)) continue;
      const span = { start: index, end: index + match.length };
      if (isV4(match) && !reserved.test(match) && isAddress(text, span, match)) yield span;
    }
    for (const { 0: match, 1: mark = "", index } of text.matchAll(hyphenPattern)) {
      const start = index + mark.length;
      if (isInside(text, index, index + match.length)) continue;
      if (isV4(match.slice(mark.length).replaceAll("-", "."))) {
        yield { start, end: index + match.length };
      }
    }
    if (text.includes(":")) yield* v6In(text, effort);
  },
  normal: (value) => (value.includes(":") ? expanded(value) : value.replaceAll("-", ".")),
};

function* v6In(text: string, effort: Effort): Generator<Span> {
  for (const { 0: match, index } of text.matchAll(v6Pattern)) {
    if (match.length < 2) continue;
    let start = index;
    while (index - start < v6GroupMax && /[0-9a-f]/i.test(text[start - 1] ?? "")) start -= 1;
    effort.visit(match.length);
    const before = text[start - 1];
    const end = index + match.length;
    if (isWordCharacter(before) || before === "." || isWordCharacter(text[end])) continue;
    const written = text.slice(start, end);
    const hasMark = /[.:]$/.test(written) && !written.endsWith("::");
    const address = hasMark ? written.slice(0, -1) : written;
    if (isV6(address)) yield { start, end: start + address.length };
  }
}

/** Amid letters or digits, or behind another part of a longer number. */
function isInside(text: string, start: number, end: number): boolean {
  const before = text[start - 1];
  return before === "." || isLetterOrDigit(before) || isLetterOrDigit(text[end]);
}

function isV4(text: string): boolean {
  return text.split(".").every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}

/** What stands around four numbers decides; without a word for either it is their sizes. */
function isAddress(text: string, { start, end }: Span, match: string): boolean {
  if (surelyAddress.test(match)) return true;
  const after = text.slice(end, end + contextCharsMax);
  if (addressAfter.test(after)) return true;
  const before = text.slice(Math.max(0, start - contextCharsMax), start);
  const told = contextEnd.test(before.slice(-contextEndChars)) ? toldBy(before, match) : undefined;
  if (told === "address") return true;
  if (told === "version" || versionAfter.test(after)) return false;
  if (listBefore.test(before)) return isAddressByShape(match) && !isVersionList(text, start);
  return isAddressByShape(match);
}

/** What the words before four numbers say of them; undefined where they say nothing. */
function toldBy(before: string, match: string): "address" | "version" | undefined {
  if (addressBefore.test(before)) return "address";
  if (/\p{L}\/$/u.test(before) && privateTen.test(match)) return "address";
  return versionBefore.test(before) || programBefore.test(before) ? "version" : undefined;
}

/** Whether the first number of the list that this one stands in is a version. */
function isVersionList(text: string, start: number): boolean {
  const before = text.slice(Math.max(0, start - 2 * contextCharsMax), start);
  const first = /\d{1,3}(?:\.\d{1,3}){3}/.exec(before);
  if (first === null) return false;
  return versionBefore.test(before.slice(0, first.index)) || !isAddressByShape(first[0]);
}

/**
 * Versions begin small and stay small: `1.128.1.0`, `17.0.8.1`, `2.0.0.14`; behind `.0.` a number
 * of builds may be larger: `11.0.22.7`.
 */
function isAddressByShape(match: string): boolean {
  if (privateTen.test(match)) return true;
  const [first = 0, ...rest] = match.split(".").map(Number);
  if (first >= 128) return true;
  const large = rest.filter((part) => part >= 20).length;
  return large >= (first < 10 || rest[0] === 0 ? 2 : 1);
}

/**
 * RFC 4291. `a::b` and `1::2` are paths in C++ and Rust, or ranges: a shortened address has a
 * digit, and three groups or one that is long. `::1` is no one. Eight groups of two are a world
 * wide name.
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
  if (halves.length === 1) return count === 8 && !plain.every((group) => group.length === 2);
  if (count >= 8 || count === 0 || !/\d/.test(text)) return false;
  return count >= 3 || plain.some((group) => group.length >= 3);
}

/** All eight groups of an address, in lower case. */
function expanded(address: string): string {
  const [head = "", tail] = address.toLowerCase().split("::");
  const groupsOf = (half: string): string[] => (half === "" ? [] : half.split(":"));
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  const hasV4 = address.includes(".") ? 1 : 0;
  const missing = tail === undefined ? 0 : 8 - hasV4 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: Math.max(0, missing) }, () => "0"), ...after];
  return groups.map((group) => group.replace(/^0+(?=[0-9a-f])/, "")).join(":");
}
