/**
 * What the rest of Freshet sees of its log (design.md, sections 1 and 2). The log is the truth: DOCS holds what
 * publishers sent, CHUNKS what became of it, manifests how far cold equals CHUNKS.
 *
 * Invariants that every adapter keeps and the conformance suite checks:
 *   L1  a publish that returned is stored and survives kill -9 (I1);
 *   L2  an append lands only directly behind the record it expects, whoever else writes (I6);
 *   L3  a range read is an unbroken chain or fails with broken_chain; it never silently starts later;
 *   L4  a manifest changes only by compare-and-set against the revision that was read;
 *   L5  streams of another incarnation, or with another partition count, are refused with log_identity;
 *   L6  the embedding model that was claimed first stays, whoever claims another at the same time or later;
 *   L7  what nobody of this log wrote is passed over and named (`quarantined`): no reader ends for one message. A record
 *       of a tenant's own chain that can not be read stops that tenant with broken_chain, and nobody else;
 *   L8  a read that ends says no less than the leader has: what a lagging copy does not know yet is not "nothing".
 */

import type { ErrorCode } from "../contract/errors.ts";
import type { DocumentEvent, PublishResult } from "../contract/events.ts";
import type { DocumentId, Epoch, Partition, Position, TenantId, Version } from "../contract/ids.ts";
import type { HeadsPiece, Manifest } from "../contract/manifest.ts";
import type { ModelProbe } from "../contract/model-probe.ts";
import type { QuarantinedRecord } from "../contract/quarantine.ts";
import type { ChunkRecord, PlacedRecord, RecordHeader } from "../contract/record.ts";

/** One message of DOCS, as a publisher sent it. */
export interface StoredOperation {
  /** The subject's token, unchecked: publishers choose it. */
  readonly tenant: string;
  readonly version: Version;
  /** Server time of the publish, unix milliseconds. */
  readonly atMs: number;
  readonly payload: Uint8Array;
  /** What the publisher sent as `Nats-Msg-Id`: within the tenant it names one operation, however often it is sent. */
  readonly messageId?: string | undefined;
  /** Set for the replay of a dead letter. */
  readonly replay?: Replay | undefined;
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
  /** Where its reject record lies: later records are behind it. */
  readonly after: Position;
}

export interface DocsLog {
  /**
   * Resolves when the log has fsynced the operation. Every publish is stored, also under a message id that was used:
   * ids are compared by the tenant's owner, within the tenant. A log that compared them would let one tenant's id
   * swallow another's document.
   * @throws FreshetError overloaded (stream full), document_too_large, log_unavailable (outcome unknown)
   */
  publish(message: {
    readonly tenant: TenantId;
    readonly payload: Uint8Array;
    readonly messageId?: string | undefined;
    readonly replay?: Replay | undefined;
  }): Promise<PublishResult>;
  /**
   * Operations of a partition from `from` on, in order and without end until the signal aborts.
   * Reconnects by itself. @throws FreshetError log_identity
   */
  read(options: {
    readonly partition: Partition;
    readonly from: Version;
    readonly signal: AbortSignal;
  }): AsyncIterable<StoredOperation>;
  /**
   * At most `max` operations of one tenant with a version above `after`, in order. Fewer than `max`, and than
   * `bytesMax` brings, are a proof: the log's leader had no more when it was asked, and it had every publish that
   * returned before (L8).
   * @throws FreshetError log_unavailable, also when what the leader has can not be read now
   */
  readTenant(options: {
    readonly tenant: TenantId;
    readonly after: Version;
    readonly max: number;
    /** The read ends behind the operation whose payload reaches this sum; one is returned at least. */
    readonly bytesMax?: number | undefined;
    /** Told how many operations there are above `after`, those that are returned among them. */
    readonly onCount?: ((operations: number) => void) | undefined;
  }): Promise<readonly StoredOperation[]>;
  /**
   * The message ids of the tenant's operations that were stored in the `windowMs` up to operation `to`, in order, `to`
   * among them; none when DOCS does not hold `to` any more, since then it holds nothing below either.
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
   * Version of the tenant's oldest operation above `after`, as the log's leader says; 0 when it has none. That it is
   * a certain one proves that nothing lies between, also if the answer is old: the log is a prefix of itself (L8).
   */
  nextVersion(above: { readonly tenant: TenantId; readonly after: Version }): Promise<Version>;
  /** Sequence of the stream's newest message, of whatever tenant: reading goes on behind it. */
  lastSequence(): Promise<Version>;
  /** Tenants (unchecked tokens) that have operations in the partition. */
  tenants(partition: Partition): Promise<readonly string[]>;
  /** The first sequence, of whatever tenant, that was stored at `atMs` or later; one past the end for none (L8). */
  firstSince(atMs: number): Promise<Version>;
  /** Removes the tenant's operations below a version for good, and says how many. @throws FreshetError log_identity */
  purge(below: { readonly tenant: TenantId; readonly below: Version }): Promise<number>;
}

