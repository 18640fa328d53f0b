/**
 * A tenant writer between a memory log and mailboxes that the test plays: reader, embedder, view.
 */

import { type NodeBytes, nodeBytes, TenantBytes } from "../../actors/directory/bytes.ts";
import { noProgress } from "../../actors/directory/directory.ts";
import { TenantRoute } from "../../actors/directory/route.ts";
import type {
  EmbedderMessage,
  EmbedRequest,
  MergeTriggerMessage,
  TenantViewMessage,
  TenantWriterMessage,
} from "../../actors/messages.ts";
import { tenantWriterActor } from "../../actors/tenant-writer/writer.ts";
import { toFreshetError } from "../../src/contract/errors.ts";
import type { Epoch, TenantId, Version } from "../../src/contract/ids.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import type { Outcome } from "../../src/contract/outcome.ts";
import type { Quota } from "../../src/contract/quota.ts";
import type { PlacedRecord, RecordHeader } from "../../src/contract/record.ts";
import type { SparseVector } from "../../src/contract/sparse.ts";
import type { Isolation } from "../../src/ingest/isolation/port.ts";
import { processOperation } from "../../src/ingest/pipeline.ts";
import { inlinePreparation } from "../../src/ingest/preparation/inline.ts";
import type { Preparation } from "../../src/ingest/preparation/port.ts";
import type { Preparer } from "../../src/ingest/preparer.ts";
import { createMemoryLog, type MemoryLog } from "../../src/log/memory/log.ts";
import type { StoredOperation } from "../../src/log/port.ts";
import { FairShares } from "../../src/runtime/fair-shares.ts";
import { BoundedMailbox } from "../../src/runtime/mailbox.ts";
import { createManualClock, type ManualClock } from "../support/manual-clock.ts";
import { quotasForAll } from "../support/quotas.ts";
import { acme, axis, quiet, startActor, until } from "./kit.ts";

export interface TenantSetUp {
  readonly log?: MemoryLog;
  readonly clock?: ManualClock;
  readonly epoch?: number;
  readonly queueMax?: number;
  readonly inFlightMax?: number;
  readonly attemptsMax?: number;
  readonly lettersMax?: number;
  /** Embeds at once what it is asked; otherwise requests wait in `asked`. */
  readonly embeds?: boolean;
  /** What isolation makes of a payload; without it the payload is a document of one chunk. */
  readonly isolated?: (payload: Uint8Array, signal: AbortSignal) => Promise<Outcome>;
  readonly reembedsIsolated?: boolean;
  readonly prepare?: Preparer;
  readonly preparation?: Pick<Preparation, "prepare">;
  readonly bytes?: NodeBytes;
  readonly quota?: Quota;
  /** What the encoder of the sparse signal makes of a text; without it that signal is off. */
  readonly sparse?: (text: string) => Promise<SparseVector>;
  /** What the tenant holds, by which its quota of chunks is judged; read at each document. */
  readonly heldChunks?: () => number;
}

function writerQuotas({ quota = {}, heldChunks = () => 0 }: TenantSetUp, clock: ManualClock) {
  const quotas = quotasForAll(() => quota, { clock });
  return {
    takeIn: quotas.takeIn.bind(quotas),
    limitsPublishing: quotas.limitsPublishing.bind(quotas),
    refusalOfLogged: (tenant: TenantId) =>
      quotas.refusalOfMore(tenant, { chunks: heldChunks(), hotBytes: 0 }),
  };
}

/** `boom` cannot be prepared, `blank` has nothing to index; anything else is one chunk. */
const prepareOne: Preparer = ({ text }) => {
  if (text === "boom") throw new Error("this document breaks the preparer");
  const range = [0, text.length] as const;
  const chunk = { text, heading: undefined, range, tokens: new Int32Array(4) };
  return { info: {}, chunks: text === "blank" ? [] : [chunk], redactor: "none" };
};

/** A tenant writer that has recovered and is on the shared reader. */
export async function startTenant(options: TenantSetUp = {}) {
  const tenant = recoveringTenant(options);
  await until(() => !tenant.route.isBehind, "the recovery");
  return tenant;
}

