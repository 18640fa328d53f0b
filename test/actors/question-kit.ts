/**
 * A question actor beside a real shard, with a cold shard, an embedder and a writer that follow a
 * script.
 */

import { nodeBytes, TenantBytes } from "../../actors/directory/bytes.ts";
import {
  Directory,
  noProgress,
  recoveringStatus,
  type TenantEntry,
} from "../../actors/directory/directory.ts";
import { KeptRows } from "../../actors/directory/kept-rows.ts";
import { TenantRoute } from "../../actors/directory/route.ts";
import type {
  EmbedderMessage,
  EmbedRequest,
  MergeTriggerMessage,
  QuestionMessage,
  TenantViewMessage,
  TenantWriterMessage,
} from "../../actors/messages.ts";
import { LeaseProofs } from "../../actors/partition/lease-proofs.ts";
import { AsOfSearches } from "../../actors/question/as-of.ts";
import { questionActor } from "../../actors/question/question.ts";
import type { Reranking } from "../../actors/question/ranking.ts";
import { SearchResults } from "../../actors/question/results.ts";
import { QuestionVectors } from "../../actors/question/vectors.ts";
import { tenantViewActor } from "../../actors/tenant-view/view.ts";
import { revisions } from "../../actors/topology/parts.ts";
import type { WriteRequest, Written } from "../../src/answer/port.ts";
import type { ColdMarker, ColdObject, ColdQuery, ColdShard } from "../../src/cold/port.ts";
import { accessOf } from "../../src/contract/access.ts";
import type { Candidate } from "../../src/contract/candidate.ts";
import { toFreshetError } from "../../src/contract/errors.ts";
import type { DocumentId, Epoch, Position, TenantId, Version } from "../../src/contract/ids.ts";
import { emptyManifest } from "../../src/contract/manifest.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { type Answer, type AnswerEvent, parseQuestion } from "../../src/contract/query.ts";
import type { Quota } from "../../src/contract/quota.ts";
import type { PlacedRecord } from "../../src/contract/record.ts";
import type { SparseVector } from "../../src/contract/sparse.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import { Heads } from "../../src/heads/heads.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import type { LeaseStore } from "../../src/log/lease-port.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { BoundedMailbox } from "../../src/runtime/mailbox.ts";
import type { ActorRef } from "../../src/runtime/system.ts";
import { createMemoryTokenizer } from "../../src/text/memory.ts";
import type { QuestionNamesLane } from "../../src/text/names.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { quotasForAll } from "../support/quotas.ts";
import { acme, answered, axis, createSystem, dimensions } from "./kit.ts";

export const graceMs = 100;
export const coldSearchMs = 500;
export const candidatesPerShard = 4;
export const pieceEveryMs = 10;
export const keptMs = 60_000;

type Search = (query: ColdQuery, call: number) => Promise<readonly Candidate[]>;

export interface QuestionSetUp {
  readonly search?: Search;
  /** Cold says that a filter hid too much. */
  readonly isCut?: true;
  /** Cold has no such tenant. */
  readonly isUnknown?: () => boolean;
  readonly marker?: () => Promise<ColdMarker | null>;
  readonly write?: (request: WriteRequest) => Promise<Written>;
  /** Answers embed requests; by default at once. */
  readonly embeds?: boolean;
  /** The tenant is in the directory from the start. */
  readonly served?: boolean;
  /** The generation that is asked is fed; by default it is. */
  readonly isFed?: () => boolean;
  /** What the log says about the lease; by default that it is this node's until `takeOver`. */
  readonly epochOf?: LeaseStore["epochOf"];
  /** Questions that are answered at once; by default one. */
  readonly actors?: number;
  /** The lane of names; off by default. */
  readonly names?: QuestionNamesLane;
  readonly reranking?: Reranking;
  readonly declines?: boolean;
  /** What cold says of its objects, by their ids. */
  readonly stored?: (ids: readonly string[]) => Promise<readonly ColdObject[]>;
  readonly quota?: Quota;
  /** What the encoder of the sparse signal makes of a text; without it that signal is off. */
  readonly sparse?: (text: string) => SparseVector | undefined;
}

const epoch = 1 as Epoch;

