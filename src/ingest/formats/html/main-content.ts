/**
 * What a web page is about, without the way through its site: menus, banners, lists of other pages.
 *
 * Leaving something out is a guess, so it has to be proved: what goes may hold links, but hardly a
 * sentence of its own. Otherwise all of the page is taken.
 */

import { isWayfinding } from "./elements.ts";
import { type PageText, pageText } from "./page-text.ts";
import { shownPage } from "./shown-page.ts";
import { attributeOf, type Document, type Element, elementsOf } from "./tree.ts";

/** Text that is not for readers who see the page. */
function ordinary(element: Element): boolean {
  return element.tagName === "noscript" || isWayfinding(element);
}

/** Of the letters outside of links, so many stay where the page itself says what its content is. */
const statedShareMin = 0.6;
/** And so many where that is guessed. */
const guessedShareMin = 0.85;
/** Shorter pages have nothing around their content that would be worth a guess. */
const guessFromChars = 1_000;
/** What a guess would leave out are links: without many of them there is nothing to gain. */
const linkedShareMin = 0.2;
/** Longer ones are books and tables, and a guess costs several times the reading. */
const guessUpToChars = 1_000_000;
/** A page that holds less than this beside its links is a list of links, and is taken as that. */
const emptyBelowChars = 1;

/** The part of a page that is an article, as HTML; undefined when there is none. */
export type FindArticle = (html: string) => Promise<string | undefined>;

export interface MainContent extends PageText {
  /** What the page says to readers without scripts, because it says nothing to others. */
  readonly isNotice: boolean;
}

export async function mainContent(
  page: Document,
  { html, findArticle }: { readonly html: string; readonly findArticle: FindArticle },
): Promise<MainContent> {
  const whole = pageText(page, ordinary);
  if (whole.ownChars < emptyBelowChars) return everything(page, html);
  return { ...(await shownContent(page, { html, findArticle, whole })), isNotice: false };
}

async function shownContent(
  page: Document,
  given: { readonly html: string; readonly findArticle: FindArticle; readonly whole: PageText },
): Promise<PageText> {
  const { html, findArticle, whole } = given;
  const stated = statedContent(page);
  if (stated !== undefined) {
    const content = pageText(stated, ordinary);
    if (content.ownChars < whole.ownChars * statedShareMin) return whole;
    return { ...content, heading: content.heading ?? whole.heading };
  }
  if (!isWorthAGuess(whole, html)) return whole;
  const article = await findArticle(html);
  if (article === undefined) return whole;
  const guessed = pageText(shownPage(article), ordinary);
  if (guessed.ownChars < whole.ownChars * guessedShareMin) return whole;
  return { ...guessed, heading: whole.heading };
}

function isWorthAGuess({ ownChars, linkedChars }: PageText, { length }: string): boolean {
  const hasMenus = linkedChars > ownChars * linkedShareMin;
  return hasMenus && ownChars >= guessFromChars && length <= guessUpToChars;
}

/** Nothing but menus, or nothing but a notice for readers without scripts. */
function everything(page: Document, html: string): MainContent {
  const menus = pageText(page, ({ tagName }) => tagName === "noscript");
  if (menus.text !== "") return { ...menus, isNotice: false };
  return { ...pageText(shownPage(html, false), () => false), isNotice: true };
}

/** The one element that the page calls its main content, or its only article. */
function statedContent(page: Document): Element | undefined {
  const elements = elementsOf(page);
  const main = elements.filter(
    (element) => element.tagName === "main" || attributeOf(element, "role") === "main",
  );
  if (main.length > 0) return main.length === 1 ? main[0] : undefined;
  const articles = elements.filter(({ tagName }) => tagName === "article");
  return articles.length === 1 ? articles[0] : undefined;
}
