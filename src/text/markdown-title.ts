/** A heading without its markup, as it is shown and embedded with each chunk below it. */

import { withoutEnd } from "../contract/without-end.ts";

/** A longer heading is cut when it is embedded; patterns with a tail see no more. */
const titleCharsMax = 400;
/** All markup of a line begins with one of these: most headings have none of them. */
const markupSigns = /[`![<{*~&\\\ue000]/;
const codeSpan = /(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)/g;
/** What stands for a code span while the markup around it is read: of Unicode's private use. */
const spanMark = /\ue000(\d+)\ue001/g;
/** No class holds what opens its pattern: a title of nothing but brackets is gone through once. */
const image = /(?<!\\)!\[([^[\]]*)\](?:\([^()]*\)|\[[^[\]]*\])/g;
const link = /(?<!\\)\[([^[\]]*)\](?:\((?:[^()]|\([^()]*\))*\)|\[[^[\]]*\])/g;
const autolink = /(?<!\\)<([a-z][a-z0-9+.-]{1,31}:[^\s<>]*)>/gi;
/** What people put into headings, in small letters: `List<String>` and `<Button>` are names. */
const tag =
  /(?<!\\)<\/?(?:a|abbr|b|big|br|center|cite|code|del|div|em|font|h[1-6]|hr|i|img|ins|kbd|mark|p|picture|q|s|samp|small|source|span|strike|strong|sub|sup|svg|tt|u|var|wbr)(?:[\s/][^<>]*)?>|<!--.*?-->/g;
/** Of those, the ones that a line ends with. */
const lineEnd = /(?<!\\)<(?:br|hr|\/?(?:p|div|center|h[1-6]))(?:[\s/][^<>]*)?>/g;
const emphasis = /(?<!\\)(\*{1,3})(?=\S)([^*]*[^*\s\\])\1/g;
const deleted = /(?<!\\)~~(?=\S)([^~]*[^~\s\\])~~/g;
/** `{#id}`, `{#id .class}`, `{: #id}`. */
const attributes = /(?<![ \t])[ \t]*\{:?[ \t]*[#.][^{}]*\}$/;
const escaped = /\\([!-/:-@[-`{-~])/g;
const entity = /(?<!\\)&(?:([a-z]{2,6})|#(\d{1,7})|#x([\da-f]{1,6}));/gi;
const entities: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " ", copy: "©", reg: "®" },
    ...{ trade: "™", times: "×", deg: "°", euro: "€", middot: "·", hellip: "…", ndash: "–" },
    ...{ mdash: "—", rarr: "→", larr: "←", laquo: "«", raquo: "»", lsquo: "‘", rsquo: "’" },
    ...{ ldquo: "“", rdquo: "”" },
  }),
);

/**
 * Pictures are left out, most are badges, unless the heading is nothing else (a logo). Code keeps
 * its spelling, and an underscore is part of a name: `restart_worker_pool` is one far
 * more often than an emphasis.
 */
export function plainTitle(markup: string): string {
  if (!markupSigns.test(markup)) return markup === "" ? "" : plainWords(markup);
  return plainLine(markup, "") || plainLine(markup, "$1");
}

function plainWords(markup: string): string {
  return withoutClosingHashes(markup.slice(0, titleCharsMax)).replace(/\s+/g, " ").trim();
}

/** @param pictures what stands for each: nothing, or its description */
function plainLine(markup: string, pictures: "" | "$1"): string {
  const line = withoutClosingHashes(markup.slice(0, titleCharsMax));
  const spans: string[] = [];
  // Within a link or an emphasis, too: a piece of the line by itself would be half of one.
  const marked = line.replace(codeSpan, (_span, _ticks, code: string) => {
    spans.push(code);
    return `\ue000${spans.length - 1}\ue001`;
  });
  return plainText(marked, pictures)
    .replace(spanMark, (mark, index: string) => spans[Number(index)] ?? mark)
    .replace(/\s+/g, " ")
    .trim();
}

function plainText(markup: string, pictures: "" | "$1"): string {
  return markup
    .replace(image, pictures)
    .replace(link, "$1")
    .replace(autolink, "$1")
    .replace(lineEnd, " ")
    .replace(tag, "")
    .replace(attributes, "")
    .replace(emphasis, "$2")
    .replace(deleted, "$1")
    .replace(entity, character)
    .replace(escaped, "$1");
}

function character(
  ...[written, name, decimal, hexadecimal = ""]: readonly [string, string?, string?, string?]
): string {
  if (name !== undefined) return entities.get(name.toLowerCase()) ?? written;
  const code = Number.parseInt(decimal ?? hexadecimal, decimal === undefined ? 16 : 10);
  const isCharacter = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return isCharacter ? String.fromCodePoint(code) : written;
}

/**
 * `Title ##`: by hand, because a pattern that ends at the end tries each run of blanks and hashes
 * again.
 */
function withoutClosingHashes(markup: string): string {
  const title = markup.trimEnd();
  const open = withoutEnd(title, "#");
  return open === "" || /[ \t]$/.test(open) ? open : title;
}
