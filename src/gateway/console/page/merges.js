/** The tenant's merge: how far it is, what it would do, and what to do about it. */

import { call } from "./api.js";
import { action, element, notice, table } from "./dom.js";

const everyMs = 2_000;

/**
 * @param {HTMLElement} view
 * @param {AbortSignal} signal
 */
export function showMerges(view, signal) {
  const told = notice();
  const place = element("div");
  const plan = element("div");
  /** @param {string} name */
  const steer = (name) => async () => {
    const state = await call("/v1/merge", { action: name });
    plan.replaceChildren();
    if (name === "preview") plan.append(planTable(state.plan));
    told.tell(name === "preview" ? "what a merge would do now" : `${name}: accepted`);
    showState(place, state);
  };
  const buttons = [
    action("Preview", steer("preview"), told),
    action("Merge now", steer("run"), told),
    action("Pause", steer("pause"), told),
    action("Resume", steer("resume"), told),
    action("Cancel", steer("cancel"), told),
  ];
  view.append(
    element(
      "p",
      { class: "quiet" },
      "A merge moves what lies in memory into Weaviate. Answers are the same before, during and after it.",
    ),
    element("div", { class: "row" }, ...buttons),
    told.place,
    plan,
    place,
  );
  void watch(place, told, signal);
}

/**
 * @param {HTMLElement} place
 * @param {ReturnType<typeof notice>} told
 * @param {AbortSignal} signal
 */
async function watch(place, told, signal) {
  while (!signal.aborted) {
    try {
      showState(place, await call("/v1/merge"));
    } catch (thrown) {
      told.fail(thrown);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/**
 * @param {HTMLElement} place
 * @param {any} state
 */
function showState(place, { progress, url }) {
  const link =
    url === undefined || !/^https?:/.test(url)
      ? []
      : [element("p", {}, element("a", { href: url, rel: "noreferrer" }, "Open in Temporal UI"))];
  if (progress === null) {
    place.replaceChildren(element("p", {}, "Never merged."), ...link);
    return;
  }
  const { phase, paused, written, total, error, lastMerge, lastScrub } = progress;
  const rows = [
    ["Phase", paused ? `${phase} (paused)` : phase],
    ["Range", progress.to === null ? "none" : `${progress.from} to ${progress.to}`],
    ["Written", `${written} of ${total} objects`],
    ["Last merge", lastMerge === null ? "none" : told(lastMerge)],
    ["Last scrub", lastScrub === null ? "none" : new Date(lastScrub.atMs).toLocaleString()],
  ];
  const bar = element("progress", {
    value: written,
    max: Math.max(1, total),
    "aria-label": "Objects written",
  });
  const failed =
    error === null
      ? []
      : [element("p", { class: "bad" }, `${error.code}: ${error.message} (try ${error.attempt})`)];
  place.replaceChildren(table("State", ["What", "Now"], rows), bar, ...failed, ...link);
}

/** @param {any} merge */
function told({ chunks, documents, atMs }) {
  const of = documents === null ? "" : `, ${documents} documents live`;
  return `${new Date(atMs).toLocaleString()}: ${chunks} chunks${of}`;
}

/** @param {any} plan */
function planTable(plan) {
  if (plan.kind === "nothing") return element("p", {}, "Nothing to merge.");
  const { from, to, records, upserts, deletes, chunks, bytes } = plan;
  const rows = [
    ["Records", `${records}, after ${from} up to ${to}`],
    ["Documents written", upserts],
    ["Documents deleted", deletes],
    ["Objects", chunks],
    ["Bytes in the log", bytes],
  ];
  return table("A merge now", ["What", "How much"], rows);
}
