/** A passage where it stands: its whole document, with the passage marked. */

import { call } from "./api.js";
import { element } from "./dom.js";

/**
 * @param {{ readonly source: any, readonly cited?: any, readonly signal: AbortSignal }} options
 */
export async function openPassage({ source, cited, signal }) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("passage"));
  const close = element("button", { type: "button", onclick: () => dialog.close() }, "Close");
  const title = element("h2", { id: "passage-title" }, source.title ?? source.id);
  const body = element("div", {}, element("p", { class: "quiet" }, "loading…"));
  dialog.replaceChildren(element("div", { class: "row" }, title, close), body);
  if (!dialog.open) dialog.showModal();
  signal.addEventListener("abort", () => dialog.close(), { once: true });
  try {
    const { passages, complete } = await call(
      `/v1/documents/${encodeURIComponent(source.id)}/text`,
    );
    body.replaceChildren(...shown(passages, source, cited));
    if (!complete) body.append(element("p", { class: "quiet" }, "The document is longer."));
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    // What was answered from is still at hand when the document has gone meanwhile.
    const marked = element("p", {}, element("mark", {}, source.text));
    body.replaceChildren(element("p", { class: "bad" }, why), marked);
  }
  body.querySelector("mark")?.scrollIntoView({ block: "center" });
}

/**
 * @param {readonly any[]} passages
 * @param {any} source
 * @param {any} cited
 */
function shown(passages, source, cited) {
  const isChanged = passages[0].version !== source.version;
  const note = isChanged
    ? [
        element(
          "p",
          { class: "bad" },
          `The document has changed: shown is seq ${passages[0].version}, the answer rests on ${source.version}.`,
        ),
      ]
    : [];
  let endsAt = 0;
  const parts = passages.map((passage) => {
    const { text, start } = passage;
    // Neighbours overlap: what the one before has shown is left out.
    const skip = start === undefined ? 0 : Math.min(text.length, Math.max(0, endsAt - start));
    endsAt = passage.end ?? endsAt;
    const isSource = !isChanged && passage.chunk === source.chunk;
    return element("p", {}, ...(isSource ? marked(passage, cited) : [text.slice(skip)]));
  });
  return [...note, ...parts];
}

/**
 * The cited sentences where the answer says which, else the whole passage.
 * @param {{ readonly text: string, readonly start?: number }} passage
 * @param {any} cited
 * @returns {(Node | string)[]}
 */
function marked({ text, start }, cited) {
  if (cited?.start === undefined || start === undefined) return [element("mark", {}, text)];
  const from = Math.max(0, cited.start - start);
  const to = Math.min(text.length, cited.end - start);
  if (from >= to) return [element("mark", {}, text)];
  return [text.slice(0, from), element("mark", {}, text.slice(from, to)), text.slice(to)];
}
