/** Documents as they arrive: one to try, the listing, and what became of each operation. */

import { call } from "./api.js";
import { action, element, field, notice, table } from "./dom.js";
import { live } from "./live.js";

const shownMax = 50;
const rateMs = 10_000;

/**
 * @param {HTMLElement} view
 * @param {AbortSignal} signal
 */
export function showDocuments(view, signal) {
  const live = element("div");
  const told = notice();
  view.append(
    publishForm(),
    element("h3", {}, "Live"),
    element("p", { class: "quiet" }, "What becomes of each operation, the newest first."),
    told.place,
    live,
    listing(),
  );
  void follow(live, told, signal);
}

function publishForm() {
  const id = /** @type {HTMLInputElement} */ (element("input", { name: "id", required: true }));
  const text = /** @type {HTMLTextAreaElement} */ (
    element("textarea", { name: "text", rows: 3, required: true })
  );
  const told = notice();
  const form = element(
    "form",
    {},
    field("Document id", id),
    field("Text or Markdown", text),
    element("div", { class: "row" }, element("button", { class: "main" }, "Publish")),
    told.place,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    call("/v1/documents", { id: id.value, text: text.value })
      .then(({ seq }) => told.tell(`stored as seq ${seq}`))
      .catch((thrown) => told.fail(thrown));
  });
  return element("details", {}, element("summary", {}, "Publish a document"), form);
}

/**
 * Follows the stream, also over an engine that starts again.
 * @param {HTMLElement} place
 * @param {ReturnType<typeof notice>} told
 * @param {AbortSignal} signal
 */
async function follow(place, told, signal) {
  /** @type {any[]} */
  const seen = [];
  /** @type {number[]} */
  let arrivals = [];
  const listening = () => told.tell("listening");
  for await (const data of live({ signal, listening, failed: told.fail })) {
    const nowMs = performance.now();
    arrivals = [...arrivals.filter((atMs) => nowMs - atMs < rateMs), nowMs];
    told.tell(`listening; ${(arrivals.length / (rateMs / 1_000)).toFixed(1)} operations/s`);
    seen.unshift(data);
    seen.length = Math.min(seen.length, shownMax);
    place.replaceChildren(eventTable(seen));
  }
}

/** @param {readonly any[]} seen */
function eventTable(seen) {
  return table(
    "Operations",
    ["Seq", "Document", "Status", "At", "Why"],
    seen.map(({ seq, id, status, at, reason, message }) => [
      String(seq),
      id ?? "",
      element("span", { class: status === "rejected" ? "bad" : "good" }, status),
      new Date(at).toLocaleTimeString(),
      reason === undefined ? "" : `${reason}: ${message ?? ""}`,
    ]),
  );
}

function listing() {
  const told = notice();
  const place = element("div");
  /** @type {string | null} */
  let next = null;
  const more = action(
    "List documents",
    async () => {
      let page;
      // A page may be empty before the last one: that of memory is, once all is merged.
      do {
        const query = next === null ? "" : `&after=${encodeURIComponent(next)}`;
        page = await call(`/v1/documents?limit=50${query}`);
        next = page.next;
      } while (page.documents.length === 0 && next !== null);
      more.textContent = next === null ? "List again" : "Next page";
      const rows = page.documents.map((/** @type {any} */ { id, seq, shard }) => [
        id,
        String(seq),
        shard,
      ]);
      place.replaceChildren(
        table("Live documents, in no order", ["Document", "Seq", "Shard"], rows),
      );
      told.tell(`${rows.length} documents`);
    },
    told,
  );
  return element("section", {}, element("h3", {}, "All documents"), more, told.place, place);
}
