/**
 * How a tenant that is asked comes back into memory: in the background, from CHUNKS where its
 * records still are, else from cold with texts and vectors.
 *
 * Owns: whether a load is under way, and when the next one may be.
 * Never: decides what is live (the view does, in the step that takes a page in), or keeps a
 * question, a publisher or a recovery waiting.
 *
 *   VR1  a document is taken in only while the heads name that version and hot has none of it, so
 *        what changed meanwhile, and what cold should not hold any more, changes nothing (I3-I5);
 *   VR2  a document is taken in whole, all its chunks in one step;
 *   VR3  room comes from tenants that were asked for less recently, page by page; without it the
 *        load ends and what it brought is dropped;
 *   VR4  one load for a tenant, `loads` for the node, none while tenants recover, and after a load
 *        that did not do it a pause that doubles.
 */

import { objectId } from "../../src/cold/object-id.ts";
import type { ColdEntry, ColdObject, ColdShard } from "../../src/cold/port.ts";
import { noPosition, type TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Metrics } from "../../src/contract/observation.ts";
import { readHeads } from "../../src/heads/read-heads.ts";
import type { HotDocument } from "../../src/hot/port.ts";
import type { Log } from "../../src/log/port.ts";
import type { ActorContext } from "../../src/runtime/actor.ts";
import { backoffMs } from "../../src/runtime/backoff.ts";
import type { FairShares } from "../../src/runtime/fair-shares.ts";
import type { TenantEntry } from "../directory/directory.ts";
import type { KeptMemory } from "../directory/hot-memory.ts";
import type { LoadedMessage, LoadedPage, TenantViewMessage } from "../messages.ts";
import type { ViewData } from "./data.ts";

/** What a view needs to keep what is merged, and to bring it back. */
export interface Keeping {
  readonly chunks: Pick<Log["chunks"], "first" | "read">;
  readonly manifests: Pick<Log["manifests"], "getPiece">;
  readonly cold: Pick<ColdShard, "walk" | "stored" | "readMarker">;
  readonly memory: KeptMemory;
  /** Loads of a node at a time. */
  readonly loads: Pick<FairShares, "run">;
  /** Tenants of the node recover: loads wait. */
  readonly isRecovering: () => boolean;
}

export interface ResidencyOptions extends Keeping {
  readonly tenant: TenantId;
  readonly entry: Pick<TenantEntry, "kept">;
  readonly metrics: Metrics;
}

type Outcome = "resident" | "incomplete" | "no_room" | "failed";

const pauses = { backoffMinMs: limits.loadPauseMinMs, backoffMaxMs: limits.loadPauseMaxMs };

export class Residency {
  readonly #options: ResidencyOptions;
  readonly #context: ActorContext<TenantViewMessage>;
  #isLoading = false;
  #isLooking = false;
  #failures = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #lookAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ResidencyOptions, context: ActorContext<TenantViewMessage>) {
    this.#options = options;
    this.#context = context;
  }

  /** A question came to a tenant that is not resident. */
  wanted(data: ViewData): void {
    const { clock, signal } = this.#context;
    if (this.#isLoading || clock.monotonicMs() < this.#notBeforeMs) return;
    if (data.documents > limits.hotKeptDocumentsMax) return;
    this.#isLoading = true;
    this.#context.task(async () => {
      const { loads, tenant, metrics } = this.#options;
      const outcome = await loads.run(tenant, () => this.#load(data), signal);
      this.#isLoading = false;
      if (outcome === undefined || signal.aborted) return;
      metrics.count("loads_total", { outcome });
      this.#failures = outcome === "resident" ? 0 : this.#failures + 1;
      if (this.#failures === 0) return;
      this.#notBeforeMs = clock.monotonicMs() + backoffMs(pauses, this.#failures - 1);
    });
  }

  /** Nobody else looks whether cold still has the marker while no question goes there. */
  lookAtMarker(data: ViewData): void {
    const { clock, signal, self } = this.#context;
    const nowMs = clock.monotonicMs();
    if (this.#isLooking || nowMs < this.#lookAtMs) return;
    this.#isLooking = true;
    this.#lookAtMs = nowMs + limits.coldMarkerAtRestEveryMs;
    const watermark = data.manifest.to;
    this.#context.task(async () => {
      try {
        const marker = await this.#options.cold.readMarker(this.#options.tenant);
        const seen = marker !== null && marker.to >= watermark;
        if (!signal.aborted) self.tryPut({ type: "marker", watermark, seen, lookedAtMs: nowMs });
      } catch {
        // Cold is away: it is looked at again.
      } finally {
        this.#isLooking = false;
      }
    });
  }

  async #load(data: ViewData): Promise<Outcome> {
    const { clock, signal } = this.#context;
    while (this.#options.isRecovering() && !signal.aborted) {
      await clock.sleep(limits.loadPauseMinMs, signal);
    }
    if (signal.aborted) return "failed";
    const load = new Load(this.#options, this.#context, data);
    try {
      return await load.run();
    } catch (thrown) {
      if (thrown instanceof NoRoom) {
        // A part of a tenant spares no question its way to cold.
        this.#options.entry.kept.evict();
        return "no_room";
      }
      return "failed";
    }
  }
}

