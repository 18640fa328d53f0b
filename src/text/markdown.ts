/**
 * Markdown as blocks, by the rules of CommonMark and GitHub's tables: what cutting a text into
 * chunks needs to know of it. The rules of what is within a line are not applied.
 *
 *   MD1  blocks are in order and do not overlap; together they cover all that is not blank;
 *   MD2  the work is linear in the text: a line is looked at once, for at most `containersMax`
 *        containers, and patterns see at most `markupCharsMax` of it.
 */

import { Cursor } from "./markdown-cursor.ts";
import {
  cellsOf,
  closesFence,
  fenceOf,
  headingOf,
  htmlStartOf,
  isDefinition,
  isDelimiterRow,
  isRule,
  listMarkerOf,
  underlineLevel,
} from "./markdown-leaves.ts";
import { type Line, splitLines, topMatterLines } from "./markdown-lines.ts";
import { plainTitle } from "./markdown-title.ts";

export type Block =
  | {
      readonly kind: "heading";
      readonly start: number;
      readonly end: number;
      readonly level: number;
      /** Without markup. */
      readonly title: string;
    }
  | { readonly kind: "code"; readonly start: number; readonly end: number }
  | {
      readonly kind: "prose";
      readonly start: number;
      readonly end: number;
      /** Of a row of a table: the names of its columns. */
      readonly columns?: string | undefined;
    };

/** Blocks in order. A paragraph, a list item and a row of a table is a block each. */
export function parseBlocks(text: string): Block[] {
  return [...blocksOf(text)];
}

/** As they are read: who has what he looks for need not read the rest. */
function* blocksOf(text: string): Generator<Block> {
  const lines = splitLines(text);
  const parser = new BlockParser();
  const top = topMatterLines(lines);
  const [first] = lines;
  const last = lines[top - 1];
  if (first !== undefined && last !== undefined) parser.addProse(first.start, last.end);
  for (const line of lines.slice(top)) {
    parser.line(line);
    yield* parser.take();
  }
  yield* parser.finish();
}

/** The title of the first heading that has one: what a text without a title is called. */
export function firstHeading(text: string): string | undefined {
  for (const block of blocksOf(text)) {
    const title = block.kind === "heading" ? block.title : htmlTitleIn(text, block);
    if (title !== "") return title;
  }
  return undefined;
}

/**
 * `<h1 align="center">Name</h1>`, as the first lines of a README often are. It holds no other one,
 * so each is gone through once.
 */
const htmlHeading = /<h([1-6])\b[^<>]*>((?:(?!<h[1-6]\b)[^]){1,1000}?)<\/h\1>/i;
/** What a browser shows as it is written, or not at all; one that does not end, to the end. */
const htmlWithoutTitle = /<!--[^]*?(?:-->|$)|<(pre|script|style|textarea)\b[^]*?(?:<\/\1\b|$)/gi;
const htmlCharsMax = 4_000;

function htmlTitleIn(text: string, { kind, start, end }: Block): string {
  if (kind !== "prose" || text[start] !== "<") return "";
  const html = text.slice(start, Math.min(end, start + htmlCharsMax));
  const [, , inner = ""] = htmlHeading.exec(html.replace(htmlWithoutTitle, "")) ?? [];
  const [, description = ""] = /\balt="([^"]*)"/i.exec(inner) ?? [];
  return inner === "" ? "" : plainTitle(inner) || plainTitle(description);
}

/** Deeper nesting is no structure that a reader could follow. */
const containersMax = 32;
/** A paragraph above a rule is a heading when it is as short as one. */
const headingLinesMax = 3;

const none: readonly Block[] = [];

type Container =
  | { readonly kind: "quote" }
  | { readonly kind: "item"; readonly indent: number; isEmpty: boolean };

