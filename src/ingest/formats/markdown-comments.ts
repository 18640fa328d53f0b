/** HTML comments in Markdown: notes of its authors, which no page that is made of it shows. */

import { parseBlocks } from "../../text/markdown.ts";

/** Code shows what stands in it, and a comment that never ends is text. Linear. */
export function withoutComments(text: string): string {
  if (!text.includes("<!--")) return text;
  const pieces: string[] = [];
  let from = 0;
  for (const { kind, start, end } of parseBlocks(text)) {
    if (kind === "code") continue;
    pieces.push(text.slice(from, start), blockWithoutComments(text.slice(start, end)));
    from = end;
  }
  pieces.push(text.slice(from));
  return pieces.join("");
}

/** `<!-->` is a comment, too. */
const signs = /(?<!\\)`+|(?<!\\)<!--(?:-?>)?|-->/g;

function blockWithoutComments(block: string): string {
  if (!block.includes("<!--")) return block;
  const found = Array.from(block.matchAll(signs), ({ 0: sign, index }) => ({ sign, at: index }));
  const ends = new Ends(found.map(({ sign }) => sign));
  const kept: string[] = [];
  let from = 0;
  for (let index = 0; index < found.length; index += 1) {
    const { sign, at } = found[index] ?? { sign: "-->", at: 0 };
    if (sign === "-->") continue;
    const end = sign.endsWith(">") ? index : ends.after(index, sign === "<!--" ? "-->" : sign);
    const last = end === undefined ? undefined : found[end];
    if (end === undefined || last === undefined) continue;
    if (sign.startsWith("<!--")) {
      kept.push(block.slice(from, at));
      from = last.at + last.sign.length;
    }
    // What is within is passed over, whatever it looks like.
    index = end;
  }
  return kept.join("") + block.slice(from);
}

/** Where each sign comes next; asked from the front to the back, so each place is passed once. */
export class Ends {
  readonly #places = new Map<string, number[]>();

  constructor(signs: readonly string[]) {
    for (let index = signs.length - 1; index >= 0; index -= 1) {
      const sign = signs[index] ?? "";
      const places = this.#places.get(sign);
      if (places === undefined) this.#places.set(sign, [index]);
      else places.push(index);
    }
  }

  after(index: number, sign: string): number | undefined {
    const places = this.#places.get(sign) ?? [];
    while ((places.at(-1) ?? Number.POSITIVE_INFINITY) <= index) places.pop();
    return places.at(-1);
  }
}
