/** A question, its answer as it is written, and its sources. */

import { events } from "./api.js";
import { element, field, notice } from "./dom.js";
import { openPassage } from "./passage.js";

/**
 * @param {HTMLElement} view
 * @param {AbortSignal} signal
 */
export function showAsk(view, signal) {
  const query = /** @type {HTMLTextAreaElement} */ (
    element("textarea", { name: "query", rows: 2, required: true, maxlength: 4000 })
  );
  const mode = /** @type {HTMLSelectElement} */ (
    element(
      "select",
      { name: "mode" },
      element("option", { value: "answer" }, "answer"),
      element("option", { value: "search" }, "search only"),
    )
  );
  const button = /** @type {HTMLButtonElement} */ (element("button", { class: "main" }, "Ask"));
  const told = notice();
  const answer = element("div", { class: "answer", "aria-live": "polite", hidden: true });
  const sources = element("section", { "aria-label": "Sources" });
  const form = element(
    "form",
    {},
    field("Question", query),
    element("div", { class: "row" }, field("Mode", mode), button),
  );
  let running = new AbortController();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    running.abort();
    running = new AbortController();
    const asked = { query: query.value, mode: mode.value, stream: true };
    const { signal: own } = running;
    const parts = { told, answer, sources, signal: AbortSignal.any([signal, own]) };
    button.disabled = true;
    ask(asked, parts)
      .catch((thrown) => {
        // A newer question has taken its place.
        if (own.aborted) return;
        told.fail(thrown);
        answer.hidden = answer.textContent === "";
      })
      .finally(() => {
        button.disabled = false;
      });
  });
  query.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    /** @type {HTMLFormElement} */ (form).requestSubmit();
  });
  view.append(form, told.place, answer, sources);
  query.focus();
}

/**
 * @typedef {{
 *   readonly told: ReturnType<typeof notice>,
 *   readonly answer: HTMLElement,
 *   readonly sources: HTMLElement,
 *   readonly signal: AbortSignal,
 * }} Parts
 */

/**
 * @param {{ readonly query: string, readonly mode: string, readonly stream: boolean }} body
 * @param {Parts} parts
 */
async function ask(body, { told, answer, sources, signal }) {
  const startedAtMs = performance.now();
  const sinceMs = () => Math.round(performance.now() - startedAtMs);
  told.tell("asking…");
  answer.replaceChildren();
  answer.hidden = body.mode === "search";
  sources.replaceChildren();
  let isWhole = false;
  for await (const { event, data } of events("/answer", { body, signal })) {
    if (event === "retrieval") {
      showSources(sources, data.sources, signal);
      told.tell(`sources after ${sinceMs()} ms`);
    } else if (event === "delta") answer.append(data.text);
    else if (event === "done") {
      isWhole = true;
      finish(data, sinceMs());
    } else if (event === "error") throw new Error(`${data.error?.code}: ${data.error?.message}`);
  }
  // A proxy in between may end it so that it looks whole.
  if (!isWhole) throw new Error("the answer broke off before its end: ask again");

  /**
   * The whole answer again: its citations were checked meanwhile.
   * @param {any} reply
   * @param {number} ms
   */
  function finish(reply, ms) {
    answer.replaceChildren(...withCitations(reply, signal));
    answer.hidden = reply.answer === null || reply.answer === undefined || body.mode === "search";
    showSources(sources, reply.sources, signal);
    const { coverage } = reply;
    told.tell(
      `${ms} ms · hot ${coverage.hot}, cold ${coverage.cold} · written by ${coverage.llm} · seq ${reply.visible_seq}`,
    );
  }
}

/**
 * Markers of citations as buttons that open the passage.
 * @param {any} reply
 * @param {AbortSignal} signal
 * @returns {(Node | string)[]}
 */
function withCitations({ answer, sources, citations = [] }, signal) {
  const parts = String(answer ?? "").split(/(\[\d+\]|```[^]*?(?:```|$)|`[^`\n]{1,200}`)/);
  return parts.map((part) => {
    const marker = Number(/^\[(\d+)\]$/.exec(part)?.[1]);
    const source = sources[marker - 1];
    if (source === undefined) return part;
    const cited = citations.find((/** @type {any} */ each) => each.marker === marker);
    const label = `source ${marker}: ${source.title ?? source.id}`;
    const open = () => void openPassage({ source, cited, signal });
    return element("button", { class: "cite", "aria-label": label, onclick: open }, part);
  });
}

/**
 * @param {HTMLElement} place
 * @param {readonly any[]} sources
 * @param {AbortSignal} signal
 */
function showSources(place, sources, signal) {
  const list = sources.map((source, at) =>
    element(
      "article",
      { class: "source" },
      element("strong", {}, `[${at + 1}] ${source.title ?? source.id}`),
      element("p", { class: "quiet" }, describe(source)),
      element("p", {}, source.text),
      element(
        "button",
        { type: "button", onclick: () => void openPassage({ source, signal }) },
        "Open in its document",
      ),
    ),
  );
  place.replaceChildren(
    element("h3", {}, sources.length === 0 ? "No sources" : "Sources"),
    ...list,
  );
}

/** @param {any} source */
function describe({ id, version, shard, score, heading, published_at }) {
  const parts = [heading, id, `seq ${version}`, shard, `score ${score.toFixed(3)}`, published_at];
  return parts.filter(Boolean).join(" · ");
}
