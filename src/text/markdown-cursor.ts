/** A place in a line of Markdown: columns count tabs as the standard does, to the next fourth. */

const tab = 9;
const space = 32;

export class Cursor {
  readonly line: string;
  offset = 0;
  column = 0;
  /** Columns of a tab that are left after a part of it was taken. */
  #rest = 0;

  constructor(line: string) {
    this.line = line;
  }

  /** Columns of white space from here to what is next. */
  get indent(): number {
    let column = this.column + this.#rest;
    for (let at = this.offset + (this.#rest > 0 ? 1 : 0); at < this.line.length; at += 1) {
      const code = this.line.charCodeAt(at);
      if (code === tab) column += 4 - (column % 4);
      else if (code === space) column += 1;
      else break;
    }
    return column - this.column;
  }

  get blank(): boolean {
    return this.next === "";
  }

  /** From the next character that is no white space. */
  get rest(): string {
    return this.line.slice(this.offset).trimStart();
  }

  /** The next character that is no white space, or an empty text. */
  get next(): string {
    for (let at = this.offset; at < this.line.length; at += 1) {
      const code = this.line.charCodeAt(at);
      if (code !== tab && code !== space) return this.line[at] ?? "";
    }
    return "";
  }

  /** Takes white space, at most so many columns. */
  takeIndent(columns: number): void {
    let left = columns;
    while (left > 0) {
      if (this.#rest === 0) {
        const code = this.line.charCodeAt(this.offset);
        if (code === space) this.#rest = 1;
        else if (code === tab) this.#rest = 4 - (this.column % 4);
        else return;
      }
      const taken = Math.min(left, this.#rest);
      left -= taken;
      this.column += taken;
      this.#rest -= taken;
      if (this.#rest === 0) this.offset += 1;
    }
  }

  /** Takes characters that are no white space. */
  take(chars: number): void {
    this.takeIndent(this.indent);
    this.offset += chars;
    this.column += chars;
  }
}