export type AppendOutcome =
  | { readonly kind: "appended"; readonly position: Position }
  /** A higher epoch has written: this writer must stand down (I6). */
  | { readonly kind: "fenced"; readonly by: RecordHeader }
  /** Not what was expected, and no newer owner: reload the tail, then go on. */
  | { readonly kind: "behind"; readonly last: RecordHeader | null };

export interface ChunksLog {
  /**
   * The fenced append: lands only if `expectedLast` is the tenant's newest position. A lost ack is
   * resolved by reading back, so the outcome is never unknown.
   * @throws FreshetError log_unavailable when the log stays silent: then nothing may be assumed
   */
  append(record: ChunkRecord, expectedLast: Position): Promise<AppendOutcome>;
  /** The tenant's newest record, without its body. @throws FreshetError broken_chain (it can not be read) */
  last(tenant: TenantId): Promise<RecordHeader | null>;
  /** The tenant's oldest record that is still held: what is older was purged, so a range may begin at its `previous`. */
  first(tenant: TenantId): Promise<RecordHeader | null>;
  /**
   * The records in (`after`, `to`], in order, an unbroken chain that begins right behind `after`.
   * `to` must be a position of the tenant. @throws FreshetError broken_chain
   */
  read(range: ChunksRange): AsyncIterable<PlacedRecord>;
  /** The same without bodies: heads and plans need no vectors. */
  headers(range: ChunksRange): AsyncIterable<RecordHeader>;
  tenants(partition: Partition): Promise<readonly TenantId[]>;
  /** How many tenants have records in any partition; one that has nothing but foreign messages counts too. */
  tenantCount(): Promise<number>;
  /** The first position, of whatever tenant, that was stored at `atMs` or later; one past the end for none (L8). */
  firstSince(atMs: number): Promise<Position>;
  /**
   * Removes the tenant's records below a position for good, and says how many. The newest one stays, whatever is
   * asked: it carries the fence and the cursor. @throws FreshetError log_identity
   */
  purge(below: { readonly tenant: TenantId; readonly below: Position }): Promise<number>;
}

export interface ChunksRange {
  readonly tenant: TenantId;
  readonly after: Position;
  readonly to: Position;
  readonly signal?: AbortSignal | undefined;
  /** Told once, before the first record, how many the tenant has behind `after`. */
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
   * A tenant whose manifest was lost to a foreign message, and no older one is left, has an empty one with a revision.
   * @throws FreshetError broken_chain (it can not be read)
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
  /** Sequence of the newest piece, of whatever tenant: every piece that is put from now on lies above it. */
  lastPiece(): Promise<number>;
  /**
   * Removes pieces of the tenant that were put at or below `through`, are not in `keep` and not named by the manifest.
   * Called after a commit; failing is harmless. `through` is from before that commit's own pieces, so a sweep that
   * runs late never takes what a later merge has put and not committed yet.
   */
  sweepPieces(tenant: TenantId, sweep: PiecesSweep): Promise<void>;
  /** Every tenant that has a manifest. */
  tenants(): Promise<readonly TenantId[]>;
  /** Current manifests and every later commit, until the signal aborts. */
  watch(signal: AbortSignal): AsyncIterable<StoredManifest & { readonly tenant: TenantId }>;
}

/**
 * A partition lease: liveness only. Safety is the fenced append, and for answers the proof that the lease is still
 * the newest one (actors/partition/lease-proofs.ts).
 */
export interface Lease {
  readonly partition: Partition;
  /** Higher than that of every earlier holder. */
  readonly epoch: Epoch;
  /** Monotonic milliseconds until which this node may serve; counted from before the renewal was sent. */
  readonly validUntilMs: number;
}

/** Which start of a node this process is. A later one has a higher boot, whatever any clock says. */
export interface NodeStart {
  /** The node's name in the deployment. */
  readonly name: string;
  /** Revision of the first announcement of this process. */
  readonly boot: number;
}

export interface LeaseStore {
  /**
   * The lease, or null while another process holds it. It is taken from one that was not renewed for a lease time by
   * this store's own clock, and at once from an earlier start of the same node; never from a later one, so that two
   * processes under one name do not take it from each other for ever.
   */
  acquire(partition: Partition, node: string, start?: NodeStart): Promise<Lease | null>;
  /** A new validity, or null when the lease was lost. */
  renew(lease: Lease, node: string): Promise<Lease | null>;
  release(lease: Lease, node: string): Promise<void>;
  /** Who holds it now, for status and routing. */
  holder(partition: Partition): Promise<string | null>;
  /** The epoch under which it is held now, told by the leader of the log; null when nobody holds it. */
  epochOf(partition: Partition): Promise<Epoch | null>;
  /** Says that a node is there; resolves with the announcement's revision. The store forgets it a lease time later. */
  announce(name: string): Promise<number>;
  /** Takes an announcement back. A later one of the same name, by whatever process, stays. */
  withdraw(name: string, revision: number): Promise<void>;
  /** What everybody else needs to share the partitions, in one request. */
  snapshot(): Promise<LeaseSnapshot>;
}

