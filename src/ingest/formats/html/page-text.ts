/** A tree to text: headings, lists, tables and code as Markdown, everything else as paragraphs. */

import { fencedCode } from "../fence.ts";
import { Blocks, type ListOrder } from "./blocks.ts";
import {
  codeLanguage,
  headings,
  isBlock,
  isDrawnAgain,
  isHidden,
  isLineNumbers,
  isNoCode,
  isSetApart,
  isShownTemplate,
  isSilent,
  isStruck,
  spanOf,
} from "./elements.ts";
import { markOfOption, saidByField } from "./form-fields.ts";
import { isWord, mathText, rubyText } from "./inline-text.ts";
import { type OpenTable, tableBlocks } from "./tables.ts";
import { attributeOf, type Document, type Element, isElement, rawText, walk } from "./tree.ts";

export interface PageText {
  readonly text: string;
  /** Letters outside of links: what a page says itself, where its links only lead on. */
  readonly ownChars: number;
  readonly linkedChars: number;
  /** The first heading, without markup. */
  readonly heading: string | undefined;
}

/** Linear in the tree. `leaveOut` names elements to pass over, beyond what nobody reads. */
export function pageText(
  root: Document | Element,
  leaveOut: (element: Element) => boolean,
): PageText {
  const writer = new PageWriter(leaveOut);
  walk(root, writer);
  return writer.finish();
}

