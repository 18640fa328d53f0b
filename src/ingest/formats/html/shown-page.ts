/**
 * A page with what it says only in attributes: what an element is to those who hear the page (its
 * role), and the number or address behind "call us". Linear in the tree, which it changes.
 */

import { type DefaultTreeAdapterMap, defaultTreeAdapter } from "parse5";
import {
  attributeOf,
  type Document,
  type Element,
  elementsOf,
  isElement,
  parsePage,
  rawText,
} from "./tree.ts";

/** @throws TooDeep */
export function shownPage(html: string, scriptingEnabled = true): Document {
  const page = parsePage(html, scriptingEnabled);
  const elements = elementsOf(page);
  const unfolded = new Set(elements.flatMap(unfoldedBy));
  for (const element of elements) {
    if (unfolded.size > 0 && unfolded.has(attributeOf(element, "id") ?? "")) unfold(element);
    const name = nameByRole(element);
    if (name !== undefined) rename(element, name);
    if (element.tagName === "a") sayAddress(element);
  }
  return page;
}

/** Ids of what a click on the element shows below it: not of menus and of lists to choose from. */
function unfoldedBy(element: Element): readonly string[] {
  const controlled = attributeOf(element, "aria-controls");
  if (controlled === undefined || attributeOf(element, "aria-haspopup") !== undefined) return [];
  const role = attributeOf(element, "role");
  const isButton = element.tagName === "button" || element.tagName === "a" || role === "button";
  const isFolder = isButton && attributeOf(element, "aria-expanded") !== undefined;
  return isFolder || role === "tab" ? controlled.split(/\s+/).filter((id) => id !== "") : [];
}

const notUnfolded = /^(?:menu|menubar|listbox|dialog|alertdialog|navigation|search|tree|tooltip)$/;
const noDisplay = /(?:display\s*:\s*none|visibility\s*:\s*hidden)(?:\s*!important)?/gi;

function unfold(panel: Element): void {
  const isOther = panel.tagName === "nav" || notUnfolded.test(attributeOf(panel, "role") ?? "");
  if (isOther || isOfLinks(panel)) return;
  panel.attrs = panel.attrs.flatMap((attribute) => {
    if (attribute.name === "hidden") return [];
    if (attribute.name !== "style") return [attribute];
    return [{ ...attribute, value: attribute.value.replace(noDisplay, "") }];
  });
}

/** A menu says nothing of its own. */
function isOfLinks(panel: Element): boolean {
  const all = rawText(panel).trim().length;
  const own = rawText(panel, ({ tagName }) => tagName === "a").trim().length;
  return own * 2 <= all;
}

/** Elements without a meaning of their own: others keep theirs. */
const meaningless = /^(?:div|span|p|section)$|-/;
const cells: Readonly<Record<string, string>> = {
  ...{ cell: "td", gridcell: "td", columnheader: "th", rowheader: "th" },
};
/** Between a table and its rows, or a row and its cells, stand a few elements that only group. */
const groupsMax = 4;

function nameByRole(element: Element): string | undefined {
  const role = attributeOf(element, "role");
  if (role === undefined || !meaningless.test(element.tagName)) return undefined;
  if (role === "heading") return `h${levelOf(element)}`;
  if (role === "table" || role === "grid") return "table";
  if (role === "row") return isWithin(element, "table") ? "tr" : undefined;
  const cell = Object.hasOwn(cells, role) ? cells[role] : undefined;
  return cell !== undefined && isWithin(element, "tr") ? cell : undefined;
}

/** One that says no level is of the second, as the standard has it. */
function levelOf(element: Element): number {
  const level = Number(attributeOf(element, "aria-level") ?? 2);
  return Number.isInteger(level) && level >= 1 ? Math.min(level, 6) : 2;
}

function isWithin(element: Element, tagName: string): boolean {
  let { parentNode } = element;
  for (let count = 0; parentNode !== null && count < groupsMax; count += 1) {
    if (!isElement(parentNode)) return false;
    if (parentNode.tagName === tagName) return true;
    parentNode = parentNode.parentNode;
  }
  return false;
}

function rename(element: DefaultTreeAdapterMap["element"], name: string): void {
  element.tagName = name;
  element.nodeName = name;
}

const addressed = /^\s*(tel|sms|mailto):([^?;]{3,300})/i;
const mailAddress = /^[^\s@]+@[^\s@]+$/;
/** What two ways to write one number have in common: `08-765 43 21`, `+4687654321`. */
const ownDigits = 6;

/** `Call us (+4687654321)`, unless the words of the link say it. */
function sayAddress(link: Element): void {
  const [, scheme = "", written = ""] = addressed.exec(attributeOf(link, "href") ?? "") ?? [];
  if (scheme === "") return;
  const address = decoded(written).trim();
  const words = rawText(link);
  const isSaid =
    scheme.toLowerCase() === "mailto"
      ? !mailAddress.test(address) || words.toLowerCase().includes(address.toLowerCase())
      : digitsOf(address) === "" || digitsOf(words).includes(digitsOf(address).slice(-ownDigits));
  if (isSaid) return;
  const text = words.trim() === "" ? address : ` (${address})`;
  defaultTreeAdapter.insertText(link, text);
}

function digitsOf(text: string): string {
  return text.replace(/\D+/g, "");
}

function decoded(written: string): string {
  try {
    return decodeURIComponent(written);
  } catch {
    return written;
  }
}
