/**
 * `as_of`: searches in a tenant as it was. A mechanism over the log and hot shards, shared by the
 * question pool.
 *
 * Owns: the few views that are held, and whose turn it is at each.
 * Never: shows what the log does not hold any more, or makes a view for a tenant that waits.
 *
 *   QN1  before each use the log's leader is asked for the tenant's first record: what retention or
 *        an erase has removed is not shown from memory either, but refused as `outside_window`;
 *   QN2  a view is used by one question at a time, from its move to its search;
 *   QN3  so many views for a node, two of them a tenant's; one that failed half-way is dropped. A
 *        view that is not in use makes room for a tenant that then holds no more than its own did.
 */

import type { Access } from "../../src/contract/access.ts";
import type { Candidate } from "../../src/contract/candidate.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import {
  noPosition,
  noVersion,
  type Position,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { RecordHeader } from "../../src/contract/record.ts";
import type { HotShard } from "../../src/hot/port.ts";
import type { Log } from "../../src/log/port.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { raceAbort } from "../../src/runtime/race-abort.ts";
import { type AsOfQuery, AsOfView } from "./as-of-view.ts";

export interface AsOfSearchesOptions {
  readonly log: Pick<Log, "chunks" | "docs" | "nowMs">;
  /** Exact, so that the same question finds the same (QZ1). */
  readonly createHot: (name: TenantId) => HotShard;
  /** Before it the records under this name tell no history: they were built from others. */
  readonly beginsAt?: ((name: TenantId) => Version) | undefined;
  readonly clock: Clock;
  /** How far back a time may lie. */
  readonly replayWindowMs: number;
}

export interface AsOfAsked {
  readonly tenant: TenantId;
  readonly asOf: Version;
  readonly query: AsOfQuery;
  readonly signal: AbortSignal;
}

interface Held {
  readonly view: AsOfView;
  usedAtMs: number;
  /** Settles when the view is free again. */
  turn: Promise<void>;
  waiting: number;
  isGone: boolean;
}

export class AsOfSearches {
  readonly #options: AsOfSearchesOptions;
  readonly #held = new Set<Held>();

  constructor(options: AsOfSearchesOptions) {
    this.#options = options;
  }

  /**
   * The last sequence that was stored at a time.
   * @throws FreshetError outside_window, log_unavailable
   */
  async at(atMs: number): Promise<Version> {
    const { log, replayWindowMs } = this.#options;
    const earliestMs = (await log.nowMs()) - replayWindowMs;
    if (atMs < earliestMs) {
      const details = { earliest: new Date(earliestMs).toISOString() };
      throw new FreshetError("outside_window", undefined, { details });
    }
    return ((await log.docs.firstSince(atMs + 1)) - 1) as Version;
  }

  /**
   * @throws FreshetError outside_window, history_too_large, overloaded, log_unavailable,
   * broken_chain, cancelled
   */
  async search({ tenant, asOf, query, signal }: AsOfAsked): Promise<readonly Candidate[]> {
    const { chunks } = this.#options.log;
    for (;;) {
      const [first, last] = [await chunks.first(tenant), await chunks.last(tenant)];
      if (first === null || last === null) return [];
      if (first.previous !== noPosition) throw outsideWindow(first.version);
      const beginsAt = this.#options.beginsAt?.(tenant) ?? noVersion;
      if (asOf < beginsAt) throw outsideWindow(beginsAt);
      const held = this.#heldFor(first, asOf);
      const to = { last: last.position, access: query.access, signal };
      const found = await this.#inTurn(held, signal, async () => {
        // While it waited for its turn the view may have gone past, or what it is made of (QN1).
        if (held.isGone || held.view.asOf > asOf) return undefined;
        const now = await chunks.first(tenant);
        if (now?.position !== held.view.first) return undefined;
        return this.#searchIn(held, { asOf, query, to });
      });
      if (found !== undefined) return found;
    }
  }

  /** All that is held of a tenant. */
  forget(tenant: TenantId): void {
    for (const held of this.#held) if (held.view.tenant === tenant) this.#drop(held);
  }

  close(): void {
    for (const held of this.#held) this.#drop(held);
  }

  async #searchIn(
    held: Held,
    {
      asOf,
      query,
      to,
    }: {
      readonly asOf: Version;
      readonly query: AsOfQuery;
      readonly to: {
        readonly last: Position;
        readonly access: Access | undefined;
        readonly signal: AbortSignal;
      };
    },
  ): Promise<readonly Candidate[] | undefined> {
    try {
      await held.view.moveTo(asOf, to);
      if (held.isGone) return undefined;
      held.usedAtMs = this.#options.clock.monotonicMs();
      return held.view.search(query);
    } catch (thrown) {
      this.#drop(held);
      throw thrown;
    }
  }

  /** The nearest view below, or a new one. @throws FreshetError overloaded */
  #heldFor(first: RecordHeader, asOf: Version): Held {
    const { tenant } = first;
    const own = [...this.#held].filter(({ view }) => view.tenant === tenant);
    // QN1: what lies before the first record is gone, and with it what was made of it.
    for (const held of own) if (held.view.first !== first.position) this.#drop(held);
    const [nearest] = own
      .filter(({ isGone, view }) => !isGone && view.asOf <= asOf)
      .sort((a, b) => b.view.asOf - a.view.asOf);
    return nearest ?? this.#create(first);
  }

  /** QN3. */
  #create(first: RecordHeader): Held {
    const { tenant } = first;
    const count = this.#heldOf(tenant);
    if (count >= limits.asOfViewsPerTenantMax || this.#held.size >= limits.asOfViewsMax) {
      const isFull = count >= limits.asOfViewsPerTenantMax;
      this.#makeRoom((of) => of === tenant || (!isFull && this.#heldOf(of) > count));
    }
    const { createHot, clock, log } = this.#options;
    const view = new AsOfView({ tenant, first, chunks: log.chunks, hot: createHot(tenant), clock });
    const usedAtMs = clock.monotonicMs();
    const held: Held = { view, usedAtMs, turn: Promise.resolve(), waiting: 0, isGone: false };
    this.#held.add(held);
    return held;
  }

  #heldOf(tenant: TenantId): number {
    let count = 0;
    for (const { view } of this.#held) if (view.tenant === tenant) count += 1;
    return count;
  }

  /** Of whoever holds most of those that may go. @throws FreshetError overloaded: all are in use */
  #makeRoom(mayGo: (tenant: TenantId) => boolean): void {
    const idle = [...this.#held].filter(({ waiting, view }) => waiting === 0 && mayGo(view.tenant));
    const [gone] = idle.sort(
      (a, b) =>
        this.#heldOf(b.view.tenant) - this.#heldOf(a.view.tenant) || a.usedAtMs - b.usedAtMs,
    );
    if (gone === undefined) throw new FreshetError("overloaded");
    this.#drop(gone);
  }

  #drop(held: Held): void {
    if (held.isGone) return;
    held.isGone = true;
    this.#held.delete(held);
    // Who is in the middle of a move ends first.
    void held.turn.then(() => held.view.close());
  }

  /** QN2. */
  async #inTurn<Value>(
    held: Held,
    signal: AbortSignal,
    work: () => Promise<Value>,
  ): Promise<Value> {
    held.waiting += 1;
    const before = held.turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    held.turn = before.then(() => promise);
    try {
      await raceAbort(before, signal);
      return await work();
    } finally {
      held.waiting -= 1;
      resolve();
    }
  }
}

function outsideWindow(version: Version): FreshetError {
  const details = { oldest_seq: version };
  return new FreshetError("outside_window", undefined, { details });
}