/** Markdown's, around text that is crossed out. */
const struckMark = "~~";
/** Each level of tables within tables goes through its text once more. */
const tableDepthMax = 20;
/** Marks beside headings that link to themselves. */
const permalink = /(?:[¶§#]|🔗\uFE0F?)$/u;
/** An exponent: without its sign, 10 to the power of 3 would be 103. */
const exponent = /^[-+\u2212]?\d{1,4}$/;

class PageWriter {
  readonly #leaveOut: (element: Element) => boolean;
  /** The page, and within it the cell, heading or term that is open. */
  readonly #targets: Blocks[] = [new Blocks()];
  readonly #tables: OpenTable[] = [];
  /** Tables within the deepest one that counts. */
  #tablesBeyond = 0;
  /** Of each open definition list: the terms that wait for what explains them. */
  readonly #terms: { term: string; isUsed: boolean }[] = [];
  #links = 0;
  /** Struck elements that are open, and whether their text is marked. */
  #struckDepth = 0;
  #isStruck = false;
  /** Nothing came since the last link ended. */
  #isAfterLink = false;
  #isAfterApart = false;
  /** Of the text so far, to see what an element that is set apart stands behind. */
  #lastText = "";
  #ownChars = 0;
  #linkedChars = 0;
  #heading: string | undefined;

  constructor(leaveOut: (element: Element) => boolean) {
    this.#leaveOut = leaveOut;
  }

  open(element: Element): boolean {
    const { tagName } = element;
    if (isShownTemplate(element)) return true;
    if (isSilent(tagName) || isHidden(element) || this.#leaveOut(element)) return false;
    if (isDrawnAgain(element) || isLineNumbers(element)) return false;
    if (tagName === "pre") {
      this.#addCode(element);
      return false;
    }
    if (tagName === "math" || (tagName === "ruby" && isWord(element))) {
      this.text(tagName === "math" ? mathText(element) : rubyText(element));
      return false;
    }
    if (headings.has(tagName)) this.#openHeading();
    else if (isBlock(tagName)) this.#openBlock(element);
    else this.#openInline(element);
    if (isStruck(element)) this.#openStruck(element);
    return true;
  }

  text(value: string): void {
    this.#isAfterLink = false;
    if (this.#isAfterApart && !goesOn.test(value)) this.#blocks.space();
    this.#isAfterApart = false;
    this.#lastText = value;
    this.#blocks.text(value);
    const { length } = value.trim();
    if (this.#links === 0) this.#ownChars += length;
    else this.#linkedChars += length;
  }

  close(element: Element): void {
    const { tagName } = element;
    if (isStruck(element)) this.#closeStruck();
    const level = headings.get(tagName);
    if (level !== undefined) this.#closeHeading(level);
    else if (isBlock(tagName)) this.#closeBlock(tagName);
    else this.#closeInline(tagName);
  }

  finish(): PageText {
    const text = this.#blocks.finish().join("\n\n");
    return {
      text,
      ownChars: this.#ownChars,
      linkedChars: this.#linkedChars,
      heading: this.#heading,
    };
  }

  get #blocks(): Blocks {
    return this.#targets.at(-1) as Blocks;
  }

  /** The text of the element that closes, on one line. */
  #takeTarget(): string {
    const blocks = this.#targets.pop()?.finish() ?? [];
    return blocks.join(" ").replace(/\s+/g, " ").trim();
  }

  #markLayout(): void {
    const table = this.#tables.at(-1);
    if (table !== undefined) table.isLayout = true;
  }

  #addCode(element: Element): void {
    const code = rawText(element, isNoCode).replace(/^\n+/, "").trimEnd();
    if (code.trim() === "") return;
    const inner = element.childNodes.find((child) => isElement(child) && child.tagName === "code");
    const named = [element, inner as Element | undefined].map((each) =>
      each === undefined ? "" : codeLanguage(each),
    );
    this.#markLayout();
    this.#ownChars += code.length;
    this.#blocks.add(fencedCode(code, named.find((name) => name !== "") ?? ""));
  }

  #openHeading(): void {
    this.#markLayout();
    this.#blocks.end();
    this.#targets.push(new Blocks());
  }

  #closeHeading(level: number): void {
    const title = this.#takeTarget().replace(permalink, "").trimEnd();
    if (title === "") return;
    this.#heading ??= title.replaceAll(struckMark, "");
    this.#blocks.add(`${"#".repeat(level)} ${title}`);
  }

  #openInline(element: Element): void {
    switch (element.tagName) {
      case "a":
        this.#links += 1;
        // Tags and menus in a row: only their style sheet keeps them apart.
        if (this.#isAfterLink) this.#blocks.space();
        break;
      case "br":
        this.#blocks.newLine();
        break;
      case "sup":
        if (/[\p{L}\p{N})]/u.test(this.#blocks.lineEnd) && exponent.test(rawText(element).trim())) {
          this.#blocks.text("^");
        }
        break;
      case "q":
        this.#blocks.text("“");
        break;
      case "img":
        this.#blocks.space();
        this.#blocks.text(descriptionOf(element));
        this.#blocks.space();
        break;
      case "input":
        this.#blocks.space();
        this.#blocks.text(saidByField(element));
        this.#blocks.space();
        break;
      case "button":
        this.#blocks.space();
        break;
      default:
        if (isSetApart(element.tagName) && !opens.test(this.#lastText)) this.#blocks.space();
    }
  }

  #closeInline(tagName: string): void {
    if (tagName === "a") this.#links -= 1;
    if (tagName === "a") this.#isAfterLink = true;
    if (isSetApart(tagName)) this.#isAfterApart = true;
    if (tagName === "q") this.#blocks.text("”");
    if (tagName === "button") this.#blocks.space();
  }

  /** The marks belong around words of one line, and around all of them. */
  #openStruck(element: Element): void {
    this.#struckDepth += 1;
    if (this.#struckDepth > 1) return;
    this.#isStruck = isWord(element) && rawText(element).trim() !== "";
    if (this.#isStruck) this.#blocks.text(struckMark);
  }

  #closeStruck(): void {
    this.#struckDepth -= 1;
    if (this.#struckDepth > 0 || !this.#isStruck) return;
    this.#isStruck = false;
    this.#blocks.text(struckMark);
  }

  #openBlock(element: Element): void {
    switch (element.tagName) {
      case "ul":
      case "menu":
      case "dir":
        this.#blocks.openList(false);
        break;
      case "ol":
        this.#blocks.openList(true, orderOf(element));
        break;
      case "dl":
        this.#blocks.openList(false);
        this.#terms.push({ term: "", isUsed: true });
        break;
      case "li":
        this.#blocks.openItem(numberOf(element, "value"));
        break;
      case "dt":
        this.#blocks.closeItem();
        this.#targets.push(new Blocks());
        break;
      case "dd":
        this.#openDefinition();
        break;
      case "optgroup":
        this.#blocks.end();
        this.text(attributeOf(element, "label") ?? "");
        this.#blocks.end();
        break;
      case "table":
        this.#openTable();
        break;
      case "tr":
        this.#tables.at(-1)?.rows.push([]);
        break;
      case "td":
      case "th":
        this.#openCell(element);
        break;
      case "option":
        this.#blocks.end();
        this.#blocks.text(markOfOption(element));
        break;
      default:
        this.#blocks.end();
    }
  }

  #closeBlock(tagName: string): void {
    switch (tagName) {
      case "ul":
      case "menu":
      case "dir":
      case "ol":
        this.#blocks.closeList();
        break;
      case "dl":
        this.#closeTerms();
        this.#blocks.closeList();
        break;
      case "li":
      case "dd":
        this.#blocks.closeItem();
        break;
      case "dt":
        this.#closeTerm();
        break;
      case "td":
      case "th":
        this.#targets.pop();
        break;
      case "table":
        this.#closeTable();
        break;
      default:
        this.#blocks.end();
    }
  }

  /** Several terms may have one definition, and one term several. */
  #closeTerm(): void {
    const term = this.#takeTarget()
      .replace(/[:：]$/, "")
      .trimEnd();
    const open = this.#terms.at(-1);
    if (open === undefined) this.#terms.push({ term, isUsed: false });
    else if (open.isUsed || open.term === "") Object.assign(open, { term, isUsed: term === "" });
    else if (term !== "") open.term += `, ${term}`;
  }

  #openDefinition(): void {
    const open = this.#terms.at(-1);
    this.#blocks.openDefinition(open?.term ?? "");
    if (open !== undefined) open.isUsed = true;
  }

  /** A term without a definition is said all the same. */
  #closeTerms(): void {
    const open = this.#terms.pop();
    if (open === undefined || open.isUsed) return;
    this.#blocks.openItem();
    this.#blocks.text(open.term);
    this.#blocks.closeItem();
  }

  #openTable(): void {
    this.#markLayout();
    this.#blocks.end();
    if (this.#tables.length === tableDepthMax) this.#tablesBeyond += 1;
    else this.#tables.push({ rows: [], isLayout: false });
  }

  #openCell(element: Element): void {
    const content = new Blocks();
    this.#targets.push(content);
    this.#tables
      .at(-1)
      ?.rows.at(-1)
      ?.push({
        isHeader: element.tagName === "th" || isInGroup(element, "thead"),
        isFooter: isInGroup(element, "tfoot"),
        columns: spanOf(element, "colspan"),
        rows: spanOf(element, "rowspan"),
        content,
      });
  }

  #closeTable(): void {
    if (this.#tablesBeyond > 0) {
      this.#tablesBeyond -= 1;
      return;
    }
    const table = this.#tables.pop();
    if (table !== undefined) for (const block of tableBlocks(table)) this.#blocks.add(block);
  }
}

