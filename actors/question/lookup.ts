/**
 * Where a question finds its tenant: its entry in the directory, and its snapshot once the
 * `min_seq` that the question names is visible (I8).
 */

import { FreshetError } from "../../src/contract/errors.ts";
import { type Epoch, incarnationOf, type Version } from "../../src/contract/ids.ts";
import type { AskRequest } from "../../src/contract/service.ts";
import type { Log } from "../../src/log/port.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Directory, TenantEntry } from "../directory/directory.ts";
import type { Snapshot } from "../messages.ts";
import { askView, notVisible } from "./parts.ts";

export interface LookupOptions {
  readonly directory: Directory;
  readonly log: Pick<Log, "docs">;
  /** How often a tenant that does not exist yet is looked for while `min_seq` waits. */
  readonly pollMs: number;
}

export class TenantLookup {
  readonly #options: LookupOptions;
  readonly #request: Pick<AskRequest, "tenant" | "question" | "signal">;
  readonly #clock: Clock;
  #epoch = 0 as Epoch;

  constructor(
    options: LookupOptions,
    request: Pick<AskRequest, "tenant" | "question" | "signal">,
    clock: Clock,
  ) {
    this.#options = options;
    this.#request = request;
    this.#clock = clock;
  }

  /** Of the tenure in which the tenant was looked for; 0 before that. */
  get epoch(): Epoch {
    return this.#epoch;
  }

  /**
   * Spares the work of a node that knows already that it is no owner; it proves nothing.
   * @throws FreshetError not_ready
   */
  checkLease(): void {
    const { validUntilMs, state } = this.#options.directory.partitionOf(this.#request.tenant);
    if (state === "serving" && this.#clock.monotonicMs() < validUntilMs) return;
    throw new FreshetError("not_ready");
  }

  /**
   * The tenant's entry. One that is on its way is waited for, if the question names a `min_seq`.
   * @throws FreshetError no_results, not_visible_yet, not_ready, wrong_incarnation, cancelled
   */
  async find(): Promise<TenantEntry> {
    const { directory, pollMs, log } = this.#options;
    const { tenant, question, signal } = this.#request;
    const untilMs = this.#clock.monotonicMs() + question.wait_ms;
    const minSeq = question.min_seq ?? 0;
    await this.#checkIncarnation(minSeq);
    for (;;) {
      const entry = directory.tenant(tenant);
      this.#epoch = entry?.epoch ?? directory.partitionOf(tenant).epoch;
      if (entry !== undefined) return entry;
      // Its partition may have gone to another node while the question was embedded (I6).
      this.checkLease();
      if (minSeq === 0) throw new FreshetError("no_results");
      if ((await log.docs.lastVersion(tenant)) === 0) throw new FreshetError("no_results");
      if (this.#clock.monotonicMs() >= untilMs) throw notVisible(minSeq, 0);
      await this.#clock.sleep(pollMs, signal);
      if (signal.aborted) throw new FreshetError("cancelled");
    }
  }

  /**
   * I8. A `min_seq` of another tenant's operation is satisfied once every operation of this tenant
   * up to it is visible: all tenants share the sequence, so this tenant may never reach that
   * number.
   */
  async snapshot(entry: TenantEntry): Promise<Snapshot> {
    const { question, tenant, signal } = this.#request;
    const { docs } = this.#options.log;
    let minVersion = (question.min_seq ?? 0) as Version;
    if (minVersion > entry.status.visible) {
      const [lastOfTenant, lastOfAll] = await Promise.all([
        docs.lastVersion(tenant),
        docs.lastSequence(),
      ]);
      if (minVersion <= lastOfAll) minVersion = Math.min(minVersion, lastOfTenant) as Version;
    }
    const waitMs = question.wait_ms;
    return askView<Snapshot>(entry, signal, (reply) => ({
      type: "snapshot",
      minVersion,
      waitMs,
      signal,
      reply,
    }));
  }

  async #checkIncarnation(minSeq: number): Promise<void> {
    if (minSeq === 0) return;
    const last = await this.#options.log.docs.lastSequence();
    if (incarnationOf(minSeq) === incarnationOf(last)) return;
    const details = { min_seq: minSeq, log_incarnation: incarnationOf(last) };
    throw new FreshetError("wrong_incarnation", undefined, { details });
  }
}
