/**
 * What of an answer can cite: a marker `[1]`, but not in code, between fences or between backticks
 * of one line. What is written like a marker there is an index: `items[0]`. Pure.
 *
 *   MC1  whether code begins is decided by what stands in its line, within a bound: the same for a
 *        streamed answer and a whole one. A backtick that nothing closes is a backtick, and so are
 *        those behind it in its line;
 *   MC2  inline code holds no link, picture or loading tag: what is taken out of those moves
 *        nothing into code or out of it.
 */

/** Longer code is written between fences. */
const inlineCharsMax = 200;
const fenceMin = 3;
const harmful =
  /\]\s*\(|!\[|<\/?(?:img|a|iframe|script|style|object|embed|link|svg|video|audio|source|form|input|button|meta|base)(?![a-z0-9-])|<(?:https?|ftp|mailto|data|javascript):/i;

function ticksAt(text: string, from: number): number {
  let at = from;
  while (text[at] === "`") at += 1;
  return at - from;
}

/** Where the run of as many backticks begins that closes the first one. */
function closingAt(line: string, ticks: number): number | undefined {
  for (let at = line.indexOf("`", ticks); at !== -1; at = line.indexOf("`", at)) {
    const run = ticksAt(line, at);
    if (run === ticks) return at;
    at += run;
  }
  return undefined;
}

/** Where a reader stands, who is told what leaves piece by piece. */
export class CodePlace {
  /** Backticks of the fence that is open. */
  #fence = 0;
  #isLineStart = true;
  #isLiteral = false;

  get isFenced(): boolean {
    return this.#fence > 0;
  }

  /**
   * How much leaves as it stands where backticks begin: they alone, or a piece of inline code;
   * undefined where it takes more text to tell.
   */
  ticks(text: string, isLast: boolean): number | undefined {
    const ticks = ticksAt(text, 0);
    if (this.#fence > 0) {
      if (ticks === text.length && !isLast) return undefined;
      if (this.#isLineStart && ticks >= this.#fence) this.#fence = 0;
      return ticks;
    }
    const held = text.slice(0, ticks + inlineCharsMax);
    const lineFeed = held.indexOf("\n");
    const line = lineFeed === -1 ? held : held.slice(0, lineFeed);
    const isWhole = isLast || lineFeed !== -1 || held.length === ticks + inlineCharsMax;
    const closing = closingAt(line, ticks);
    // A run at the end of what is there may go on.
    if (!isWhole && (closing === undefined || closing + ticks === line.length)) return undefined;
    const isCode = closing !== undefined && !harmful.test(line.slice(ticks, closing));
    if (isCode && !this.#isLiteral) return closing + ticks;
    const isFence = this.#isLineStart && ticks >= fenceMin && closing === undefined;
    if (isFence) this.#fence = ticks;
    else this.#isLiteral = true;
    return ticks;
  }

  /** What left in one piece, backticks within it. */
  readAll(text: string): void {
    for (const _ of piecesOf(text, this));
  }

  /** @param piece what left: all that `ticks` told, or text without a backtick */
  read(piece: string): void {
    const lineFeed = piece.lastIndexOf("\n");
    const isBlank = /^[ \t]*$/.test(piece.slice(lineFeed + 1));
    this.#isLineStart = (lineFeed !== -1 || this.#isLineStart) && isBlank;
    if (lineFeed !== -1) this.#isLiteral = false;
  }
}

/** What is whole, in pieces: of code, or of none. */
function* piecesOf(
  text: string,
  place: CodePlace,
): Generator<{ readonly piece: string; readonly isCode: boolean }> {
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const isTicks = rest.startsWith("`");
    const length = isTicks
      ? (place.ticks(rest, true) ?? 1)
      : (/^(?:\n|[^`\n]+)/.exec(rest)?.[0].length ?? 1);
    const piece = rest.slice(0, length);
    yield { piece, isCode: isTicks || place.isFenced };
    place.read(piece);
    at += length;
  }
}

/** The text without the brackets of its code, as long as it: what is left of them are markers. */
export function withoutCode(text: string): string {
  if (!text.includes("`")) return text;
  const pieces = Array.from(piecesOf(text, new CodePlace()), ({ piece, isCode }) =>
    isCode ? piece.replace(/[[\]]/g, " ") : piece,
  );
  return pieces.join("");
}
