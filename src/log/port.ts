/**
 * What the rest of Freshet sees of its log (ARCHITECTURE.md: streams, protocol). The log is the
 * truth: DOCS holds what publishers sent, CHUNKS what became of it, manifests how far cold equals
 * CHUNKS.
 *
 * Invariants that every adapter keeps and the conformance suite checks:
 *   L1  a publish that returned is stored and survives kill -9 (I1);
 *   L2  an append lands only directly after the record it expects, whatever others write (I6);
 *   L3  a range read is an unbroken chain or fails with broken_chain; it never silently starts
 *       later;
 *   L4  a manifest changes only by compare-and-set against the revision that was read;
 *   L5  streams of another incarnation, or with another partition count, are refused with
 *       log_identity;
 *   L6  the embedding model that was claimed first stays, also when others are claimed at the same
 *       time or later, and so does the secret of redaction;
 *   L7  a message that this log did not write is passed over and named (`quarantined`): no reader
 *       ends for one message. A record of a tenant's own chain that cannot be read stops that
 *       tenant with broken_chain, and no other;
 *   L8  a read that ends says no less than the leader has: what a lagging copy does not know yet is
 *       not "nothing".
 */

import type { DocumentEvent, PublishResult } from "../contract/events.ts";
import type { Partition, Position, TenantId, Version } from "../contract/ids.ts";
import type { HeadsPiece, Manifest } from "../contract/manifest.ts";
import type { ModelProbe } from "../contract/model-probe.ts";
import type { QuarantinedRecord } from "../contract/quarantine.ts";
import type { TokenJournal } from "../contract/quota.ts";
import type { ChunkRecord, PlacedRecord, RecordHeader } from "../contract/record.ts";
import type { RedactionSecret } from "../contract/redaction-secret.ts";
import type { AttemptJournal, DeadLetterLog } from "./dead-letter-port.ts";
import type { Erasure } from "./erasure-port.ts";
import type { FeedbackLog } from "./feedback-port.ts";
import type { GenerationStore } from "./generation-port.ts";
import type { LeaseStore } from "./lease-port.ts";
import type { LifeStore } from "./life-port.ts";
import type { PrivacyStore } from "./privacy-port.ts";

/** One message of DOCS, as a publisher sent it. */
export interface StoredOperation {
  /** The subject's token, unchecked: publishers choose it. */
  readonly tenant: string;
  readonly version: Version;
  /** Server time of the publish, unix milliseconds. */
  readonly atMs: number;
  readonly payload: Uint8Array;
  /**
   * What the publisher sent as `Nats-Msg-Id`: within the tenant it names one operation, however
   * often it is sent.
   */
  readonly messageId?: string | undefined;
  /** Set for the replay of a dead letter. */
  readonly replay?: Replay | undefined;
  /** Format and key of a payload that is sealed; `open` makes it what was published. */
  readonly sealed?: string | undefined;
  /** The publisher's trace (W3C `traceparent`), which the operation's own continues. */
  readonly traceparent?: string | undefined;
}

/** The message id of an operation, as far as it is needed to know a repetition. */
export interface StoredMessageId {
  readonly version: Version;
  readonly atMs: number;
  readonly messageId: string;
}

/** Which rejected operation is published again; void if the document had a later operation (I3). */
export interface Replay {
  readonly of: Version;
  /** Where its reject record lies: later records lie after it. */
  readonly after: Position;
}

