/** Names of AsciiDoc that stand for a text: `:hall: Granvik`, and below it `the {hall}`. */

import { Growth } from "./growth.ts";

const attributeLine = /^:(!?)([\w-]+)(!?):(?:[ \t]+(\S.*)?)?$/s;
const reference = /(\\?)\{([\w-]{1,100})\}/g;
/** Those that every document has. */
const builtIn: Readonly<Record<string, string>> = {
  ...{ nbsp: "\u00a0", sp: " ", empty: "", blank: "", plus: "+", vbar: "|", amp: "&", lt: "<" },
  ...{ gt: ">", apos: "'", quot: '"', asterisk: "*", caret: "^", tilde: "~", deg: "°" },
  ...{ lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", startsb: "[", endsb: "]" },
  ...{ backtick: "`", backslash: "\\", "two-colons": "::", "two-semicolons": ";;" },
};

export class AsciidocAttributes {
  readonly #values = new Map(Object.entries(builtIn));
  readonly #growth: Growth;

  constructor(sourceChars: number) {
    this.#growth = new Growth(sourceChars);
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
      return value !== undefined && this.#growth.takes(value) ? value : written;
    });
  }
}
