/**
 * Where a question finds its tenant: its entry in the directory, and its snapshot once what the
 * question asks for is visible: its `min_seq` (I8), and what `max_staleness_ms` does not let miss.
 */

import { FreshetError } from "../../src/contract/errors.ts";
import { type Epoch, incarnationOf, type Version } from "../../src/contract/ids.ts";
import type { AskRequest } from "../../src/contract/service.ts";
import { parseTime } from "../../src/contract/time.ts";
import type { Log } from "../../src/log/port.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Directory, TenantEntry } from "../directory/directory.ts";
import type { Snapshot } from "../messages.ts";
import type { AsOfSearches } from "./as-of.ts";
import { Freshness, type MissingOperation } from "./freshness.ts";
import { askView, notVisible } from "./parts.ts";

export interface LookupOptions {
  readonly directory: Directory;
  readonly log: Pick<Log, "docs" | "nowMs">;
  readonly asOf: Pick<AsOfSearches, "at">;
  /** How often a tenant that does not exist yet is looked for while `min_seq` waits. */
  readonly pollMs: number;
}

export class TenantLookup {
  readonly #options: LookupOptions;
  readonly #request: Pick<AskRequest, "tenant" | "question" | "signal">;
  readonly #clock: Clock;
  #epoch = 0 as Epoch;
  #asOf: Version | undefined;

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

  /** The sequence that the question's `as_of` names, once the tenant was found. */
  get asOf(): Version | undefined {
    return this.#asOf;
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
    this.#epoch = directory.partitionOf(tenant).epoch;
    this.#asOf = await this.#asOfSeq();
    const minSeq = Math.max(question.min_seq ?? 0, this.#asOf ?? 0);
    await this.#checkIncarnation(minSeq);
    for (;;) {
      const entry = directory.tenantOrNothing(tenant);
      this.#epoch = entry?.epoch ?? directory.partitionOf(tenant).epoch;
      if (entry !== undefined) return entry;
      // Its partition may have gone to another node while the question was embedded (I6).
      this.checkLease();
      const { max_staleness_ms: maxStalenessMs } = question;
      if (minSeq === 0 && maxStalenessMs === undefined) throw new FreshetError("no_results");
      const version = await log.docs.lastVersion(tenant);
      if (version === 0) throw new FreshetError("no_results");
      if (this.#clock.monotonicMs() >= untilMs) {
        if (maxStalenessMs === undefined) throw this.#byAsOf(notVisible(minSeq, 0));
        const freshness = await Freshness.of(log, { tenant, maxStalenessMs });
        const missing = await freshness.missing(0 as Version);
        // What is not there yet is younger than the question allows: as a tenant without documents.
        if (missing === undefined) throw new FreshetError("no_results");
        throw freshness.tooStale(missing);
      }
      await this.#clock.sleep(pollMs, signal);
      if (signal.aborted) throw new FreshetError("cancelled");
    }
  }

  /** @throws FreshetError not_visible_yet, too_stale, not_ready, cancelled, log_unavailable */
  async snapshot(entry: TenantEntry): Promise<Snapshot> {
    const untilMs = this.#clock.monotonicMs() + this.#request.question.wait_ms;
    const freshness = await this.#freshness();
    const minVersion = await this.#minVersion(entry);
    for (;;) {
      const missing = await freshness?.missing(entry.status.visible);
      const wanted = Math.max(minVersion, missing?.version ?? 0) as Version;
      const waitMs = Math.max(0, untilMs - this.#clock.monotonicMs());
      try {
        const snapshot = await this.#askSnapshot(entry, { minVersion: wanted, waitMs });
        if (missing === undefined) return snapshot;
      } catch (thrown) {
        const late = staleness(thrown, { freshness, missing, entry, minVersion });
        throw late === thrown ? this.#byAsOf(thrown) : late;
      }
    }
  }

  /** What was waited for is called what the question calls it. */
  #byAsOf(thrown: unknown): unknown {
    const asOf = this.#asOf;
    const isLate = thrown instanceof FreshetError && thrown.code === "not_visible_yet";
    if (!isLate || asOf === undefined || asOf < (this.#request.question.min_seq ?? 0))
      return thrown;
    const details = { as_of: asOf, visible_seq: thrown.details?.["visible_seq"] };
    const message = "as_of is not visible within wait_ms; details say how far behind";
    return new FreshetError("not_visible_yet", message, { details });
  }

  #askSnapshot(
    entry: TenantEntry,
    wanted: { readonly minVersion: Version; readonly waitMs: number },
  ): Promise<Snapshot> {
    const { signal } = this.#request;
    return askView<Snapshot>(entry, signal, (reply) => ({
      type: "snapshot",
      ...wanted,
      signal,
      reply,
    }));
  }

  async #freshness(): Promise<Freshness | undefined> {
    const { tenant, question } = this.#request;
    const { max_staleness_ms: maxStalenessMs } = question;
    if (maxStalenessMs === undefined) return undefined;
    return Freshness.of(this.#options.log, { tenant, maxStalenessMs });
  }

  /**
   * I8. A `min_seq` of another tenant's operation is satisfied once every operation of this tenant
   * up to it is visible: all tenants share the sequence, so this tenant may never reach that
   * number.
   */
  async #minVersion(entry: TenantEntry): Promise<Version> {
    const { question, tenant } = this.#request;
    const { docs } = this.#options.log;
    const minVersion = Math.max(question.min_seq ?? 0, this.#asOf ?? 0) as Version;
    if (minVersion <= entry.status.visible) return minVersion;
    const [lastOfTenant, lastOfAll] = await Promise.all([
      docs.lastVersion(tenant),
      docs.lastSequence(),
    ]);
    return minVersion <= lastOfAll ? (Math.min(minVersion, lastOfTenant) as Version) : minVersion;
  }

  /** @throws FreshetError outside_window, log_unavailable */
  async #asOfSeq(): Promise<Version | undefined> {
    const { as_of: asOf } = this.#request.question;
    if (typeof asOf !== "string") return asOf as Version | undefined;
    return this.#options.asOf.at(parseTime(asOf) ?? 0);
  }

  async #checkIncarnation(minSeq: number): Promise<void> {
    if (minSeq === 0) return;
    const last = await this.#options.log.docs.lastSequence();
    if (incarnationOf(minSeq) === incarnationOf(last)) return;
    const log_incarnation = incarnationOf(last);
    if (minSeq === this.#asOf) {
      const details = { as_of: minSeq, log_incarnation };
      throw new FreshetError("wrong_incarnation", noSeqOfThisLog, { details });
    }
    const details = { min_seq: minSeq, log_incarnation };
    throw new FreshetError("wrong_incarnation", undefined, { details });
  }
}

/** Seconds since 1970 are such a number. */
const noSeqOfThisLog = "as_of is no seq of this log; a time is written as text (RFC 3339)";

/** A question that waited in vain, for an operation that its `min_seq` does not name. */
function staleness(
  thrown: unknown,
  waited: {
    readonly freshness: Freshness | undefined;
    readonly missing: MissingOperation | undefined;
    readonly entry: TenantEntry;
    readonly minVersion: Version;
  },
): unknown {
  const { freshness, missing, entry, minVersion } = waited;
  const isLate = thrown instanceof FreshetError && thrown.code === "not_visible_yet";
  const { visible } = entry.status;
  if (!isLate || missing === undefined || visible < minVersion) return thrown;
  return freshness?.tooStale(missing, visible) ?? thrown;
}