export interface DocsLog {
  /**
   * Resolves when the log has fsynced the operation. Every publish is stored, also under a message
   * id that was used: ids are compared by the tenant's owner, within the tenant. A log that
   * compared them would let one tenant's id swallow another's document.
   * @throws FreshetError overloaded (stream full), document_too_large, log_unavailable (outcome
   * unknown), payload_key_unavailable (it is to be sealed, and cannot be)
   */
  publish(message: {
    readonly tenant: TenantId;
    readonly payload: Uint8Array;
    readonly messageId?: string | undefined;
    readonly replay?: Replay | undefined;
    readonly traceparent?: string | undefined;
  }): Promise<PublishResult>;
  /**
   * The payload of an operation that was read, as it was published: where the tenant wants that,
   * DOCS holds it under a key of the tenant.
   * @throws FreshetError payload_key_unavailable, log_unavailable (passing); payload_unreadable,
   * payload_plain (they never pass)
   */
  open(operation: StoredOperation): Promise<Uint8Array>;
  /**
   * Operations of a partition from `from` on (inclusive), in order and without end until the signal
   * aborts.
   * Reconnects by itself. @throws FreshetError log_identity
   */
  read(options: {
    readonly partition: Partition;
    readonly from: Version;
    readonly signal: AbortSignal;
  }): AsyncIterable<StoredOperation>;
  /**
   * At most `max` operations of one tenant with a version above `after`, in order. Fewer than
   * `max`, and than `bytesMax` brings, are a proof: the log's leader had no more when it was asked,
   * and it had every publish that returned before (L8).
   * @throws FreshetError log_unavailable, also when what the leader has cannot be read now
   */
  readTenant(options: {
    readonly tenant: TenantId;
    readonly after: Version;
    readonly max: number;
    /**
     * The read ends with the operation whose payload reaches this sum; one is returned at least.
     */
    readonly bytesMax?: number | undefined;
    /**
     * Called with the number of operations above `after`, including those that are returned. For
     * progress: the copy of a cluster that is asked may not have the newest yet, and say less.
     */
    readonly onCount?: ((operations: number) => void) | undefined;
  }): Promise<readonly StoredOperation[]>;
  /**
   * The message ids of the tenant's operations that were stored in the `windowMs` up to operation
   * `to` (inclusive), in order; none when DOCS does not hold `to` any more, since then it holds
   * nothing below either.
   * @throws FreshetError log_unavailable, also when the read ended before `to`
   */
  messageIds(options: {
    readonly tenant: TenantId;
    readonly to: Version;
    readonly windowMs: number;
    readonly signal?: AbortSignal | undefined;
  }): AsyncIterable<StoredMessageId>;
  /** Version of the tenant's newest operation, as the log's leader says; 0 when it has none. */
  lastVersion(tenant: TenantId): Promise<Version>;
  /**
   * Version of the tenant's oldest operation above `after`, as the log's leader says; 0 when it has
   * none. A certain version proves that nothing lies between, also if the answer is old: an earlier
   * state of the log is a prefix of it (L8).
   */
  nextVersion(above: { readonly tenant: TenantId; readonly after: Version }): Promise<Version>;
  /** Sequence of the stream's newest message, of any tenant: reading continues after it. */
  lastSequence(): Promise<Version>;
  /** Tenants (unchecked tokens) that have operations in the partition. */
  tenants(partition: Partition): Promise<readonly string[]>;
  /** The newest operation of each of them, in one read. */
  newest(
    partition: Partition,
  ): AsyncIterable<{ readonly tenant: string; readonly version: Version }>;
  /**
   * The first sequence, of any tenant, that was stored at `atMs` (unix milliseconds) or later; one
   * past the end for none (L8).
   */
  firstSince(atMs: number): Promise<Version>;
  /**
   * Removes the tenant's operations below a version for good; how many.
   * @throws FreshetError log_identity
   */
  purge(below: { readonly tenant: TenantId; readonly below: Version }): Promise<number>;
}

export type AppendOutcome =
  | { readonly kind: "appended"; readonly position: Position }
  /** A higher epoch has written: this writer must stand down (I6). */
  | { readonly kind: "fenced"; readonly by: RecordHeader }
  /**
   * This writer lags: not the expected record, and no newer owner. Reload the tail, then continue.
   */
  | { readonly kind: "behind"; readonly last: RecordHeader | null };

export interface ChunksLog {
  /**
   * The fenced append: lands only if `expectedLast` is the tenant's newest position. A lost ack is
   * resolved by reading back, so the outcome is never unknown.
   * @throws FreshetError log_unavailable when the log stays silent: then nothing may be assumed
   */
  append(record: ChunkRecord, expectedLast: Position): Promise<AppendOutcome>;
  /**
   * The tenant's newest record, without its body.
   * @throws FreshetError broken_chain (unreadable)
   */
  last(tenant: TenantId): Promise<RecordHeader | null>;
  /**
   * The tenant's oldest record that is still held, at `from` or later: a range may begin at its
   * `previous`. Of the first one, what is older was purged.
   */
  first(tenant: TenantId, from?: Position): Promise<RecordHeader | null>;
  /**
   * The records in (`after`, `to`], in order, an unbroken chain that begins right after `after`.
   * `to` must be a position of the tenant. @throws FreshetError broken_chain
   */
  read(range: ChunksRange): AsyncIterable<PlacedRecord>;
  /** The same without bodies: heads and plans need no vectors. */
  headers(range: ChunksRange): AsyncIterable<RecordHeader>;
  tenants(partition: Partition): Promise<readonly TenantId[]>;
  /**
   * How many tenants have records in any partition; one with nothing but foreign messages counts.
   */
  tenantCount(): Promise<number>;
  /**
   * The first position, of any tenant, that was stored at `atMs` (unix milliseconds) or later; one
   * past the end for none (L8).
   */
  firstSince(atMs: number): Promise<Position>;
  /**
   * Removes the tenant's records below a position for good; how many. The newest one stays,
   * whatever is asked: it carries the fence and the cursor. @throws FreshetError log_identity
   */
  purge(below: { readonly tenant: TenantId; readonly below: Position }): Promise<number>;
}

