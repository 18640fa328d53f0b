/**
 * Models that think aloud (DeepSeek R1, Qwen 3) begin with `<think>…</think>` where their server
 * does not take that apart. It is no part of the answer, and what it says is checked by nobody.
 * Bounded: of what is left out only as much is kept as may be half of its end.
 */

import type { TextGate } from "./citations.ts";

const begin = "<think>";
const end = "</think>";
/** Blanks in front of the first word; of a model that writes nothing else no more is kept. */
const blanksMax = 100;

export function createThinkingGate(): TextGate {
  let state: "before" | "thinking" | "behind" | "answer" = "before";
  let held = "";

  function push(text: string): string {
    if (state === "answer") return text;
    held += text;
    if (state === "before") {
      const said = held.trimStart();
      if (said === "") {
        held = held.slice(-blanksMax);
        return "";
      }
      if (said.length < begin.length && begin.startsWith(said)) return "";
      if (!said.startsWith(begin)) return answer(held);
      state = "thinking";
      held = said.slice(begin.length);
    }
    if (state === "thinking") {
      const at = held.indexOf(end);
      if (at === -1) {
        held = held.slice(1 - end.length);
        return "";
      }
      state = "behind";
      held = held.slice(at + end.length);
    }
    // The blank lines between thought and answer come in pieces of their own.
    held = held.trimStart();
    return held === "" ? "" : answer(held);
  }

  function answer(text: string): string {
    state = "answer";
    held = "";
    return text;
  }

  return { push, end: () => (state === "before" ? answer(held) : "") };
}
