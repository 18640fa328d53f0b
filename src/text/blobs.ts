/**
 * Pictures, drawings, certificates, programs and rows of one sign that stand in a text as
 * characters. They say nothing to a reader, and each thousand of them makes a chunk that answers no
 * question and crowds out others.
 *
 *   BL1  what goes is named where it stood, with its length;
 *   BL2  words stay, in every script, also long ones, and so do addresses, hashes and keys: what is
 *        taken for a blob is longer than any of them and mixed as no word is;
 *   BL3  linear in the text.
 */

/** `data:image/png;base64,…`; short ones are examples of themselves. */
const dataUri =
  /\bdata:([a-z]+\/[\w.+-]{1,80})?((?:;[\w.-]+(?:=[\w.-]+)?){0,4}),([^\s"'()<>\\`]{128,})/gi;
/** The same as it is, not in base64: `data:image/svg+xml;utf8,<svg …>`, quoted or in brackets. */
const svgUri = /\bdata:image\/svg\+xml[^,\s]{0,80},\s*<svg\b(?:[^<\n]|<(?!\/?svg\b))*<\/svg>/gi;
const svgCharsMin = 128;
/** Percent-encoded, with the blanks and quotes that style sheets leave as they are. */
const codedSvgUri =
  /\bdata:image\/svg\+xml[^,\s]{0,80},\s*%3csvg\b(?:[^%\n]|%(?!3c(?:%2f|\/)?svg\b))*%3c(?:%2f|\/)svg%3e/gi;
/** What a vector graphic draws. Quotes are those of its attribute. */
const drawing = /\b(d|points)=(["'])[MmZzLlHhVvCcSsQqTtAa0-9eE.,\s+-]{128,}\2/g;
/** Nothing that people write is so long without a mark or a blank: SHA-512 in hex has 128. */
const longRun = /(?<![\w+/-])[\w+/-]{300,}={0,2}/g;
/** Lines of base64, as certificates and mails wrap it; the last may be shorter. */
const wrappedLines =
  /(?:^[ \t>]*[A-Za-z0-9+/]{60,100}\n){4,}(?:^[ \t>]*[A-Za-z0-9+/]{1,100}={0,2}$)?/gm;
/** Bytes in the source of a program: `\x89\x50…`, `0x89, 0x50, …`. */
const bytesInCode = /(?:\\x[\da-f]{2}){64,}|(?:\b0x[\da-f]{2}\b,?\s{0,16}){64,}/gi;
/** What `xxd` and `hexdump -C` print: where, and what stands there. */
const dumpedLines =
  /(?:^[ \t]{0,8}(?:0x)?[\da-f]{4,16}:?[ \t]{1,4}(?:(?:[\da-f]{2}){1,2}[ \t]{1,3}){7,32}.{0,80}$\n?){8,}/gim;
/** A rule across the page, the filling of a form: a longer one than anybody reads. */
const rowCharsMin = 256;
/** A line of a program that was packed for a machine. */
const longLine = /^.{4000,}$/gm;

export function withoutBlobs(text: string): string {
  const withRows = text
    .replace(codedSvgUri, (found) => shortOr(found, leftOut("image/svg+xml", found)))
    .replace(dataUri, (found) => {
      const [type = ""] = found.split(/[;,]/, 1);
      const { length } = found.slice(found.indexOf(",") + 1);
      return `${type},(${length} characters left out)`;
    })
    .replace(svgUri, (found) => shortOr(found, leftOut("image/svg+xml", found)))
    .replace(drawing, (found, name: string, quote: string) => {
      return `${name}=${quote}${leftOut("drawing", found.slice(name.length + 3))}${quote}`;
    })
    .replace(wrappedLines, (lines) => (isMixed(lines) ? `${leftOut("base64", lines)}\n` : lines))
    .replace(dumpedLines, (lines) => (isDump(lines) ? `${leftOut("bytes", lines)}\n` : lines))
    .replace(bytesInCode, (bytes) => leftOut("bytes", bytes))
    .replace(longRun, (run) => {
      if (isHex(run)) return leftOut("hex", run);
      return isMixed(run) ? leftOut("base64", run) : run;
    });
  return withoutRows(withRows).replace(longLine, (line) =>
    isPacked(line) ? leftOut("packed code", line) : line,
  );
}

/** One sign over and over. Not as a pattern: that looks at each row from each of its signs. */
/** A table of years and counts has rows of such groups, too, and no letters in them. */
function isDump(lines: string): boolean {
  const letters = lines.match(/(?<=[\da-f\s])[a-f]/gi)?.length ?? 0;
  return letters * 8 > lines.length;
}

function withoutRows(text: string): string {
  const kept: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; ) {
    const sign = text.codePointAt(at) as number;
    const width = sign > 0xffff ? 2 : 1;
    let end = at + width;
    while (text.codePointAt(end) === sign) end += width;
    if (end - at >= rowCharsMin * width && /\S/.test(String.fromCodePoint(sign))) {
      kept.push(text.slice(from, at), leftOut("one sign", text.slice(at, end)));
      from = end;
    }
    at = end;
  }
  return from === 0 ? text : kept.join("") + text.slice(from);
}

function shortOr(found: string, instead: string): string {
  return found.length < svgCharsMin ? found : instead;
}

function leftOut(kind: string, { length }: { readonly length: number }): string {
  return `(${kind}, ${length} characters left out)`;
}

function isHex(run: string): boolean {
  return /^(?:[0-9a-f]+|[0-9A-F]+)$/.test(run) && /[0-9]/.test(run) && /[a-f]/i.test(run);
}

/** Of coded bytes, two fifths are capitals, two fifths small letters, a sixth digits. */
const capitalShare = 0.2;
const smallShare = 0.2;
const digitShare = 0.06;

function isMixed(run: string): boolean {
  const all = run.length;
  return (
    countOf(run, 65, 90) > all * capitalShare &&
    countOf(run, 97, 122) > all * smallShare &&
    countOf(run, 48, 57) > all * digitShare
  );
}

/**
 * Prose has a blank in six characters. Data that people read has braces, but calls nothing and ends
 * no statement.
 */
const blankShareMax = 0.05;
const bracketShareMin = 0.05;
const statementShareMin = 0.02;

function isPacked(line: string): boolean {
  const without = (signs: RegExp): number => line.length - line.replace(signs, "").length;
  return (
    without(/ /g) < line.length * blankShareMax &&
    without(/[{}()]/g) > line.length * bracketShareMin &&
    without(/[;()]/g) > line.length * statementShareMin
  );
}

function countOf(text: string, first: number, last: number): number {
  let count = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= first && code <= last) count += 1;
  }
  return count;
}
