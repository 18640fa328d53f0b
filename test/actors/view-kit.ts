/** A tenant view between mailboxes that the test plays, and what it is loaded with. */

import { recoveringStatus, type ViewStatus } from "../../actors/directory/directory.ts";
import { KeptRows } from "../../actors/directory/kept-rows.ts";
import type {
  MergeTriggerMessage,
  ReloadMessage,
  SearchOutcome,
  Snapshot,
  TenantViewMessage,
} from "../../actors/messages.ts";
import { tenantViewActor } from "../../actors/tenant-view/view.ts";
import { revisions } from "../../actors/topology/parts.ts";
import { createMemoryCold } from "../../src/cold/memory.ts";
import type { Candidate } from "../../src/contract/candidate.ts";
import type { DocumentEvent } from "../../src/contract/events.ts";
import type { DocumentId, Position, Version } from "../../src/contract/ids.ts";
import { emptyManifest } from "../../src/contract/manifest.ts";
import { silentMetrics } from "../../src/contract/observation.ts";
import type { PlacedRecord } from "../../src/contract/record.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import { Heads } from "../../src/heads/heads.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import type { StoredManifest } from "../../src/log/port.ts";
import { FairShares } from "../../src/runtime/fair-shares.ts";
import { BoundedMailbox } from "../../src/runtime/mailbox.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { acme, answered, axis, dimensions, startActor } from "./kit.ts";

export const graceMs = 100;
export const markerEveryMs = 1_000;

/** A tenant view between mailboxes that the test plays. */
export function setUp({ keeps = false }: { readonly keeps?: boolean } = {}) {
  const kept = new KeptRows();
  const cold = createMemoryCold();
  const room = { isThere: true, isRecovering: false };
  const clock = createManualClock();
  const log = createMemoryLog({ clock, partitions: 1 });
  const statuses: ViewStatus[] = [];
  const events: DocumentEvent[] = [];
  const mergeTrigger = new BoundedMailbox<MergeTriggerMessage>(10);
  const reloads = new BoundedMailbox<ReloadMessage>(10);
  const started = startActor<TenantViewMessage>(
    tenantViewActor({
      tenant: acme,
      createHot: () => createExactHotShardFactory()({ dimensions }),
      graceMs,
      markerEveryMs,
      nextRevision: revisions(),
      mergeSizeChunks: 3,
      events: { publish: (_tenant, event) => events.push(event) },
      mergeTrigger,
      metrics: silentMetrics,
      writer: reloads,
      keeping: keeps
        ? {
            ...log,
            cold,
            memory: { makeRoom: () => room.isThere },
            loads: new FairShares({ total: 1 }),
            isRecovering: () => room.isRecovering,
          }
        : undefined,
      entry: {
        kept,
        get status() {
          return statuses.at(-1) ?? recoveringStatus;
        },
        set status(status) {
          statuses.push(status);
        },
      },
    }),
    { clock },
  );
  const { mailbox } = started.actor;
  const send = (...messages: readonly TenantViewMessage[]) => {
    for (const message of messages) mailbox.tryPut(message);
  };
  const apply = (...records: readonly PlacedRecord[]) =>
    send(...records.map((record) => ({ type: "apply", record, publishedAtMs: 0 }) as const));
  const view = (minVersion?: number, waitMs = 1_000) => {
    const { reply, promise } = answered<Snapshot>();
    const { signal } = new AbortController();
    const wanted = minVersion as Version | undefined;
    send({ type: "snapshot", minVersion: wanted, waitMs, signal, reply });
    return promise;
  };
  const search = (
    watermark: number,
    coldHits: readonly Candidate[] = [],
    { at = 0, mustBeResident = false } = {},
  ) => {
    const { reply, promise } = answered<SearchOutcome>();
    const query = {
      vector: axis(at),
      text: "text",
      limit: 10,
      filter: undefined,
      access: undefined,
    };
    const asked = { watermark: watermark as Position, mustBeResident, coldHits };
    send({ type: "search", ...asked, ...query, reply });
    return promise;
  };
  const found = async (watermark: number, coldHits: readonly Candidate[] = []) => {
    const outcome = await search(watermark, coldHits);
    if (outcome.kind !== "found") throw new Error("the search was refused as dropped");
    return { hot: outcome.hot.map(named).sort(), cold: outcome.cold.map(named).sort() };
  };
  const becomeReady = (stored: StoredManifest | null = null, heads = new Heads(), visible = 0) =>
    send({ type: "load", stored, heads }, { type: "ready", visible: visible as Version });
  return {
    ...{ clock, statuses, events, mergeTrigger, send, apply, view, search, found, becomeReady },
    ...{ kept, log, cold, room },
    ...started,
    loadRequests: () => reloads.depth,
  };
}

function named({ documentId, version }: Candidate): string {
  return `${documentId}@${version}`;
}

/** Confirmed as far as it says; absent, all of it. */
export function manifest(to: number, revision: number, confirmed = to): StoredManifest {
  const at = { to: to as Position, version: to as Version, confirmed: confirmed as Position };
  return { revision, manifest: { ...emptyManifest, ...at } };
}

export function headsOf(...entries: readonly (readonly [string, number])[]): Heads {
  return new Heads(
    entries.map(([id, version]) => [fingerprintOf(acme, id as DocumentId), version as Version]),
  );
}

export function coldHit(id: string, version: number): Candidate {
  return {
    shard: "cold",
    documentId: id as DocumentId,
    version: version as Version,
    chunk: 0,
    text: `text of ${id}`,
    info: {},
    cosine: 1,
    lexical: { frequencies: [], length: 0 },
  };
}
