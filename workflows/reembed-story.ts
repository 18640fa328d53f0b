/** Pure: how a generation is built, turn after turn, and what Temporal UI shows of it. */

import { limits } from "../src/contract/limits.ts";
import type { BuildTurn, ReembedProgress } from "../src/contract/reembed.ts";

export interface ReembedSteps {
  readonly begin: () => Promise<{ readonly number: number }>;
  /** Undefined when a pause, or another rate, has ended it. */
  readonly turn: (number: number) => Promise<BuildTurn | undefined>;
  readonly join: (number: number) => Promise<void>;
  readonly feed: (number: number) => Promise<void>;
  /** Resolves when it is not paused. */
  readonly unpaused: () => Promise<void>;
  readonly isPaused: () => boolean;
  /** Whether the history has become long. */
  readonly isLong: () => boolean;
  readonly show: (change: Partial<ReembedProgress>) => void;
}

export type ReembedEnd = "built" | "over" | "long";

/**
 * A generation joins when a turn has caught up, and is fed when a turn that began after it joined
 * has caught up once more (GD3).
 */
export async function reembedStory(
  steps: ReembedSteps,
  carried?: { readonly number: number; readonly texts: number },
): Promise<ReembedEnd> {
  const number = carried?.number ?? (await steps.begin()).number;
  let texts = carried?.texts ?? 0;
  let hasJoined = false;
  steps.show({ number, phase: "building", texts });
  for (let turns = 1; ; turns += 1) {
    if (steps.isPaused()) {
      steps.show({ phase: "paused" });
      await steps.unpaused();
      steps.show({ phase: hasJoined ? "joining" : "building" });
    }
    const turn = await steps.turn(number);
    if (turn === undefined) continue;
    texts += turn.texts;
    const { done, total } = turn;
    if (turn.kind === "over") {
      steps.show({ phase: "over", why: turn.why });
      return "over";
    }
    steps.show({ texts, done, total });
    if (turn.kind === "caught-up" && hasJoined) {
      await steps.feed(number);
      steps.show({ phase: "built" });
      return "built";
    }
    if (turn.kind === "caught-up") {
      await steps.join(number);
      hasJoined = true;
      steps.show({ phase: "joining" });
    }
    if (turns >= limits.reembedTurnsPerRunMax || steps.isLong()) return "long";
  }
}

export function describeReembed(progress: ReembedProgress): string {
  const { phase, model, number, done, total, texts, textsPerS, why } = progress;
  const part = total === 0 ? "" : `, ${done} of ${total} documents and changes`;
  const reason = why === undefined ? "" : `: ${why}`;
  return `generation ${number ?? "?"} (${model}) ${phase}${reason}${part}; ${texts} texts, at most ${textsPerS}/s`;
}