/** A line that begins with none of these is text, wherever it stands. */
const marks = /^[\s#>`~\-=*+_<|:\d]/;

type Leaf =
  | { readonly kind: "paragraph"; readonly lines: Line[] }
  | { readonly kind: "table"; readonly columns: string }
  | { readonly kind: "fence"; readonly fence: string; readonly start: number; end: number }
  | { readonly kind: "indented"; readonly start: number; end: number }
  | {
      readonly kind: "html";
      readonly ends: RegExp | undefined;
      readonly start: number;
      end: number;
    };

class BlockParser {
  #blocks: Block[] = [];
  #containers: Container[] = [];
  #leaf: Leaf | undefined;
  /** Containers that the line continues or opens. */
  #matched = 0;
  #hasOpened = false;

  line(line: Line): void {
    if (this.#plainLine(line)) return;
    const cursor = new Cursor(line.markup);
    this.#matched = this.#matchContainers(cursor);
    this.#hasOpened = false;
    const isWithin = this.#matched === this.#containers.length;
    if (isWithin && this.#continueLeaf(cursor, line)) return;
    if (this.#openBlocks(cursor, line)) return;
    this.#text(cursor, line);
  }

  /** The blocks that ended since it was last asked. */
  take(): readonly Block[] {
    if (this.#blocks.length === 0) return none;
    const blocks = this.#blocks;
    this.#blocks = [];
    return blocks;
  }

  finish(): readonly Block[] {
    this.#closeLeaf();
    return this.take();
  }

  addProse(start: number, end: number, columns?: string): void {
    this.#blocks.push({ kind: "prose", start, end, ...(columns === undefined ? {} : { columns }) });
  }

  /** Most lines of most texts: the next one of a paragraph, or its first. */
  #plainLine(line: Line): boolean {
    const { markup } = line;
    const leaf = this.#leaf;
    if (this.#containers.length > 0 || line.isBlank || marks.test(markup)) return false;
    if (leaf?.kind === "paragraph") leaf.lines.push({ ...line, content: markup });
    else if (leaf === undefined) {
      this.#leaf = { kind: "paragraph", lines: [{ ...line, content: markup }] };
    } else return false;
    return true;
  }

  #matchContainers(cursor: Cursor): number {
    let matched = 0;
    for (const container of this.#containers) {
      if (container.kind === "item") {
        // An item may begin with one blank line, not with two.
        if (cursor.blank ? container.isEmpty : cursor.indent < container.indent) break;
        container.isEmpty = false;
        cursor.takeIndent(container.indent);
      } else {
        if (cursor.indent > 3 || cursor.next !== ">") break;
        takeQuoteMark(cursor);
      }
      matched += 1;
    }
    return matched;
  }

  /** Code and HTML take the line as it is, whatever it looks like. */
  #continueLeaf(cursor: Cursor, line: Line): boolean {
    const leaf = this.#leaf;
    switch (leaf?.kind) {
      case "fence":
        leaf.end = line.end;
        if (cursor.indent <= 3 && closesFence(cursor.rest, leaf.fence)) this.#closeLeaf();
        return true;
      case "html":
        if (leaf.ends === undefined && cursor.blank) return false;
        leaf.end = line.end;
        if (leaf.ends?.test(line.markup) === true) this.#closeLeaf();
        return true;
      case "indented":
        if (!cursor.blank && cursor.indent < 4) return false;
        // A line with nothing but the marks of a quotation is no blank one.
        if (!line.isBlank) leaf.end = line.end;
        return true;
      default:
        return false;
    }
  }

  /** Opens what begins in this line. True when nothing of the line is left. */
  #openBlocks(cursor: Cursor, line: Line): boolean {
    for (;;) {
      if (cursor.blank) return false;
      if (cursor.indent > 3) return this.#openIndented(line);
      if (cursor.next === ">" && this.#mayOpenContainer) {
        this.#openContainer({ kind: "quote" });
        takeQuoteMark(cursor);
      } else if (this.#openLeaf(cursor.rest, line)) {
        return true;
      } else if (!this.#openItem(cursor)) {
        return false;
      }
    }
  }

  /** The paragraph that the line could belong to, as far as containers decide. */
  get #paragraph(): Line[] | undefined {
    const leaf = this.#leaf;
    const isWithin = this.#matched === this.#containers.length && !this.#hasOpened;
    return isWithin && leaf?.kind === "paragraph" ? leaf.lines : undefined;
  }

  get #mayOpenContainer(): boolean {
    return this.#matched < containersMax;
  }

  #openIndented(line: Line): boolean {
    if (this.#leaf?.kind === "paragraph" && !this.#hasOpened) return false;
    this.#begin();
    this.#leaf = { kind: "indented", start: line.start, end: line.end };
    return true;
  }

  #openContainer(container: Container): void {
    this.#begin();
    this.#containers.push(container);
    this.#matched += 1;
    this.#hasOpened = true;
  }

  #openItem(cursor: Cursor): boolean {
    const { rest, indent } = cursor;
    const marker = this.#mayOpenContainer ? listMarkerOf(rest) : undefined;
    if (marker === undefined) return false;
    if (this.#paragraph !== undefined && !marker.mayInterrupt) return false;
    cursor.take(marker.length);
    const gap = cursor.indent;
    const isFar = gap > 4 || cursor.blank;
    const inner = indent + marker.length + (isFar ? 1 : gap);
    this.#openContainer({ kind: "item", indent: inner, isEmpty: cursor.blank });
    cursor.takeIndent(isFar ? 1 : gap);
    return true;
  }

  /** Blocks of one line, and the first lines of longer ones. */
  #openLeaf(rest: string, line: Line): boolean {
    const { start, end, isLong } = line;
    if (isLong) return false;
    const heading = headingOf(rest);
    if (heading !== undefined) {
      this.#begin();
      const title = plainTitle(heading.markup);
      this.#blocks.push({ kind: "heading", start, end, level: heading.level, title });
      return true;
    }
    const fence = fenceOf(rest);
    if (fence !== undefined) {
      this.#begin();
      this.#leaf = { kind: "fence", fence, start, end };
      return true;
    }
    return this.#openHtml(rest, line) || this.#underlined(rest, line) || this.#rule(rest, line);
  }

  #openHtml(rest: string, line: Line): boolean {
    const html = htmlStartOf(rest);
    const continues = this.#leaf?.kind === "paragraph" && !this.#hasOpened;
    if (html === undefined || (continues && !html.mayInterrupt)) return false;
    this.#begin();
    const { start, end } = line;
    this.#leaf = { kind: "html", ends: html.ends, start, end };
    if (html.ends?.test(rest) === true) this.#closeLeaf();
    return true;
  }

  /** A rule below a paragraph makes a heading of it, or a table of its last line. */
  #underlined(rest: string, { end }: Line): boolean {
    const paragraph = this.#paragraph;
    const [first] = paragraph ?? [];
    if (paragraph === undefined || first === undefined) return false;
    const level = underlineLevel(rest);
    const isShort = paragraph.length <= headingLinesMax;
    if (level !== undefined && isShort && !paragraph.every((each) => isDefinition(each.content))) {
      const title = plainTitle(paragraph.map(({ content }) => content).join(" "));
      this.#leaf = undefined;
      this.#blocks.push({ kind: "heading", start: first.start, end, level, title });
      return true;
    }
    return this.#openTable(paragraph, { rest, end });
  }

  #openTable(paragraph: Line[], { rest, end }: { rest: string; end: number }): boolean {
    const header = paragraph.at(-1);
    if (header === undefined || !isDelimiterRow(rest)) return false;
    const isPiped = rest.includes("|") || header.content.includes("|");
    const names = cellsOf(header.content);
    if (!isPiped || names.length !== cellsOf(rest).length) return false;
    paragraph.pop();
    this.#closeLeaf();
    this.addProse(header.start, end);
    const columns = names.map(plainTitle).filter((name) => name !== "");
    this.#leaf = { kind: "table", columns: columns.join(" | ") };
    return true;
  }

  #rule(rest: string, { start, end }: Line): boolean {
    if (!isRule(rest)) return false;
    this.#begin();
    this.addProse(start, end);
    return true;
  }

  /** What is no beginning of anything: a paragraph, its next line, a row of a table. */
  #text(cursor: Cursor, line: Line): void {
    const leaf = this.#leaf;
    if (cursor.blank) {
      this.#blank(line);
      return;
    }
    const isWithin = this.#matched === this.#containers.length && !this.#hasOpened;
    const content = { ...line, content: cursor.rest };
    // A paragraph continues in a line that has lost its marks.
    if (leaf?.kind === "paragraph" && !this.#hasOpened) {
      leaf.lines.push(content);
    } else if (leaf?.kind === "table" && isWithin) {
      this.addProse(line.start, line.end, leaf.columns);
    } else {
      this.#begin();
      this.#leaf = { kind: "paragraph", lines: [content] };
    }
  }

  /** A quotation ends where its mark is missing; an item continues over a blank line. */
  #blank(line: Line): void {
    const isWithin = this.#matched === this.#containers.length && !this.#hasOpened;
    if (!isWithin || this.#leaf?.kind !== "indented") this.#begin();
    if (!line.isBlank) this.addProse(line.start, line.end);
  }

  /** Ends what the line does not continue. */
  #begin(): void {
    this.#closeLeaf();
    this.#containers.length = Math.min(this.#containers.length, this.#matched);
  }

  #closeLeaf(): void {
    const leaf = this.#leaf;
    this.#leaf = undefined;
    switch (leaf?.kind) {
      case "paragraph":
        for (const { start, end } of paragraphBlocks(leaf.lines)) this.addProse(start, end);
        break;
      case "fence":
      case "indented":
        this.#blocks.push({ kind: "code", start: leaf.start, end: leaf.end });
        break;
      case "html":
        this.addProse(leaf.start, leaf.end);
        break;
      default:
    }
  }
}

function takeQuoteMark(cursor: Cursor): void {
  cursor.take(1);
  cursor.takeIndent(1);
}

/** Rows of a table without a header stand for themselves. */
function paragraphBlocks(lines: readonly Line[]): { start: number; end: number }[] {
  const blocks: { start: number; end: number }[] = [];
  for (const { start, end, content } of lines) {
    const last = blocks.at(-1);
    if (last === undefined || content.startsWith("|")) blocks.push({ start, end });
    else last.end = end;
  }
  return blocks;
}