class NoRoom extends Error {}
/** The tenant is resident, or its view holds something else by now. */
class Ended extends Error {}

type Known = Pick<ColdEntry, "documentId" | "version" | "chunkCount">;

/** One load from beginning to end. */
class Load {
  readonly #options: ResidencyOptions;
  readonly #context: ActorContext<TenantViewMessage>;
  readonly #data: ViewData;
  readonly #evictions: number;
  #page: HotDocument[] = [];
  #pageChunks = 0;
  #isResident = false;

  constructor(options: ResidencyOptions, context: ActorContext<TenantViewMessage>, data: ViewData) {
    this.#options = options;
    this.#context = context;
    this.#data = data;
    this.#evictions = data.evictions;
  }

  /** @throws NoRoom, and what log and cold throw */
  async run(): Promise<Outcome> {
    try {
      await this.#agree();
      await this.#fromChunks();
      await this.#fromCold();
      await this.#flush();
    } catch (thrown) {
      if (!(thrown instanceof Ended)) throw thrown;
    }
    return this.#isResident ? "resident" : "incomplete";
  }

  /** First what a merge did not take over goes: nothing of it is to be found. */
  async #agree(): Promise<void> {
    const { manifest } = this.#data;
    const { manifests, tenant } = this.#options;
    const heads = await readHeads(manifests, tenant, manifest.pieces);
    await this.#send({ merged: { manifest, heads }, documents: [] });
  }

  async #fromChunks(): Promise<void> {
    const { chunks, tenant } = this.#options;
    const { signal } = this.#context;
    const to = this.#data.released;
    const first = await chunks.first(tenant);
    if (first === null || first.position > to) return;
    let isWorthwhile = true;
    const onCount = (records: number): void => {
      // A document that was changed again and again: cold holds it once.
      isWorthwhile = records <= limits.loadRecordsPerDocumentMax * (this.#data.missing + 1);
    };
    for await (const record of chunks.read({
      tenant,
      after: first.previous,
      to,
      signal,
      onCount,
    })) {
      if (!isWorthwhile) return;
      if (record.kind !== "upsert" || !this.#data.wants(record)) continue;
      const { documentId, version, body } = record;
      const { info, chunks: parts } = body;
      await this.#add({ documentId, version, position: noPosition, info, chunks: parts });
    }
    await this.#flush();
  }

  async #fromCold(): Promise<void> {
    const { cold, tenant } = this.#options;
    const limit = limits.coldIdsPerRequestMax;
    let after: string | null = null;
    for (;;) {
      const page: readonly ColdEntry[] = await cold.walk(tenant, { after, limit });
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.id;
      const wanted = page.filter((entry) => entry.chunk === 0 && this.#data.wants(entry));
      for (const group of groupsOf(wanted)) await this.#addStored(group);
      await this.#flush();
    }
  }

  async #addStored(group: readonly Known[]): Promise<void> {
    const { cold, tenant } = this.#options;
    const ids = group.flatMap(({ documentId, version, chunkCount }) =>
      Array.from({ length: chunkCount }, (_, chunk) =>
        objectId({ tenant, documentId, version, chunk }),
      ),
    );
    const objects: ColdObject[] = [];
    for (let at = 0; at < ids.length; at += limits.loadPageObjects) {
      objects.push(...(await cold.stored(tenant, ids.slice(at, at + limits.loadPageObjects))));
    }
    const byDocument = Map.groupBy(objects, ({ documentId }) => documentId);
    for (const { documentId, version, chunkCount } of group) {
      const parts = byDocument.get(documentId) ?? [];
      const document = wholeDocument({ documentId, version, chunkCount }, parts);
      if (document !== undefined) await this.#add(document);
    }
  }

  async #add(document: HotDocument): Promise<void> {
    this.#page.push(document);
    this.#pageChunks += document.chunks.length;
    if (this.#pageChunks >= limits.loadPageChunks) await this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#page.length === 0) return;
    const documents = this.#page;
    this.#page = [];
    this.#pageChunks = 0;
    const { memory, tenant } = this.#options;
    const bytes = documents.reduce((sum, document) => sum + bytesOf(document), 0);
    if (!memory.makeRoom(tenant, bytes)) throw new NoRoom();
    await this.#send({ documents });
    await this.#context.clock.turn();
  }

  /** @throws Ended */
  async #send(page: Pick<LoadedMessage, "documents" | "merged">): Promise<void> {
    const { self, signal } = this.#context;
    const { promise, resolve, reject } = Promise.withResolvers<LoadedPage>();
    const message = { type: "loaded", into: this.#data, ...page } as const;
    await self.put({ ...message, reply: { resolve, reject } }, signal);
    // A life that ends answers nothing that waits in its mailbox.
    const left = (): void => reject(new Ended());
    if (signal.aborted) left();
    signal.addEventListener("abort", left, { once: true });
    const { isResident, evictions } = await promise.finally(() =>
      signal.removeEventListener("abort", left),
    );
    this.#isResident = isResident;
    // Taken away in between: what is loaded now would not make it whole.
    if (isResident || evictions !== this.#evictions) throw new Ended();
  }
}