/** Signs that belong to the word before them, and to the one behind them. */
const goesOn = /^[\s\p{Po}\p{Pe}\p{Pf}\p{Pd}]/u;
const opens = /[\p{Ps}\p{Pi}]$/u;

/** Where an ordered list begins, and which way it counts. */
function orderOf(list: Element): ListOrder {
  const start = numberOf(list, "start");
  if (attributeOf(list, "reversed") === undefined) return { next: start ?? 1, step: 1 };
  const items = list.childNodes.filter((node) => isElement(node) && node.tagName === "li").length;
  return { next: start ?? items, step: -1 };
}

/** Undefined for what is no number of a list. */
function numberOf(element: Element, name: "start" | "value"): number | undefined {
  const value = Number(attributeOf(element, name) ?? Number.NaN);
  return Number.isInteger(value) && Math.abs(value) < 1e6 ? value : undefined;
}

/** A cell of the head names its column, whatever its element. */
function isInGroup({ parentNode: row }: Element, tagName: "thead" | "tfoot"): boolean {
  const group = row !== null && isElement(row) ? row.parentNode : null;
  return group !== null && isElement(group) && group.tagName === tagName;
}

/** One word is a logo's or an icon's, and says nothing that the page does not say. */
function descriptionOf(picture: Element): string {
  const isSilent =
    attributeOf(picture, "aria-hidden") === "true" ||
    attributeOf(picture, "role") === "presentation";
  const text = isSilent ? "" : (attributeOf(picture, "alt") ?? "").trim();
  return /\S\s+\S/.test(text) ? text : "";
}
