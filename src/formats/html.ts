/** HTML to text. */

import { convert, type HtmlToTextOptions } from "html-to-text";

const headings = ["h1", "h2", "h3", "h4", "h5", "h6"];
const htmlOptions: HtmlToTextOptions = {
  wordwrap: false,
  formatters: {
    // Headings become Markdown's, so that chunks of a page keep them as context.
    heading(element, walk, builder) {
      builder.openBlock({ leadingLineBreaks: 2 });
      builder.addInline(`${"#".repeat(Number(element.name?.slice(1) ?? 1))} `);
      walk(element.children, builder);
      builder.closeBlock({ trailingLineBreaks: 2 });
    },
  },
  selectors: [
    ...headings.map((selector) => ({ selector, format: "heading" })),
    { selector: "a", options: { ignoreHref: true } },
    ...["img", "nav", "script", "style"].map((selector) => ({ selector, format: "skip" })),
  ],
};

export function htmlText(html: string): string {
  return convert(html, htmlOptions);
}

export function htmlTitle(html: string): string | undefined {
  const inner =
    /<title[^>]*>([\s\S]*?)<\/title>/i.exec(html) ?? /<h1[^>]*>([\s\S]*?)<\/h1>/i.exec(html);
  const text = inner?.[1];
  return text === undefined ? undefined : convert(text, { wordwrap: false }).trim();
}