/** VR2. Undefined where cold does not hold it whole. */
function wholeDocument(known: Known, parts: readonly ColdObject[]): HotDocument | undefined {
  const { documentId, version, chunkCount } = known;
  const sorted = parts.toSorted((one, other) => one.chunk - other.chunk);
  const [first] = sorted;
  const isWhole = sorted.length === chunkCount && sorted.every(({ chunk }, at) => chunk === at);
  if (first === undefined || !isWhole) return undefined;
  const chunks = sorted.map(({ text, heading, range, vector, sparse }) => ({
    ...{ text, vector },
    ...(sparse === undefined ? {} : { sparse }),
    ...(heading === undefined ? {} : { heading }),
    ...(range === undefined ? {} : { range }),
  }));
  return { documentId, version, position: noPosition, info: first.info, chunks };
}

/** So many documents that their objects are about a page. */
function groupsOf(entries: readonly Known[]): readonly (readonly Known[])[] {
  const groups: Known[][] = [];
  let objects = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    if (entry.chunkCount < 1) continue;
    if (objects + entry.chunkCount > limits.loadPageObjects) {
      groups.push([]);
      objects = 0;
    }
    groups.at(-1)?.push(entry);
    objects += entry.chunkCount;
  }
  return groups;
}

/** About what it will take in hot: text, vector and code, postings and bookkeeping. */
function bytesOf({ chunks }: HotDocument): number {
  return chunks.reduce(
    (sum, { text, vector }) => sum + 4 * text.length + 1.5 * vector.byteLength + 512,
    0,
  );
}
