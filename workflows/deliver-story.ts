/** Pure: how a webhook is served, turn after turn, and what Temporal UI shows of it. */

import type { DeliveryTurn } from "../src/contract/delivery.ts";
import { limits } from "../src/contract/limits.ts";

export interface DeliverySteps {
  /** One turn; a change of the webhook ends it early. */
  readonly turn: () => Promise<DeliveryTurn>;
  /** Whether somebody changed the webhook since the last call. */
  readonly takeChange: () => boolean;
  /** Returns early when somebody changes it. */
  readonly wait: (ms: number) => Promise<void>;
  /** Whether the history has become long. */
  readonly isLong: () => boolean;
  readonly show: (details: string) => void;
  readonly nowMs: () => number;
}

/** Why it is over; `long` asks for a run that continues. */
export async function deliverStory(steps: DeliverySteps): Promise<string> {
  let delivered = 0;
  for (let turns = 1; ; turns += 1) {
    steps.takeChange();
    const turn = await steps.turn();
    delivered += turn.delivered;
    steps.show(describeTurn(turn, { delivered, nowMs: steps.nowMs() }));
    if (turn.kind === "wait") await steps.wait(turn.waitMs);
    // What was changed while the turn ended is looked at, or the change would be forgotten.
    if (turn.kind === "over" && !steps.takeChange()) return turn.why;
    if (turns >= limits.endpointTurnsPerRunMax || steps.isLong()) return "long";
  }
}

export function describeTurn(
  turn: DeliveryTurn,
  { delivered, nowMs }: { readonly delivered: number; readonly nowMs: number },
): string {
  const sent = `${delivered} events delivered in this run`;
  switch (turn.kind) {
    case "more":
      return `active: ${sent}`;
    case "over":
      return `over: ${turn.why}; ${sent}`;
    case "wait": {
      const { kind, attempts, reason } = turn.why;
      if (kind === "resting") return `resting: ${reason}; ${sent}`;
      const next = new Date(nowMs + turn.waitMs).toISOString();
      const tried = `${attempts} attempts of the next event, the last with ${reason}`;
      return `failing: ${tried}; again at ${next}; ${sent}`;
    }
  }
}
