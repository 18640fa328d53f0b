/** What somebody wrote in a mail, without what the mail repeats of others. */

/** Before a quotation, in the languages of common programs; it may be wrapped over two lines. */
const attribution =
  /^(?:On\b.{5,200}\bwrote|Am\b.{5,200}\bschrieb\b.{0,100}|Le\b.{5,200}\ba écrit|El\b.{5,200}\bescribió|Il\b.{5,200}\bha scritto|Op\b.{5,200}\bschreef\b.{0,100}|Den\b.{5,200}\bskrev\b.{0,100}|\S.{0,200}\b(?:writes|wrote))\s?:$/s;
/** Outlook repeats the whole mail below such a line: of one that is trimmed. */
const originalMessage =
  /^-{2,}\s*(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original|Messaggio originale|Oorspronkelijk bericht)\s*-{2,}$/i;
const quotedLine = /^\s?>/;
/** Three marks, and nowhere fewer, are Python's: replies of replies repeat a mail, too. */
const prompt = /^\s?>>> /;

/**
 * Quoted lines go, with the line that announces them, where anything is left without them. A mail
 * of nothing but quotations keeps them; of a forwarded one nothing goes, and it does not come here.
 */
export function withoutQuotes(text: string): string {
  const lines = text.split(/\r\n|\r|\n/);
  const original = lines.findIndex((line) => originalMessage.test(line.trim()));
  const upper = original === -1 ? lines : lines.slice(0, original);
  const quoted = upper.filter((line) => quotedLine.test(line));
  if (quoted.length > 0 && quoted.every((line) => prompt.test(line))) return text;
  const own: string[] = [];
  for (const [index, line] of upper.entries()) {
    if (!quotedLine.test(line)) own.push(line);
    else if (!quotedLine.test(upper[index - 1] ?? "")) dropAttribution(own);
  }
  const kept = own
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
  return kept === "" ? text : kept;
}

/** The last lines before a quotation, when they say whose it is. */
function dropAttribution(lines: string[]): void {
  let end = lines.length;
  while (end > 0 && lines[end - 1]?.trim() === "") end -= 1;
  for (const count of [1, 2, 3]) {
    const said = lines
      .slice(Math.max(0, end - count), end)
      .join(" ")
      .trim();
    if (!attribution.test(said)) continue;
    lines.length = Math.max(0, end - count);
    return;
  }
}