export interface ChunksRange {
  readonly tenant: TenantId;
  readonly after: Position;
  readonly to: Position;
  readonly signal?: AbortSignal | undefined;
  /**
   * Called once, before the first record, with the number of those that the tenant has after
   * `after`. For progress: the copy of a cluster that is asked may say less.
   */
  readonly onCount?: ((records: number) => void) | undefined;
}

export interface StoredManifest {
  readonly manifest: Manifest;
  /** For compare-and-set; 0 stands for "none yet". */
  readonly revision: number;
}

export interface PiecesSweep {
  readonly keep: readonly HeadsPiece["digest"][];
  readonly through: number;
}

export interface ManifestStore {
  /**
   * A tenant whose manifest was lost to a foreign message, and no older one is left, has an empty
   * one with a revision. @throws FreshetError broken_chain (unreadable)
   */
  get(tenant: TenantId): Promise<StoredManifest | null>;
  /**
   * Compare-and-set. A manifest equal to mine found after a lost answer is success.
   * @throws FreshetError log_unavailable
   */
  commit(
    tenant: TenantId,
    manifest: Manifest,
    expectedRevision: number,
  ): Promise<"committed" | "conflict">;
  /** Immutable piece of heads; written and read back before it is named by a manifest. */
  putPiece(tenant: TenantId, bytes: Uint8Array): Promise<HeadsPiece["digest"]>;
  /** @throws FreshetError log_identity when the piece is missing or its digest differs */
  getPiece(tenant: TenantId, digest: HeadsPiece["digest"]): Promise<Uint8Array>;
  /**
   * Sequence of the newest piece, of any tenant: every piece that is put from now on lies above it.
   */
  lastPiece(): Promise<number>;
  /**
   * Removes pieces of the tenant that were put at or below `through`, are not in `keep` and not
   * named by the manifest. Called after a commit; failing is harmless. `through` is from before
   * that commit's own pieces, so a sweep that runs late never takes what a later merge has put and
   * not committed yet.
   */
  sweepPieces(tenant: TenantId, sweep: PiecesSweep): Promise<void>;
  /** Every tenant that has a manifest. */
  tenants(): Promise<readonly TenantId[]>;
  /** Current manifests and every later commit, until the signal aborts. */
  watch(signal: AbortSignal): AsyncIterable<StoredManifest & { readonly tenant: TenantId }>;
}

/** What a stream holds and may hold, bytes. */
export interface StreamUsage {
  readonly stream: string;
  readonly bytes: number;
  readonly bytesMax: number;
}

/** Best-effort notices to all who listen (core NATS). */
export interface EventSink {
  publish(tenant: TenantId, event: DocumentEvent): void;
  /**
   * Calls `onEvent` for the tenant's notices, of whichever node; some may be lost. Returns what
   * ends it.
   */
  listen(tenant: TenantId, onEvent: (seq: number) => void): () => void;
}

export interface Log {
  readonly partitions: number;
  /**
   * Tells this log, and all that is built on it, from every other: 16 hexadecimal digits, fixed
   * when the log is created. What works on a log from outside (merges, the cold shard) compares it
   * first.
   */
  readonly deployment: string;
  /** Largest document text that fits this server's payload limit, bytes. */
  readonly documentTextBytesMax: number;
  readonly docs: DocsLog;
  readonly chunks: ChunksLog;
  readonly manifests: ManifestStore;
  readonly leases: LeaseStore;
  readonly deadLetters: DeadLetterLog;
  readonly attempts: AttemptJournal;
  readonly tokens: TokenJournal;
  readonly lives: LifeStore;
  readonly generations: GenerationStore;
  readonly privacy: PrivacyStore;
  readonly erasure: Erasure;
  readonly feedback: FeedbackLog;
  readonly events: EventSink;
  /**
   * Refuses with log_identity when the streams are not the ones this deployment wrote (L5), or end
   * before what this process has seen of them. A process that serves repeats it: a log can be
   * replaced under its readers.
   */
  checkIdentity(): Promise<void>;
  usage(): Promise<readonly StreamUsage[]>;
  /** What this process met in the log and passed over, oldest first; the last so many. */
  quarantined(): readonly QuarantinedRecord[];
  /**
   * The time of the clock that stamps records, unix milliseconds: the ages of records are counted
   * by it, because the caller's clock may be days off. @throws FreshetError log_unavailable
   */
  nowMs(): Promise<number>;
  /**
   * Stores what the caller's embedding model makes of a sentence if the log has no such record yet,
   * and returns the stored one: it is the caller's, or that of an earlier engine, bit by bit.
   * @throws FreshetError log_unavailable, log_identity (the record is damaged)
   */
  claimModel(probe: ModelProbe): Promise<ModelProbe>;
  /**
   * The same for the secret of redaction: all engines of a deployment redact under one, and the
   * first engine's stays.
   * @throws FreshetError log_unavailable, log_identity (the record is damaged)
   */
  claimRedaction(secret: RedactionSecret): Promise<RedactionSecret>;
  close(): Promise<void>;
}
