/**
 * One owner of the tenant: the real tenant writer and the real tenant view, on a log with a slot.
 */

import { recoveringStatus } from "../../actors/directory/directory.ts";
import { KeptRows } from "../../actors/directory/kept-rows.ts";
import type {
  SearchOutcome,
  SearchRequest,
  Snapshot,
  TenantViewMessage,
} from "../../actors/messages.ts";
import { tenantViewActor } from "../../actors/tenant-view/view.ts";
import { revisions } from "../../actors/topology/parts.ts";
import type { MemoryCold } from "../../src/cold/memory.ts";
import type { Epoch, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentMetrics } from "../../src/contract/observation.ts";
import type { Outcome } from "../../src/contract/outcome.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import type { HotShardFactory } from "../../src/hot/port.ts";
import { processOperation } from "../../src/ingest/pipeline.ts";
import type { Preparer } from "../../src/ingest/preparer.ts";
import type { MemoryLog } from "../../src/log/memory/log.ts";
import type { StoredManifest, StoredOperation } from "../../src/log/port.ts";
import { FairShares } from "../../src/runtime/fair-shares.ts";
import { BoundedMailbox } from "../../src/runtime/mailbox.ts";
import { acme, answered, axis, dimensions, startActor } from "../actors/kit.ts";
import { recoveringTenant } from "../actors/writer-kit.ts";
import type { ManualClock } from "../support/manual-clock.ts";
import type { Plant } from "./plant.ts";
import { slottedCold, slottedLog } from "./ports.ts";
import { type Faults, Slot } from "./slot.ts";

export const graceMs = 100;
/** All chunks that a history can make: a search leaves none out for want of room. */
export const everything = 1_000;
/** Longer than any history. */
const patienceMs = 3_600_000;

/** One for all histories: its memory grows to what the largest needs and is used again. */
let hotShards: HotShardFactory | undefined;

/** A document's text is its number of chunks. */
const prepare: Preparer = ({ text }) => ({
  info: {},
  chunks: Array.from({ length: Number(text) }, (_, chunk) => ({
    text: `common ${chunk}`,
    heading: undefined,
    range: [chunk, chunk + 1],
    tokens: new Int32Array(1),
  })),
  redactor: "none",
});

/** After some owners in a row documents are suspects: what is made of them apart is the same. */
function isolated(payload: Uint8Array): Promise<Outcome> {
  return processOperation(payload, {
    documentTextBytesMax: limits.documentTextBytesMax,
    prepare,
    embed: async (inputs) => inputs.map((_, index) => axis(index)),
    named: () => {},
  });
}

/**
 * One owner of the tenant. Its clock may have stood still since it took its lease: it never knows
 * that it is over.
 */
export class Node {
  readonly epoch: Epoch;
  readonly slot: Slot;
  readonly #tenant: ReturnType<typeof recoveringTenant>;
  readonly #view: ReturnType<typeof startActor<TenantViewMessage>>;
  readonly #entry = { status: recoveringStatus, kept: new KeptRows() };

  constructor(options: {
    readonly epoch: Epoch;
    readonly log: MemoryLog;
    readonly cold: MemoryCold;
    readonly clock: ManualClock;
    readonly faults: Faults;
    readonly plant: Plant;
  }) {
    const { epoch, log, cold, clock, faults, plant } = options;
    hotShards ??= createExactHotShardFactory();
    const createHot = hotShards;
    this.epoch = epoch;
    this.slot = new Slot(faults);
    const slotted = slottedLog(log, this.slot);
    this.#tenant = recoveringTenant({ log: slotted, clock, epoch, prepare, isolated });
    this.#view = startActor<TenantViewMessage>(
      tenantViewActor({
        tenant: acme,
        nextRevision: revisions(),
        createHot: () => plant.hot(createHot({ dimensions })),
        keeping: {
          ...slotted,
          cold: slottedCold(cold, this.slot),
          memory: { makeRoom: () => true },
          loads: new FairShares({ total: 1 }),
          isRecovering: () => false,
        },
        graceMs,
        mergeSizeChunks: everything,
        markerEveryMs: everything,
        events: { publish: () => {} },
        mergeTrigger: new BoundedMailbox(1),
        metrics: silentMetrics,
        writer: this.#tenant.actor.mailbox,
        entry: this.#entry,
      }),
      { clock },
    );
    void this.#feedView();
  }

  get hotDocuments(): number {
    return this.#entry.status.hot.documents;
  }

  get isResident(): boolean {
    return this.#entry.status.isResident;
  }

  /** The node needs the room of what it keeps. */
  evict(): void {
    this.#entry.kept.evict();
  }

  /** A newer owner has written; this one has seen it. */
  get fenced(): boolean {
    return this.#tenant.fenced.length > 0;
  }

  offer(operation: StoredOperation): void {
    this.#tenant.offer(operation);
  }

  tell(stored: StoredManifest): void {
    this.#view.actor.mailbox.tryPut({ type: "manifest", stored });
  }

  view(minVersion: number): Promise<Snapshot> {
    const { reply, promise } = answered<Snapshot>();
    const { signal } = new AbortController();
    const wanted = { minVersion: minVersion as Version, waitMs: patienceMs, signal };
    this.#view.actor.mailbox.tryPut({ type: "snapshot", ...wanted, reply });
    return promise;
  }

  search(
    asked: Pick<SearchRequest, "watermark" | "mustBeResident" | "coldHits">,
  ): Promise<SearchOutcome> {
    const { reply, promise } = answered<SearchOutcome>();
    const query = {
      vector: axis(0),
      text: "common",
      limit: everything,
      filter: undefined,
      access: undefined,
    };
    this.#view.actor.mailbox.tryPut({ type: "search", ...asked, ...query, reply });
    return promise;
  }

  /** `kill -9`: what was on its way to a server is on its way, nothing else happens any more. */
  async kill(): Promise<void> {
    this.slot.kill();
    await Promise.all([this.#tenant.system.stop(), this.#view.system.stop()]);
    this.#tenant.view.close();
  }

  async #feedView(): Promise<void> {
    const { mailbox } = this.#view.actor;
    for (;;) {
      const message = await this.#tenant.view.take();
      if (message === undefined) return;
      await mailbox.put(message);
    }
  }
}