/** A tenant writer whose first life has just begun. */
export function recoveringTenant(options: TenantSetUp = {}) {
  const clock = options.clock ?? createManualClock();
  const log = options.log ?? createMemoryLog({ clock, partitions: 1 });
  const prepare = options.prepare ?? prepareOne;
  const preparation =
    options.preparation ??
    inlinePreparation({ preparerOf: () => prepare, clock, metrics: silentMetrics });
  const embedder = new BoundedMailbox<EmbedderMessage>(1_000);
  const view = new BoundedMailbox<TenantViewMessage>(10_000);
  const mergeTrigger = new BoundedMailbox<MergeTriggerMessage>(100);
  const fenced: number[] = [];
  const isolated: string[] = [];
  const isolation: Pick<Isolation, "process"> = {
    process(payload, signal) {
      const text = new TextDecoder().decode(payload);
      isolated.push((JSON.parse(text) as { id: string }).id);
      return options.isolated?.(payload, signal) ?? isolatedOutcome(payload);
    },
  };
  const hot = { full: false };
  const progress = noProgress();
  const mailbox = new BoundedMailbox<TenantWriterMessage>(options.queueMax ?? 1_000);
  const bytes = new TenantBytes(acme, options.bytes ?? nodeBytes(), log.documentTextBytesMax);
  const route = new TenantRoute(mailbox, bytes);
  const started = startActor<TenantWriterMessage>(
    tenantWriterActor({
      tenant: acme,
      epoch: (options.epoch ?? 1) as Epoch,
      preparation,
      ...{ log, model: "hand", embedder, isolation, view, mergeTrigger },
      sparse: options.sparse && sparseEncoder(options.sparse),
      route,
      progress,
      recoveries: new FairShares({ total: 1 }),
      hot: { isFull: () => hot.full, tenantsToMerge: () => [acme] },
      quotas: writerQuotas(options, clock),
      reembedsIsolated: options.reembedsIsolated ?? false,
      beginsAt: () => 0 as Version,
      partition: { put: async ({ epoch }) => fenced.push(epoch) > 0 },
      limits: {
        inFlightMax: options.inFlightMax ?? 64,
        attemptsMax: options.attemptsMax ?? 3,
        pullMax: 4,
        duplicateWindowMs: 120_000,
        messageIdsPerTenantMax: 100,
        deadLettersWaitingMax: options.lettersMax ?? 100,
        deadLetterRetryMaxMs: 2_000,
        backoff: { backoffMinMs: 10, backoffMaxMs: 1_000 },
      },
      metrics: silentMetrics,
      logger: silentLogger,
    }),
    { clock, mailbox, name: "tenant" },
  );
  const asked: EmbedRequest[] = [];
  const embedded: string[] = [];
  if (options.embeds !== false) void embedAll(embedder, embedded);
  else void collect(embedder, asked);
  return {
    ...{ clock, log, route, view, mergeTrigger, fenced, hot, progress, asked, embedded, isolated },
    ...started,
    /** As the partition's reader does it (T4). */
    offer: (operation: StoredOperation): void => route.offer(operation),
  };
}

/** Prepared and embedded, as if nothing were wrong with it. */
function isolatedOutcome(payload: Uint8Array): Promise<Outcome> {
  return processOperation(payload, {
    documentTextBytesMax: 1_000_000,
    prepare: prepareOne,
    embed: async (inputs) => inputs.map((_, index) => axis(index)),
    named: () => {},
  });
}

async function embedAll(
  embedder: BoundedMailbox<EmbedderMessage>,
  embedded: string[],
): Promise<void> {
  for (let next = await embedder.take(); next !== undefined; next = await embedder.take()) {
    embedded.push(...next.inputs.map(({ text }) => text));
    answer(next);
  }
}

function sparseEncoder(sparse: (text: string) => Promise<SparseVector>) {
  return {
    async put({ inputs, reply }: EmbedRequest<SparseVector>): Promise<boolean> {
      const made = Promise.all(inputs.map(({ text }) => sparse(text)));
      void made.then(reply.resolve, (thrown: unknown) => reply.reject(toFreshetError(thrown)));
      return true;
    },
  };
}

async function collect(
  embedder: BoundedMailbox<EmbedderMessage>,
  asked: EmbedRequest[],
): Promise<void> {
  for (let next = await embedder.take(); next !== undefined; next = await embedder.take()) {
    asked.push(next);
  }
}

export function answer(request: EmbedRequest | undefined): void {
  request?.reply.resolve(request.inputs.map((_, index) => axis(index)));
}

export function publish(log: MemoryLog, body: unknown, messageId?: string): StoredOperation {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return log.hooks.publishRaw(acme, new TextEncoder().encode(text), messageId);
}

/** Every record of the tenant, oldest first. */
export async function records(log: MemoryLog): Promise<PlacedRecord[]> {
  const last = await log.chunks.last(acme);
  const all: PlacedRecord[] = [];
  if (last === null) return all;
  const range = { tenant: acme, after: 0 as RecordHeader["position"], to: last.position };
  for await (const record of log.chunks.read(range)) all.push(record);
  return all;
}

/** `kind version`, fences left out. */
export async function operations(log: MemoryLog): Promise<string[]> {
  const all = await records(log);
  return all
    .filter(({ kind }) => kind !== "fence")
    .map(({ kind, version }) => `${kind} ${version}`);
}

/** Waits until the tenant's last record answers `version`. */
export async function committed(log: MemoryLog, version: number): Promise<void> {
  for (let turn = 0; turn < 2_000; turn += 1) {
    if ((await log.chunks.last(acme))?.version === version) return quiet(5);
    await quiet(1);
  }
  throw new Error(`version ${version} was never committed`);
}
