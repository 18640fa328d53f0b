/**
 * The canary: a document in each partition of this node, published, found and deleted again and
 * again, by the service that HTTP uses. What it measures is the source of the objective of
 * freshness.
 *
 * Owns: one document of each canary tenant. Never: looks at another tenant, or holds anything up.
 *
 *   KC1  one round a partition at a time, at most `canariesAtOnceMax` of a node; each step ends
 *        after `canaryWaitMs`, so a round is bounded;
 *   KC2  a partition is measured by the node that should serve it, also while it does not: an
 *        outage in which nothing is counted would look like no outage;
 *   KC3  each document is the same one in a new version: neither heads nor cold grow, and a round
 *        that broke off is cleaned up by the next;
 *   KC4  a stop ends what runs, and counts it as nothing;
 *   KC5  a document that was due while the one before it was still under way counts as one that
 *        waited as long: an outage in which each takes half a minute would else weigh half as much
 *        as the health around it (Gil Tene's coordinated omission);
 *   KC6  all its series begin at zero: Prometheus sees no increase in the first value of a series.
 */

import type { PartitionState } from "../../actors/directory/directory.ts";
import { FreshetError, toFreshetError } from "../contract/errors.ts";
import type { Partition, TenantId, Version } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Logger, Metrics } from "../contract/observation.ts";
import { parseQuestion } from "../contract/query.ts";
import type { Service } from "../contract/service.ts";
import type { Clock } from "../runtime/clock.ts";
import { Deadline } from "../runtime/deadline.ts";
import { raceAbort } from "../runtime/race-abort.ts";
import { Semaphore } from "../runtime/semaphore.ts";

export interface CanaryOptions {
  readonly service: Pick<Service, "ask" | "publish">;
  readonly tenants: ReadonlyMap<Partition, TenantId>;
  readonly stateOf: (partition: Partition) => PartitionState;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** A word that no round before had. */
  readonly word: () => string;
  readonly everyMs?: number | undefined;
  readonly waitMs?: number | undefined;
}

export interface Canary {
  stop(): Promise<void>;
}

type Step = "publish" | "find" | "delete";

export function startCanary(options: CanaryOptions): Canary {
  const { tenants, clock, everyMs = limits.canaryEveryMs } = options;
  const ending = new AbortController();
  const total = limits.canariesAtOnceMax;
  const atOnce = new Semaphore({ total, waitingMax: tenants.size });
  const loops = [...tenants].map(async ([partition, tenant], index) => {
    const rounds = new Rounds(options, { partition, tenant, everyMs, signal: ending.signal });
    // Spread over the time between two rounds.
    let dueMs = clock.monotonicMs() + (everyMs * index) / tenants.size;
    for (;;) {
      await clock.sleep(Math.max(dueMs - clock.monotonicMs(), 0), ending.signal);
      if (ending.signal.aborted) return;
      const due = dueMs;
      const isOurs = options.stateOf(partition) !== "waiting";
      const missed = isOurs
        ? await atOnce.run(() => rounds.once(due), ending.signal).catch(() => 0) // Only by KC4.
        : 0;
      dueMs += everyMs * (1 + missed);
    }
  });
  return {
    stop: async () => {
      ending.abort();
      await Promise.all(loops);
    },
  };
}

interface Place {
  readonly partition: Partition;
  readonly tenant: TenantId;
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

const encoder = new TextEncoder();
const id = "canary";

class Rounds {
  readonly #options: CanaryOptions;
  readonly #place: Place;
  readonly #labels: { readonly partition: string };
  readonly #waitMs: number;
  #failed: Step | undefined;

