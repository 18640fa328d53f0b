/** What was refused and why, and publishing it again. */

import { call } from "./api.js";
import { action, element, notice, table } from "./dom.js";

/**
 * @param {HTMLElement} view
 * @param {AbortSignal} _signal
 */
export function showLetters(view, _signal) {
  const told = notice();
  const place = element("div");
  /** @type {Set<number>} */
  const chosen = new Set();
  let after = 0;
  /** @type {number | null} */
  let next = null;
  const load = async () => {
    const page = await call(`/v1/dead-letters?after=${after}&limit=50`);
    chosen.clear();
    next = page.next;
    place.replaceChildren(letterTable(page.letters, chosen));
    told.tell(page.letters.length === 0 ? "no dead letters" : `${page.letters.length} shown`);
  };
  const replay = async () => {
    if (chosen.size === 0) throw new Error("choose some first");
    const { results } = await call("/v1/dead-letters/replay", { seqs: [...chosen] });
    const skipped = results.filter((/** @type {any} */ each) => "skipped" in each);
    await load();
    const why = skipped.map((/** @type {any} */ each) => `${each.seq}: ${each.skipped}`);
    told.tell([`${results.length - skipped.length} published again`, ...why].join("; "));
  };
  const forward = async () => {
    after = next ?? 0;
    await load();
  };
  view.append(
    element(
      "div",
      { class: "row" },
      action("Publish chosen again", replay, told),
      action("Next page", forward, told),
    ),
    told.place,
    place,
  );
  load().catch((thrown) => told.fail(thrown));
}

/**
 * @param {readonly any[]} letters
 * @param {Set<number>} chosen
 */
function letterTable(letters, chosen) {
  const rows = letters.map(({ seq, id, reason, message, at }) => {
    const box = /** @type {HTMLInputElement} */ (
      element("input", { type: "checkbox", "aria-label": `choose ${seq}` })
    );
    box.addEventListener("change", () => (box.checked ? chosen.add(seq) : chosen.delete(seq)));
    return [box, String(seq), id ?? "", reason, message, new Date(at).toLocaleString()];
  });
  return table(
    "Dead letters, oldest first",
    ["Choose", "Seq", "Document", "Reason", "Why", "At"],
    rows,
  );
}