export interface LeaseSnapshot {
  /** Names that were announced within a lease time, by the server's clock or by this store's own. */
  readonly nodes: readonly string[];
  /** Partitions whose lease somebody holds, and has renewed within that time. */
  readonly held: readonly Partition[];
}

/** Pointer, error class and counts; never document text (I10). */
export interface DeadLetter {
  readonly tenant: string;
  readonly version: Version;
  readonly documentId: DocumentId | null;
  readonly reason: ErrorCode;
  readonly message: string;
  readonly atMs: number;
  /** Of the reject record; undefined where there is none (no tenant), and in letters of before 0.2. */
  readonly position?: Position | undefined;
}

/**
 * Letters are a view, and nobody waits for one: the reject record in CHUNKS says what became of an operation. A store
 * that takes no letter now gets it later, from the record.
 */
export interface DeadLetterLog {
  /**
   * Idempotent by tenant and version, as long as the letter is kept: a second publish of the same is success.
   * @throws FreshetError overloaded (full), log_unavailable
   */
  publish(letter: DeadLetter): Promise<void>;
  /**
   * Of a tenant, or of a subject's token that is none: at most `max` with a version above `after`, in the order of
   * versions, whenever they were written.
   */
  list(tenant: string, max: number, after?: Version): Promise<readonly DeadLetter[]>;
  get(tenant: string, version: Version): Promise<DeadLetter | null>;
  /** Version of the letter that was written last; 0 for none. */
  last(tenant: string): Promise<Version>;
  /** Removes a tenant's oldest letters above its share of the store, and says how many. */
  trim(tenant: string): Promise<number>;
  /** Removes every letter that was written before a moment, and says how many. */
  purgeBefore(atMs: number): Promise<number>;
  owed(tenant: TenantId): Promise<OwedLetters>;
  /** Compare-and-set; false when another was noted meanwhile. Stored before it returns. */
  owe(tenant: TenantId, owed: OwedLetters): Promise<boolean>;
}

/** Letters of rejects that a merge went past without them. */
export interface OwedLetters {
  /** They are missing behind this record; null when none are. */
  readonly after: Position | null;
  /** Of the note, for compare-and-set; 0 for none yet. */
  readonly revision: number;
}

/** What a tenant's owners had in hand, so that operations which end their process are found. */
export interface Attempts {
  /** Version of the last operation that may have been in hand. */
  readonly upTo: Version;
  /** Owners in a row that began with these operations. */
  readonly lives: number;
  /** Of the newest of them. */
  readonly epoch: Epoch;
}

/** One entry a tenant; the last writer wins, because a wrong count costs time and never a document. */
export interface AttemptJournal {
  /** Null also when the entry can not be read: counting begins anew. */
  get(tenant: TenantId): Promise<Attempts | null>;
  /** Stored before it returns. @throws FreshetError log_unavailable, overloaded */
  put(tenant: TenantId, attempts: Attempts): Promise<void>;
}

/** What a stream holds and may hold, bytes. */
export interface StreamUsage {
  readonly stream: string;
  readonly bytes: number;
  readonly bytesMax: number;
}

/** Best-effort notices to whoever listens (core NATS). */
export interface EventSink {
  publish(tenant: TenantId, event: DocumentEvent): void;
}

export interface Log {
  readonly partitions: number;
  /**
   * Tells this log, and all that is built on it, from every other: 16 hexadecimal digits, fixed when the log is created.
   * Whoever works on a log for somebody else (merges, the cold shard) compares it first.
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
  readonly events: EventSink;
  /**
   * Refuses with log_identity when the streams are not the ones this deployment wrote (L5), or end before what this
   * process has seen of them. Whoever serves repeats it: a log can be replaced under its readers.
   */
  checkIdentity(): Promise<void>;
  usage(): Promise<readonly StreamUsage[]>;
  /** What this process met in the log and passed over, oldest first; the last so many. */
  quarantined(): readonly QuarantinedRecord[];
  /**
   * The time of the clock that stamps records, unix milliseconds: the ages of records are counted by it, because the
   * clock of whoever asks may be days off. @throws FreshetError log_unavailable
   */
  nowMs(): Promise<number>;
  /**
   * Stores what the caller's embedding model makes of a sentence if the log has no such record yet, and returns the
   * stored one: it is the caller's, or that of an earlier engine, bit by bit.
   * @throws FreshetError log_unavailable, log_identity (the record is damaged)
   */
  claimModel(probe: ModelProbe): Promise<ModelProbe>;
  close(): Promise<void>;
}
