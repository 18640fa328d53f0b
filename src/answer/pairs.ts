/**
 * Whole characters: JSON can say half of one (`\ud83c`), and a model that is cut at a token does.
 * Strict readers of JSON refuse a reply that repeats it. The other half may be in the next piece.
 */

import type { TextGate } from "./citations.ts";

const firstHalf = /[\ud800-\udbff]$/;

export function createPairGate(): TextGate {
  let held = "";
  return {
    push(text) {
      const all = held + text;
      held = firstHalf.test(all) ? all.slice(-1) : "";
      return all.slice(0, all.length - held.length).toWellFormed();
    },
    end: () => held.toWellFormed(),
  };
}
