/**
 * The memory log with an owner behind it that makes records of operations in order, as a tenant
 * writer does, but for vectors: repetitions are told by their message ids, and each outcome is an
 * event. A merge moves the heads into a manifest and purges what it covers.
 */

import type { IngestLog } from "../../src/cli/ingest/feed.ts";
import { parseOperation } from "../../src/contract/document.ts";
import type { DocumentEvent } from "../../src/contract/events.ts";
import type { DocumentId, Epoch, Position, TenantId, Version } from "../../src/contract/ids.ts";
import { emptyManifest } from "../../src/contract/manifest.ts";
import type { ChunkRecord } from "../../src/contract/record.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import { Heads } from "../../src/heads/heads.ts";
import { encodePieces } from "../../src/heads/pieces.ts";
import { createMemoryLog, type MemoryLog } from "../../src/log/memory/log.ts";
import type { StoredOperation } from "../../src/log/port.ts";

type Publish = IngestLog["docs"]["publish"];

const epoch = 1 as Epoch;

export class LogEngine {
  readonly memory: MemoryLog;
  readonly #tenant: TenantId;
  #cursor = 0 as Version;
  #last = 0 as Position;
  #working: Promise<void> = Promise.resolve();
  readonly #messageIds = new Map<string, Version>();
  readonly #texts = new Map<string, string>();
  /** Stands in the way of each publish. */
  onPublish: (publish: () => ReturnType<Publish>) => ReturnType<Publish> = (publish) => publish();
  /** Ids that are refused. */
  refuses: (id: string) => boolean = () => false;

  constructor(tenant: TenantId, memory: MemoryLog = createMemoryLog()) {
    this.#tenant = tenant;
    this.memory = memory;
  }

  get log(): IngestLog {
    const { memory } = this;
    return {
      documentTextBytesMax: memory.documentTextBytesMax,
      deployment: memory.deployment,
      chunks: memory.chunks,
      manifests: memory.manifests,
      docs: {
        lastSequence: () => memory.docs.lastSequence(),
        readTenant: (options) => memory.docs.readTenant(options),
        open: (operation) => memory.docs.open(operation),
        publish: (message) =>
          this.onPublish(async () => {
            const receipt = await memory.docs.publish(message);
            void this.process();
            return receipt;
          }),
      },
      events: {
        subscribe: async (tenant, onEvent) =>
          memory.hooks.onEvent((published) => {
            if (published.tenant === tenant) onEvent(published.event);
          }),
      },
    };
  }

  /** What a question would find: id → text. */
  async texts(): Promise<ReadonlyMap<string, string>> {
    await this.process();
    return this.#texts;
  }

  /** As the engine lists them. */
  async *listed(): AsyncGenerator<DocumentId> {
    for (const id of (await this.texts()).keys()) yield id as DocumentId;
  }

  /** As another publisher. */
  async publish(operation: object): Promise<void> {
    const payload = Buffer.from(JSON.stringify(operation));
    await this.memory.docs.publish({ tenant: this.#tenant, payload });
    await this.process();
  }

  /** Everything that is published until now. */
  process(): Promise<void> {
    this.#working = this.#working.then(() => this.#processAll());
    return this.#working;
  }

  /** Commits the heads and forgets the records below. */
  async merge(): Promise<void> {
    await this.process();
    const tenant = this.#tenant;
    const { chunks, manifests } = this.memory;
    const last = await chunks.last(tenant);
    if (last === null) return;
    const stored = await manifests.get(tenant);
    const heads = new Heads(
      [...this.#versions].map(([id, version]) => [fingerprintOf(tenant, id as never), version]),
    );
    const pieces = [];
    for (const bytes of encodePieces(heads, 1_000)) {
      const digest = await manifests.putPiece(tenant, bytes);
      pieces.push({ digest, entries: bytes.length / 24 });
    }
    const { position: to, version } = last;
    const manifest = { ...emptyManifest, to, version, incarnation: 1, pieces };
    await manifests.commit(tenant, manifest, stored?.revision ?? 0);
    await chunks.purge({ tenant, below: to });
  }

  readonly #versions = new Map<string, Version>();

  async #processAll(): Promise<void> {
    const tenant = this.#tenant;
    const page = await this.memory.docs.readTenant({ tenant, after: this.#cursor, max: 100_000 });
    for (const operation of page) await this.#processOne(operation);
  }

  async #processOne(operation: StoredOperation): Promise<void> {
    const { version, messageId } = operation;
    const { record, event, apply } = this.#outcomeOf(operation);
    const outcome = await this.memory.chunks.append(record, this.#last);
    if (outcome.kind !== "appended") throw new Error("another writer");
    this.#last = outcome.position;
    apply();
    this.#cursor = version;
    if (messageId !== undefined) this.#messageIds.set(messageId, version);
    this.memory.events.publish(this.#tenant, { seq: version, ms: 1, ...event });
  }

  #outcomeOf({ version, payload, messageId = "" }: StoredOperation): {
    readonly record: ChunkRecord;
    readonly event: Pick<DocumentEvent, "id" | "status">;
    readonly apply: () => void;
  } {
    const base = { tenant: this.#tenant, version, epoch };
    const nothing = () => {};
    const of = this.#messageIds.get(messageId);
    if (of !== undefined) {
      const event = { id: null, status: "superseded" as const };
      return { record: { ...base, kind: "duplicate", of }, event, apply: nothing };
    }
    const parsed = parseOperation(payload, this.memory.documentTextBytesMax);
    const documentId = parsed.ok ? parsed.operation.id : null;
    if (!parsed.ok || this.refuses(parsed.operation.id)) {
      const why = { reason: "document_failed" as const, message: "refused" };
      const event = { id: documentId, status: "rejected" as const };
      return { record: { ...base, kind: "reject", documentId, ...why }, event, apply: nothing };
    }
    const { id } = parsed.operation;
    if (parsed.operation.op === "delete") {
      const apply = () => {
        this.#texts.delete(id);
        this.#versions.delete(id);
      };
      return {
        record: { ...base, kind: "delete", documentId: id },
        event: { id, status: "deleted" },
        apply,
      };
    }
    const { text } = parsed.operation;
    const body = { info: {}, chunks: [], model: "none", redactor: "none" };
    return {
      record: { ...base, kind: "upsert", documentId: id, chunkCount: 0, body },
      event: { id, status: "visible" },
      apply: () => {
        this.#texts.set(id, text);
        this.#versions.set(id, version);
      },
    };
  }
}