export const marked = (to: number): ColdMarker => ({ to: to as Position, version: to as Version });

export function startQuestions(options: QuestionSetUp = {}) {
  const clock = createManualClock();
  const log = createMemoryLog({ clock, partitions: 1 });
  const system = createSystem(clock);
  const directory = new Directory(1);
  const partition = directory.partitionOf(acme);
  Object.assign(partition, { state: "serving", epoch, validUntilMs: 1_000_000 });
  let newest: Epoch | null = epoch;
  const lost: Epoch[] = [];
  const proofs = new LeaseProofs({
    leases: {
      epochOf: () => (options.epochOf ?? (() => Promise.resolve(newest)))(partition.partition),
    },
    clock,
    ...{ askAgainMs: 100, patienceMs: 1_000 },
    onLost: (_partition, under) => lost.push(under),
  });
  const embedder = new BoundedMailbox<EmbedderMessage>(100);
  const embeds: EmbedRequest[] = [];
  const errors: string[] = [];
  const logger = { ...silentLogger, error: (_fields: object, what: string) => errors.push(what) };
  const searches: ColdQuery[] = [];
  let markerReads = 0;
  const writes: WriteRequest[] = [];
  void playEmbedder(embedder, embeds, options.embeds ?? true);
  const mergeTrigger = new BoundedMailbox<MergeTriggerMessage>(1);
  const mailbox = new BoundedMailbox<TenantViewMessage>(100);
  const writer = new BoundedMailbox<TenantWriterMessage>(1);
  const entry: TenantEntry = {
    tenant: acme,
    epoch,
    view: mailbox,
    route: new TenantRoute(writer, new TenantBytes(acme, nodeBytes(), 1_000)),
    progress: noProgress(),
    kept: new KeptRows(),
    status: recoveringStatus,
  };
  const view = system.spawnAt(mailbox, {
    name: "view",
    behaviour: tenantViewActor({
      tenant: acme,
      createHot: () => createExactHotShardFactory()({ dimensions }),
      nextRevision: revisions(),
      ...{ graceMs, markerEveryMs: 10_000, mergeSizeChunks: 1_000, metrics: silentMetrics },
      events: { publish: () => {} },
      mergeTrigger,
      writer,
      entry,
    }),
  });
  if (options.served !== false) partition.tenants.set(acme, entry);
  const cold = {
    async search(query: ColdQuery) {
      searches.push(query);
      const hits = (await options.search?.(query, searches.length)) ?? [];
      const isCut = options.isCut === true;
      return options.isUnknown?.() === true
        ? { hits: [], isCut, isUnknown: true as const }
        : { hits, isCut };
    },
    stored: (_tenant, ids) => options.stored?.(ids) ?? Promise.resolve([]),
    readMarker: () => {
      markerReads += 1;
      return options.marker?.() ?? Promise.resolve(marked(Number.MAX_SAFE_INTEGER));
    },
  } as Partial<ColdShard> as ColdShard;
  const kept = {
    ...{ bytesMax: 1_000_000, ownerBytesMax: 100_000, keptMs },
    now: () => clock.monotonicMs(),
  };
  const vectors = new QuestionVectors({
    ...{ embedder, kept, clock, metrics: silentMetrics, isOn: true },
    sparse: options.sparse && sparseEncoder(options.sparse),
    tokenizer: createMemoryTokenizer(),
    model: { fingerprint: "model", maxTokens: 64 },
  });
  const pool = system.spawnPool<QuestionMessage>(options.actors ?? 1, {
    name: "question",
    capacity: 10,
    behaviour: questionActor({
      ...{ directory, proofs, log, cold, metrics: silentMetrics, logger },
      vectorsOf: () => (options.isFed?.() === false ? undefined : vectors),
      asOf: new AsOfSearches({
        ...{ log, clock, replayWindowMs: 3_600_000 },
        createHot: () => createExactHotShardFactory()({ dimensions }),
      }),
      results: new SearchResults({ clock, kept, metrics: silentMetrics, isOn: true }),
      redactorOf: () => ({
        line: (text) => text.replaceAll("secret", "[redacted]"),
        name: (name) => name,
        value: (_, value) => value,
      }),
      names: options.names,
      reranking: options.reranking,
      declines: () => options.declines === true,
      quotas: quotasForAll(() => options.quota ?? {}, { clock }),
      writer: {
        standAlone: ({ question }) => Promise.resolve(question),
        write: (request) => {
          writes.push(request);
          return (
            options.write?.(request) ?? Promise.resolve({ answer: "it is so [1]", llm: "hand" })
          );
        },
      },
      limits: {
        ...{ candidatesPerShard, coldSearchMs },
        coldRefillRoundsMax: 2,
        coldRestartsMax: 2,
        pollMs: 10,
        redactionSliceChars: 2_000,
        replyMs: 50,
        pieceEveryMs,
      },
    }),
  });
  const actor = pool[0] as ActorRef<QuestionMessage>;
  const tell = (...messages: readonly TenantViewMessage[]) => {
    for (const message of messages) mailbox.tryPut(message);
  };
  return {
    ...{ clock, log, directory, partition, entry, embeds, searches, writes, actor, view, tell },
    ...{ markerReads: () => markerReads, mergeTrigger, lost, errors },
    /** Another node takes the lease; this one does not hear of it. */
    takeOver(): void {
      newest = 2 as Epoch;
    },
    /** The view is ready with this watermark and these heads. */
    load(watermark: number, heads: readonly (readonly [string, number])[] = []): void {
      tell({ type: "load", stored: storedAt(watermark, 1), heads: headsOf(heads) });
      tell({ type: "ready", visible: watermark as Version });
    },
    apply(...records: readonly PlacedRecord[]): void {
      tell(...records.map((record) => ({ type: "apply", record, publishedAtMs: 0 }) as const));
    },
    merge(to: number, revision: number): void {
      const stored = storedAt(to, revision);
      if (stored !== null) tell({ type: "manifest", stored });
    },
    ask(
      body: object = {},
      caller = new AbortController(),
      groups: readonly string[] | undefined = undefined,
    ) {
      const { reply, promise, answers } = answered<Answer>();
      const events: AnswerEvent[] = [];
      const question = parseQuestion({ query: "text", ...body });
      const onEvent = (event: AnswerEvent): void => void events.push(event);
      const { signal } = caller;
      const tenant: TenantId = acme;
      const access = accessOf(groups, "allow");
      const asked = { tenant, access, question, signal, onEvent, reply };
      actor.mailbox.tryPut({ type: "question", ...asked });
      return { promise, answers, events, caller };
    },
  };
}

