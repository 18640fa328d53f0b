/** An HTML page as a document: its title, its text, what its head says of it. */

import type { Converted } from "../convert.ts";
import { timestampOf } from "../dates.ts";
import { flatPage } from "./flat.ts";
import { type FindArticle, mainContent } from "./main-content.ts";
import { pageText } from "./page-text.ts";
import { shownPage } from "./shown-page.ts";
import { attributeOf, type Document, type Element, elementsOf, rawText, TooDeep } from "./tree.ts";
import { withEnds } from "./unended.ts";

/** Head fields that date a page, the one that says most first. */
const dateNames = [
  "article:modified_time",
  "og:updated_time",
  "article:published_time",
  "last-modified",
  "dcterms.modified",
  "date",
  "dc.date",
  "dcterms.date",
];

export async function readPage(source: string, findArticle: FindArticle): Promise<Converted> {
  const html = withEnds(withClosedElements(source));
  let page: Document;
  try {
    page = shownPage(html);
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    const { title, heading, text } = flatPage(html);
    return { title: title ?? heading, text };
  }
  const { heading, ...content } = await mainContent(page, { html, findArticle });
  const { titles, description, ...head } = readHead(page);
  // A program makes the page of it, and says no more of itself than this.
  const isShell = content.isNotice && description !== "";
  const text = isShell ? `${description}\n\n${content.text}`.trim() : content.text;
  const title = titles.find((each) => !saysNothing.test(each)) ?? heading ?? titles[0];
  return { ...head, title, text };
}

/** What editors put where a title should be. */
const saysNothing =
  /^(?:untitled(?: (?:document|page))?|(?:html )?document|new page(?: \d+)?|no title)$/i;

const isXml = /^\s*(?:<\?xml\b|<!DOCTYPE[^>]*\bXHTML\b)/i;
/** What Confluence stores: pages with elements of its own, among them code. */
const isConfluence = /<ac:[a-z-]+[\s>]/;
const confluenceCode = /<(\/?)ac:plain-text-body>/g;
const selfClosed = /<([a-z][\w:-]*)((?:\s+[\w:-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'))?)*)\s*\/>/gi;
const alwaysEmpty = /^(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)$/i;

/** In XHTML any element may close itself; to HTML `<title/>` is one that never ends. */
function withClosedElements(html: string): string {
  const isStored = isConfluence.test(html);
  if (!isStored && !isXml.test(html.slice(0, 1_000))) return html;
  const page = isStored ? html.replace(confluenceCode, "<$1pre>") : html;
  return withTextOfSections(page).replace(
    selfClosed,
    (element, name: string, attributes: string) =>
      alwaysEmpty.test(name) ? element : `<${name}${attributes}></${name}>`,
  );
}

/** `<![CDATA[a < b]]>` is text to XML, and a comment to HTML. */
function withTextOfSections(html: string): string {
  const [first = "", ...sections] = html.split("<![CDATA[");
  return [first, ...sections.map(sectionText)].join("");
}

function sectionText(section: string): string {
  const end = section.indexOf("]]>");
  if (end === -1) return section;
  const text = section.slice(0, end).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return text + section.slice(end + 3);
}

/** A piece of HTML that a program wrote: a mail, a converted file. All of it is content. */
export function readFragment(
  written: string,
  leaveOut: (element: Element) => boolean = () => false,
): Pick<Converted, "text" | "title"> {
  const html = withEnds(written);
  try {
    const { text, heading } = pageText(
      shownPage(html),
      (element) => element.tagName === "noscript" || leaveOut(element),
    );
    return { text, title: heading };
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    return { text: flatPage(html).text };
  }
}

interface Head extends Pick<Converted, "date" | "metadata"> {
  /** The one that counts first. */
  readonly titles: readonly string[];
  readonly description: string;
}

function readHead(page: Document): Head {
  const elements = elementsOf(page);
  const html = elements.find(({ tagName }) => tagName === "html");
  // The first one of HTML: a picture has titles, too, in a name space of its own.
  const titles = elements.filter(
    ({ tagName, namespaceURI }) => tagName === "title" && namespaceURI === html?.namespaceURI,
  );
  const meta = new Map(elements.filter(({ tagName }) => tagName === "meta").map(namedContent));
  const [title = ""] = titles.map((element) => oneLine(rawText(element)));
  const dates = dateNames.flatMap((name) => meta.get(name) ?? []);
  const date = dates.find((value) => timestampOf(value) !== undefined);
  const author = meta.get("author")?.trim();
  return {
    titles: [title, oneLine(meta.get("og:title") ?? "")].filter((each) => each !== ""),
    description: oneLine(meta.get("description") ?? meta.get("og:description") ?? ""),
    date,
    metadata: author === undefined || author === "" ? {} : { author },
  };
}

function namedContent(meta: Element): readonly [string, string] {
  const name =
    attributeOf(meta, "name") ?? attributeOf(meta, "property") ?? attributeOf(meta, "http-equiv");
  return [name?.toLowerCase() ?? "", attributeOf(meta, "content") ?? ""];
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
