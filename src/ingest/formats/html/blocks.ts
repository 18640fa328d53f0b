/** The text of a page under construction: blocks, lists, the line that is being written. */

/** How the items of an ordered list are counted. */
export interface ListOrder {
  /** The number of its first item. */
  readonly next: number;
  readonly step: 1 | -1;
}

interface OpenList {
  readonly ordered: boolean;
  next: number;
  readonly step: ListOrder["step"];
  /** Where the text of its open item begins. */
  inner: string;
}

/** Deeper lists are shown at this depth: a marker further in would be code to Markdown. */
const listDepthMax = 5;
/** A page may open any number of lists without an item between them; they mean nothing. */
const openListsMax = 64;

/** At the start of a line these would be markup, which a page's text is not. */
const looksLikeMarkup = /^(?:#{1,6}(?=\s)|`{3}|~{3}|(?:=+|-{2,})(?=[ \t]*$)|\|)/gm;

export class Blocks {
  readonly #done: string[] = [];
  readonly #lists: OpenList[] = [];
  #line: string[] = [];
  #lineEnd = "\n";
  /** Written before the next line: a list's marker, the term of a definition. */
  #marker = "";
  #outer = "";
  #afterItem = false;

  /** Words of a paragraph; white space in them counts as one space. */
  text(words: string): void {
    const flat = words.replace(/[ \t\n\r\f]+/g, " ");
    const added = /\s/.test(this.#lineEnd) && flat.startsWith(" ") ? flat.slice(1) : flat;
    if (added !== "") this.#push(added);
  }

  /** Where something begins or ends that must not grow together with its neighbour. */
  space(): void {
    if (!/\s/.test(this.#lineEnd)) this.#push(" ");
  }

  newLine(): void {
    if (this.#line.length > 0) this.#push("\n");
  }

  /** The last character of the open line; a line feed before its first. */
  get lineEnd(): string {
    return this.#lineEnd;
  }

  /** Ends the open line: what follows is a block of its own. */
  end(): void {
    const line = this.#takeLines();
    if (line === "") return;
    const isItem = this.#marker !== "";
    const inner = this.#lists.at(-1)?.inner ?? "";
    const safe = line.replace(looksLikeMarkup, "\\$&").replaceAll("\n", `\n${inner}`);
    const placed = `${isItem ? this.#outer : inner}${this.#marker}${safe}`;
    this.#marker = "";
    this.#add(placed, isItem);
  }

  /** A block that is written already: a heading, a table, code. It stands at the margin. */
  add(block: string): void {
    this.end();
    this.#marker = "";
    this.#add(block, false);
  }

  openList(ordered: boolean, { next, step }: ListOrder = { next: 1, step: 1 }): void {
    this.end();
    const inner = this.#lists.at(-1)?.inner ?? "";
    if (this.#lists.length < openListsMax) this.#lists.push({ ordered, next, step, inner });
  }

  closeList(): void {
    this.end();
    this.#lists.pop();
    this.#marker = "";
    if (this.#lists.length === 0) this.#afterItem = false;
  }

  /** @param number its own, where it has one */
  openItem(number?: number): void {
    this.end();
    const list = this.#lists.at(-1);
    if (list !== undefined && number !== undefined) list.next = number;
    this.#mark(list?.ordered === true ? `${list.next}. ` : "- ");
    if (list !== undefined) list.next += list.step;
  }

  /** An item that begins with the term that it explains. */
  openDefinition(term: string): void {
    this.end();
    this.#mark("- ");
    if (term !== "") this.#marker += `${term}: `;
  }

  closeItem(): void {
    this.end();
    this.#marker = "";
  }

  finish(): readonly string[] {
    this.end();
    return this.#done;
  }

  #mark(marker: string): void {
    const depth = Math.max(0, Math.min(this.#lists.length - 1, listDepthMax));
    this.#outer = "  ".repeat(depth);
    this.#marker = marker;
    const list = this.#lists.at(-1);
    if (list !== undefined) list.inner = this.#outer + " ".repeat(marker.length);
  }

  #push(piece: string): void {
    this.#line.push(piece);
    this.#lineEnd = piece.at(-1) ?? "\n";
  }

  #takeLines(): string {
    const line = this.#line.join("");
    this.#line = [];
    this.#lineEnd = "\n";
    return line.replace(/(?<! ) +\n/g, "\n").trim();
  }

  /** Items of a list stand close together, everything else is apart. */
  #add(block: string, isItem: boolean): void {
    const last = this.#done.length - 1;
    if (isItem && this.#afterItem) this.#done[last] = `${this.#done[last] ?? ""}\n${block}`;
    else this.#done.push(block);
    this.#afterItem = isItem;
  }
}