function storedAt(to: number, revision: number) {
  if (to === 0) return null;
  const at = { to: to as Position, version: to as Version };
  return { revision, manifest: { ...emptyManifest, ...at } };
}

function headsOf(entries: readonly (readonly [string, number])[]): Heads {
  return new Heads(
    entries.map(([id, version]) => [fingerprintOf(acme, id as DocumentId), version as Version]),
  );
}

async function playEmbedder(
  mailbox: BoundedMailbox<EmbedderMessage>,
  embeds: EmbedRequest[],
  answers: boolean,
): Promise<void> {
  for (let next = await mailbox.take(); next !== undefined; next = await mailbox.take()) {
    embeds.push(next);
    if (answers) next.reply.resolve(next.inputs.map(() => axis(0)));
  }
}

/** Undefined stands for an encoder that does not answer. */
function sparseEncoder(sparse: (text: string) => SparseVector | undefined) {
  return {
    tryPut({ inputs, reply }: EmbedRequest<SparseVector>): boolean {
      try {
        const vectors = inputs.flatMap(({ text }) => sparse(text) ?? []);
        if (vectors.length === inputs.length) reply.resolve(vectors);
      } catch (thrown) {
        reply.reject(toFreshetError(thrown));
      }
      return true;
    },
  };
}

export function coldHit(id: string, version: number, chunk = 0): Candidate {
  return {
    shard: "cold",
    documentId: id as DocumentId,
    version: version as Version,
    chunk,
    text: `text of ${id}`,
    info: {},
    cosine: 0.5,
    lexical: { frequencies: [], length: 0 },
  };
}

export function namesOf({ sources }: Answer): string[] {
  return sources.map(({ id, version, shard }) => `${id}@${version} ${shard}`).sort();
}
