/** What a form says that somebody filled in: ticks, choices and what was typed. */

import { attributeOf, type Element, isElement } from "./tree.ts";

const ticked = "[x] ";
const open = "[ ] ";

/** Fields whose value its reader sees. What one searches for is no part of a page. */
const typed = new Set("text email tel url number date time datetime-local month week".split(" "));

export function saidByField(input: Element): string {
  const type = attributeOf(input, "type")?.toLowerCase() ?? "text";
  const isTicked = attributeOf(input, "checked") !== undefined;
  if (type === "checkbox" || (type === "radio" && isOfForm(input))) return isTicked ? ticked : open;
  return typed.has(type) ? (attributeOf(input, "value") ?? "") : "";
}

/** Of all the options of a choice the one that was made. Without one, none has a mark. */
export function markOfOption(option: Element): string {
  return attributeOf(option, "selected") === undefined ? "" : ticked;
}

/** Style sheets make tabs and folds of such buttons as well: they stand outside of forms. */
function isOfForm(input: Element): boolean {
  for (let each = input.parentNode; each !== null && isElement(each); each = each.parentNode) {
    if (["form", "fieldset", "label"].includes(each.tagName)) return true;
  }
  return false;
}
