/** Names of AsciiDoc that stand for a text: `:hall: Granvik`, and below it `the {hall}`. */

const attributeLine = /^:(!?)([\w-]+)(!?):(?:[ \t]+(\S.*)?)?$/s;
const reference = /(\\?)\{([\w-]{1,100})\}/g;
/** A longer value is a text of its own; values that name one another could grow without an end. */
const valueCharsMax = 1_000;
/** So many times the source a text may grow by what its names stand for. */
const growthMax = 4;
const growthCharsMin = 100_000;
/** Those that every document has. */
const builtIn: Readonly<Record<string, string>> = {
  ...{ nbsp: "\u00a0", sp: " ", empty: "", blank: "", plus: "+", vbar: "|", amp: "&", lt: "<" },
  ...{ gt: ">", apos: "'", quot: '"', asterisk: "*", caret: "^", tilde: "~", deg: "°" },
  ...{ lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", startsb: "[", endsb: "]" },
  ...{ backtick: "`", backslash: "\\", "two-colons": "::", "two-semicolons": ";;" },
};

export class AsciidocAttributes {
  readonly #values = new Map(Object.entries(builtIn));
  #charsLeft: number;

  constructor(sourceChars: number) {
    this.#charsLeft = Math.max(growthCharsMin, sourceChars * growthMax);
  }

  /** Whether the line says what a name stands for. */
  take(line: string): boolean {
    const [, before, name = "", after, value = ""] = attributeLine.exec(line) ?? [];
    if (before === undefined) return false;
    if (before === "!" || after === "!") this.#values.delete(name.toLowerCase());
    else this.#values.set(name.toLowerCase(), this.resolved(value));
    return true;
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** A name that nobody has said stays as it is written, and so does `\{name}`, but its mark. */
  resolved(text: string): string {
    if (!text.includes("{")) return text;
    return text.replace(reference, (written, escape: string, name: string) => {
      if (escape !== "") return written.slice(1);
      const value = this.#values.get(name.toLowerCase());
      if (value === undefined || value.length > valueCharsMax) return written;
      if (value.length > this.#charsLeft) return written;
      this.#charsLeft -= value.length;
      return value;
    });
  }
}
