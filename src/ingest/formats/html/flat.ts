/**
 * A page without a tree: for one that is nested deeper than any reader of trees should go. Its
 * words in their order, headings as Markdown, a new paragraph or line wherever a block begins or
 * ends. Linear in the page.
 */

import { type Token, Tokenizer, TokenizerMode } from "parse5";
import { Blocks } from "./blocks.ts";
import { headings, isBlock, isSilent } from "./elements.ts";
import type { PageText } from "./page-text.ts";

export interface FlatPage extends PageText {
  readonly title: string | undefined;
}

/** Their content is no markup: the tokenizer has to be told so. */
const modes: ReadonlyMap<string, (typeof TokenizerMode)[keyof typeof TokenizerMode]> = new Map([
  ["script", TokenizerMode.SCRIPT_DATA],
  ["style", TokenizerMode.RAWTEXT],
  ["title", TokenizerMode.RCDATA],
  ["textarea", TokenizerMode.RCDATA],
]);

export function flatPage(html: string): FlatPage {
  const page = new FlatWriter();
  const tokenizer = new Tokenizer({ sourceCodeLocationInfo: false }, page);
  page.enter = (mode) => {
    tokenizer.state = mode;
  };
  tokenizer.write(html, true);
  return page.finish();
}

class FlatWriter {
  enter: (mode: (typeof TokenizerMode)[keyof typeof TokenizerMode]) => void = () => {};
  readonly #blocks = new Blocks();
  /** The element whose content is no markup. */
  #raw: string | undefined;
  #title = "";
  #hasTitle = false;
  #isSvg = false;
  /** The heading that is open. */
  #level = 0;
  #words: string[] = [];
  #heading: string | undefined;
  #chars = 0;

  onStartTag({ tagName }: Token.TagToken): void {
    const mode = modes.get(tagName);
    if (tagName === "svg") this.#isSvg = true;
    if (mode !== undefined) {
      this.#raw = tagName;
      this.enter(mode);
    } else if (tagName === "br") {
      this.#blocks.newLine();
    } else {
      this.#break(tagName);
      this.#level = headings.get(tagName) ?? this.#level;
    }
  }

  onEndTag({ tagName }: Token.TagToken): void {
    if (tagName === "svg") this.#isSvg = false;
    if (this.#raw !== undefined) {
      if (this.#raw === "title" && !this.#isSvg) this.#hasTitle = true;
      this.#raw = undefined;
      return;
    }
    this.#break(tagName);
  }

  onCharacter({ chars }: Token.CharacterToken): void {
    if (this.#raw === "title" && !this.#hasTitle && !this.#isSvg) this.#title += chars;
    const isRaw = this.#raw !== undefined && this.#raw !== "textarea";
    if (isRaw || this.#isSvg) return;
    this.#chars += chars.length;
    if (this.#level > 0) this.#words.push(chars);
    else this.#blocks.text(chars);
  }

  onWhitespaceCharacter(token: Token.CharacterToken): void {
    this.onCharacter(token);
  }

  onNullCharacter(): void {}
  onComment(): void {}
  onDoctype(): void {}
  onEof(): void {}

  finish(): FlatPage {
    this.#endHeading();
    const title = this.#title.replace(/\s+/g, " ").trim();
    return {
      text: this.#blocks.finish().join("\n\n"),
      ownChars: this.#chars,
      linkedChars: 0,
      heading: this.#heading,
      title: title === "" ? undefined : title,
    };
  }

  #break(tagName: string): void {
    const isHeading = headings.has(tagName);
    if (!isHeading && !isBlock(tagName) && !isSilent(tagName)) return;
    this.#endHeading();
    if (tagName === "td" || tagName === "th") this.#blocks.space();
    else this.#blocks.end();
  }

  #endHeading(): void {
    if (this.#level === 0) return;
    const title = this.#words.join("").replace(/\s+/g, " ").trim();
    const mark = "#".repeat(this.#level);
    this.#level = 0;
    this.#words = [];
    if (title === "") return;
    this.#heading ??= title;
    this.#blocks.add(`${mark} ${title}`);
  }
}
