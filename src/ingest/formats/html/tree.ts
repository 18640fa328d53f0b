/**
 * A page's tree, by the rules of the HTML standard, and a walk over it that does not recurse.
 *
 *   PG1  a tree is at most `treeDepthMax` deep; a deeper page is refused, in time linear in what
 *        was read of it, and read without a tree (`flat.ts`).
 */

import { type DefaultTreeAdapterMap, defaultTreeAdapter, parse } from "parse5";

export type Document = DefaultTreeAdapterMap["document"];
export type Element = DefaultTreeAdapterMap["element"];
type Parent = DefaultTreeAdapterMap["parentNode"];
type Child = DefaultTreeAdapterMap["childNode"];
type Text = DefaultTreeAdapterMap["textNode"];

/** Browsers nest no deeper either (Blink: 512). Parsing looks up the open elements at each tag. */
const treeDepthMax = 512;

export class TooDeep extends Error {}

/**
 * As a browser that runs scripts reads it, or as one that does not: then notices for such readers
 * are part of the page.
 *
 * @throws TooDeep
 */
export function parsePage(html: string, scriptingEnabled = true): Document {
  const depths = new WeakMap<object, number>();
  const place = (parent: Parent, child: Child): void => {
    if (!("tagName" in child)) return;
    const depth = (depths.get(parent) ?? 0) + 1;
    if (depth > treeDepthMax) throw new TooDeep();
    depths.set(child, depth);
  };
  return parse(html, {
    scriptingEnabled,
    treeAdapter: {
      ...defaultTreeAdapter,
      appendChild(parent, child) {
        place(parent, child);
        defaultTreeAdapter.appendChild(parent, child);
      },
      insertBefore(parent, child, reference) {
        place(parent, child);
        insertNearEnd(parent, child, reference);
      },
      insertTextBefore(parent, text, reference) {
        const before = parent.childNodes[parent.childNodes.lastIndexOf(reference) - 1];
        if (before !== undefined && isText(before)) before.value += text;
        else insertNearEnd(parent, defaultTreeAdapter.createTextNode(text), reference);
      },
    },
  });
}

/** What does not belong into a table goes before it, and the table is the last so far. */
function insertNearEnd(parent: Parent, child: Child, reference: Child): void {
  const at = parent.childNodes.lastIndexOf(reference);
  parent.childNodes.splice(at, 0, child);
  child.parentNode = parent;
}

export function isText(node: Child | Parent): node is Text {
  return node.nodeName === "#text";
}

export function isElement(node: Child | Parent): node is Element {
  return "tagName" in node;
}

export function attributeOf({ attrs }: Element, name: string): string | undefined {
  return attrs.find((attribute) => attribute.name === name)?.value;
}

interface Visitor {
  /** False leaves out what is in the element, and its `close`. */
  open(element: Element): boolean;
  text(value: string): void;
  close(element: Element): void;
}

/** In the order of the document; what is in a `template` comes to visitors that open it. */
export function walk(root: Parent, visitor: Visitor): void {
  const open: { readonly node: Parent; next: number }[] = [{ node: root, next: 0 }];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const child = nodesIn(top.node)[top.next];
    top.next += 1;
    if (child === undefined) {
      open.pop();
      if (isElement(top.node) && top.node !== root) visitor.close(top.node);
    } else if (isText(child)) {
      visitor.text(child.value);
    } else if (isElement(child) && visitor.open(child)) {
      open.push({ node: child, next: 0 });
    }
  }
}

function nodesIn(node: Parent): readonly Child[] {
  return "content" in node ? node.content.childNodes : node.childNodes;
}

/** All elements below a root, without those in templates. */
export function elementsOf(root: Parent): Element[] {
  const elements: Element[] = [];
  walk(root, {
    open: (element) => elements.push(element) > 0 && element.tagName !== "template",
    text: () => {},
    close: () => {},
  });
  return elements;
}

/** The text of an element, as it is, but for what is left out. */
export function rawText(
  root: Element,
  leaveOut: (element: Element) => boolean = () => false,
): string {
  const pieces: string[] = [];
  walk(root, {
    open: (element) => {
      if (element.tagName === "br") pieces.push("\n");
      return element.tagName !== "template" && !leaveOut(element);
    },
    text: (value) => pieces.push(value),
    close: () => {},
  });
  return pieces.join("");
}