  constructor(options: CanaryOptions, place: Place) {
    this.#options = options;
    this.#place = place;
    this.#labels = { partition: String(place.partition) };
    this.#waitMs = options.waitMs ?? limits.canaryWaitMs;
    const { metrics } = options;
    metrics.begin("canary_visible_seconds", this.#labels);
    for (const outcome of ["found", "failed"] as const) {
      metrics.count("canary_documents_total", { ...this.#labels, outcome }, 0);
    }
  }

  /** How many were due while it was under way (KC5). Never throws. */
  async once(dueMs: number): Promise<number> {
    const { clock, word } = this.#options;
    const text = `The canary sings ${word()}.`;
    const begunMs = clock.monotonicMs();
    const published = await this.#step("publish", () => this.#publish({ op: "upsert", id, text }));
    const seen =
      published &&
      (await this.#step("find", async (signal) => {
        if (await this.#finds(text, published.seq, signal)) return true;
        throw new FreshetError("no_results");
      }));
    const waitedMs = clock.monotonicMs() - begunMs;
    if (this.#place.signal.aborted) return 0;
    this.#count(seen === true ? waitedMs : undefined);
    const gone = await this.#step("delete", async (signal) => {
      const { seq } = await this.#publish({ op: "delete", id });
      if (!(await this.#finds(text, seq, signal))) return true;
      throw new FreshetError("internal", "a deleted document was found");
    });
    return this.#countMissed(dueMs, seen === true && gone === true);
  }

  /** Undefined: it was never found. */
  #count(waitedMs: number | undefined): void {
    const { metrics } = this.#options;
    const outcome = waitedMs === undefined ? "failed" : "found";
    if (waitedMs !== undefined) {
      metrics.observe("canary_visible_seconds", waitedMs / 1000, this.#labels);
    }
    metrics.count("canary_documents_total", { ...this.#labels, outcome });
  }

  /** KC5. */
  #countMissed(dueMs: number, isWell: boolean): number {
    const { everyMs, signal } = this.#place;
    if (signal.aborted) return 0;
    const lateMs = this.#options.clock.monotonicMs() - dueMs;
    const missed = Math.max(0, Math.ceil(lateMs / everyMs) - 1);
    for (let nth = 1; nth <= missed; nth += 1) {
      this.#count(isWell ? lateMs - nth * everyMs : undefined);
    }
    return missed;
  }

  /** Undefined when it failed. */
  async #step<Value>(
    step: Step,
    work: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value | undefined> {
    const { clock, metrics, logger } = this.#options;
    const { partition, signal } = this.#place;
    const deadline = new Deadline(clock, this.#waitMs, signal);
    try {
      const value = await raceAbort(work(deadline.signal), deadline.signal);
      if (this.#failed === step) this.#failed = undefined;
      return value;
    } catch (thrown) {
      if (signal.aborted) return undefined;
      const code = deadline.isOver ? "deadline_exceeded" : toFreshetError(thrown).code;
      metrics.count("canary_failures_total", { ...this.#labels, step });
      // Once for each outage: the counter says how often.
      if (this.#failed === undefined) {
        logger.warn({ partition, step, code }, "the canary failed");
        this.#failed = step;
      }
      return undefined;
    } finally {
      deadline.clear();
    }
  }

  #publish(operation: object): Promise<{ readonly seq: Version }> {
    const payload = encoder.encode(JSON.stringify(operation));
    return this.#options.service.publish(this.#place.tenant, { payload });
  }

  /** Whether a question that waits for the operation finds the document in that version. */
  async #finds(text: string, seq: Version, signal: AbortSignal): Promise<boolean> {
    const waitMs = Math.min(this.#waitMs, limits.waitMsMax);
    const asked = { query: text, mode: "search", top_k: 1, cache: false, min_seq: seq };
    const question = parseQuestion({ ...asked, wait_ms: waitMs, deadline_ms: waitMs });
    const { tenant } = this.#place;
    try {
      const { sources } = await this.#options.service.ask({ tenant, question, signal });
      return sources.some((source) => source.version === seq);
    } catch (thrown) {
      if (toFreshetError(thrown).code === "no_results") return false;
      throw thrown;
    }
  }
}
