/**
 * How a node leaves the others: it says so, gives its partitions away, and still answers meanwhile.
 *
 *   DP1  from its first moment the node is not ready, so that balancers send to others, and tells
 *        each connection to close after its reply;
 *   DP2  partitions are given away before a surface closes: what comes here until then is asked of
 *        their new owners;
 *   DP3  it stays as long as balancers need to see DP1, and a node without others leaves at once.
 */

import type { Topology } from "../../actors/topology/topology.ts";
import type { Logger } from "../contract/observation.ts";
import type { Clock } from "../runtime/clock.ts";
import { late, waitAtMost } from "../runtime/deadline.ts";

export interface DepartureOptions {
  readonly topology: Pick<Topology, "hasOthers" | "leave">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the others, and balancers, may take to see that it leaves. */
  readonly noticeMs: number;
  /** How long giving the partitions away may take. */
  readonly stopMs: number;
}

export class Departure {
  readonly #options: DepartureOptions;
  #isLeaving = false;

  constructor(options: DepartureOptions) {
    this.#options = options;
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /** Once; never fails. */
  async leave(): Promise<void> {
    const { topology, clock, logger, noticeMs, stopMs } = this.#options;
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    if (noticeMs === 0 || !topology.hasOthers()) return;
    const notice = clock.sleep(noticeMs);
    const left = topology.leave().catch((err: unknown) => {
      logger.error({ err }, "the partitions could not be given away");
    });
    if ((await waitAtMost(clock, stopMs, left)) === late) {
      logger.warn({ stopMs }, "the partitions were not given away in time");
    }
    await notice;
    logger.info({}, "this node has left the others");
  }
}
