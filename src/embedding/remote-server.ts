/**
 * One server of a pool: what is known of it, and what it has to do. Never decides: remote-pool.ts,
 * whose invariants are named here.
 */

import { Outage } from "./outage.ts";
import type { Lane } from "./port.ts";
import type { ServerLink } from "./remote-link.ts";
import type { ComputedBy } from "./remote-wire.ts";
import { type Candidate, failurePauseMs, type ServerState } from "./server-state.ts";

export class PoolServer {
  readonly link: ServerLink;
  state: ServerState;
  readonly outstanding: Record<Lane, number> = { ingest: 0, query: 0 };
  turn = 0;
  requests = 0;
  heardAtMs = 0;
  probedAtMs = 0;
  computedBy: ComputedBy | undefined;
  /** Further names of the same model, of a gateway that has several servers behind it. */
  readonly names = new Set<string | undefined>();
  /** Aborts when it leaves: its requests end, and are made again elsewhere. */
  cut = new AbortController();
  isGone = false;
  readonly outage = new Outage();
  /** EP7: why nothing that it makes counts. */
  strange: string | undefined;
  /** EP7: what is asked meanwhile waits for it, too. */
  looking: Promise<void> | undefined;
  /** EP5. */
  #failures = 0;
  #doubtedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(link: ServerLink, state: ServerState) {
    this.link = link;
    this.state = state;
  }

  in(lane: Lane, nowMs: number): Candidate & { readonly server: PoolServer } {
    const { state, turn, outstanding } = this;
    const isDoubted = nowMs < this.#doubtedUntilMs;
    return { server: this, state, turn, isDoubted, outstanding: outstanding[lane] };
  }

  /** EP5. */
  hasReplied(isFailure: boolean, nowMs: number): void {
    if (isFailure) this.#doubtedUntilMs = nowMs + failurePauseMs(this.#failures);
    else this.#doubtedUntilMs = Number.NEGATIVE_INFINITY;
    this.#failures = isFailure ? this.#failures + 1 : 0;
  }
}
