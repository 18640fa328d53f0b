/**
 * The log in memory: the whole port with the semantics of the NATS adapter, for tests and for
 * following a document step by step. Every method answers as the server would, including its
 * refusals.
 *
 * Owns: all data of one log. Several nodes may share one instance, as they share one server.
 * Never: survives its process, or waits for anything but its clock and its own writers.
 *
 *   ML1  sequences of a stream start at incarnation x 2^40 + 1 and rise by one a message, also
 *        after a purge;
 *   ML2  no method answers before a microtask has passed: callers cannot rely on a synchronous
 *        answer;
 *   ML3  while `setAvailable(false)` holds, every method fails with log_unavailable, as a server
 *        that is away.
 */

import { FreshetError } from "../../contract/errors.ts";
import type { DocumentEvent } from "../../contract/events.ts";
import { incarnationSpan, type TenantId, tenantOf, type Version } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { ModelProbe } from "../../contract/model-probe.ts";
import type { RedactionSecret } from "../../contract/redaction-secret.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import type { ChainCheck } from "../chain.ts";
import type { PayloadVault } from "../payload-port.ts";
import type { ChunksRange, EventSink, Log, StoredOperation } from "../port.ts";
import type { PrivacyStore } from "../privacy-port.ts";
import { Quarantine } from "../quarantine.ts";
import type { WireHeaders } from "../wire/record.ts";
import { MemoryAttempts } from "./attempts.ts";
import { Availability } from "./availability.ts";
import { MemoryChunks } from "./chunks.ts";
import { MemoryDeadLetters } from "./dead-letters.ts";
import { MemoryDocs } from "./docs.ts";
import { memoryErasure } from "./erasure.ts";
import { MemoryFeedback } from "./feedback.ts";
import { MemoryGenerations } from "./generations.ts";
import { MemoryLeases } from "./leases.ts";
import { MemoryLives } from "./lives.ts";
import { MemoryManifests } from "./manifests.ts";
import { MemoryPrivacy } from "./privacy.ts";
import { MemoryTokens } from "./tokens.ts";

export interface PublishedEvent {
  readonly tenant: TenantId;
  readonly event: DocumentEvent;
}

/** What only a test may do. */
export interface MemoryLogHooks {
  /** Every event that was published, oldest first. */
  readonly published: readonly PublishedEvent[];
  /** Returns the function that ends the subscription. */
  onEvent(listener: (published: PublishedEvent) => void): () => void;
  /** Stores an operation under an unchecked tenant token, as a plain NATS client can. */
  publishRaw(
    tenant: string,
    payload: Uint8Array,
    marks?: string | Pick<StoredOperation, "messageId" | "sealed">,
  ): StoredOperation;
  /**
   * Stores a foreign message or a damaged record, as any client that may publish to a tenant's
   * subject in CHUNKS can.
   */
  putForeignRecord(tenant: TenantId, headers: WireHeaders, body: Uint8Array): void;
  /** The same in the place of a tenant's manifest. */
  putForeignManifest(tenant: TenantId, payload: Uint8Array): void;
  /** The same in the place of an operation's dead letter. */
  putForeignLetter(tenant: string, version: Version): void;
  /** The next append is stored, but its acknowledgement is lost: the adapter reads back. */
  loseNextAppendAck(): void;
  /**
   * The next range read begins this many records too late, as a consumer whose start was purged.
   */
  readNextLate(records: number): void;
  setAvailable(available: boolean): void;
  /** While true, no dead letter is taken: their stream is full. */
  fillDeadLetters(isFull: boolean): void;
  /** Sets the server's clock forward, or back: leases expire so much sooner or later. */
  stepServerClock(ms: number): void;
  /**
   * Makes `checkIdentity` and DOCS readers fail, as after a stream was recreated; `restoreIdentity`
   * ends it.
   */
  breakIdentity(): void;
  restoreIdentity(): void;
}

export interface MemoryLogOptions {
  readonly partitions?: number | undefined;
  readonly clock?: Clock | undefined;
  /** Incarnation of both streams, from 1. */
  readonly incarnation?: number | undefined;
  readonly leaseMs?: number | undefined;
  readonly lettersPerTenantMax?: number | undefined;
  readonly deployment?: string | undefined;
  /**
   * Stands in for the chain check of range reads (L3): how a test plants one that checks nothing.
   */
  readonly createChain?: ((range: ChunksRange) => ChainCheck) | undefined;
  /** As on NATS; undefined: every payload stays what it is. */
  readonly vault?: ((store: PrivacyStore) => PayloadVault) | undefined;
}

export type MemoryLog = Log & { readonly hooks: MemoryLogHooks };

export function createMemoryLog(options: MemoryLogOptions = {}): MemoryLog {
  const clock = options.clock ?? systemClock;
  const partitions = options.partitions ?? 8;
  const base = (options.incarnation ?? 1) * incarnationSpan;
  const availability = new Availability();
  const quarantine = new Quarantine({ report: () => {} });
  const privacy = new MemoryPrivacy(availability);
  const vault = options.vault?.(privacy);
  const { createChain } = options;
  const stream = { clock, partitions, base, availability };
  const docs = new MemoryDocs(stream, vault);
  const chunks = new MemoryChunks({ ...stream, quarantine, createChain });
  const manifests = new MemoryManifests(availability, quarantine);
  const deadLetters = new MemoryDeadLetters({
    clock,
    availability,
    quarantine,
    perTenantMax: options.lettersPerTenantMax,
  });
  const { events, ...heard } = memoryEvents();
  const attempts = new MemoryAttempts(availability);
  const tokens = new MemoryTokens(availability);
  const feedback = new MemoryFeedback(availability, clock);
  const generations = new MemoryGenerations(availability);
  const leases = new MemoryLeases({ clock, base, availability, leaseMs: options.leaseMs });
  return {
    partitions,
    deployment: options.deployment ?? "0".repeat(16),
    documentTextBytesMax: limits.documentTextBytesMax,
    docs,
    chunks,
    manifests,
    leases,
    deadLetters,
    attempts,
    tokens,
    feedback,
    lives: new MemoryLives(availability),
    generations,
    privacy,
    erasure: memoryErasure({
      ...{ availability, docs, chunks, manifests, deadLetters, attempts, tokens, feedback },
      ...{ privacy, generations },
    }),
    events,
    async checkIdentity() {
      await availability.pass();
      availability.checkIdentity();
      const heads = { docs: docs.lastSeq, chunks: chunks.lastSeq };
      if (manifests.reachBeyond(heads)) {
        throw new FreshetError("log_identity", "a manifest lies beyond the end of the log");
      }
    },
    async usage() {
      await availability.pass();
      return [];
    },
    quarantined: () => quarantine.list(),
    async nowMs() {
      await availability.pass();
      return clock.nowMs();
    },
    ...memoryClaims(availability),
    close() {
      availability.close();
      return Promise.resolve();
    },
    hooks: { ...heard, ...hooksOf({ docs, chunks, manifests, deadLetters, leases, availability }) },
  };
}

/** What the first engine decides for all later ones. */
function memoryClaims(availability: Availability): Pick<Log, "claimModel" | "claimRedaction"> {
  let model: ModelProbe | undefined;
  let redaction: RedactionSecret | undefined;
  return {
    async claimModel(probe) {
      await availability.pass();
      model ??= { ...probe, vector: probe.vector.slice() };
      return { ...model, vector: model.vector.slice() };
    },
    async claimRedaction(secret) {
      await availability.pass();
      redaction ??= secret;
      return redaction;
    },
  };
}

interface Stores {
  readonly docs: MemoryDocs;
  readonly chunks: MemoryChunks;
  readonly manifests: MemoryManifests;
  readonly deadLetters: MemoryDeadLetters;
  readonly leases: MemoryLeases;
  readonly availability: Availability;
}

function hooksOf(stores: Stores): Omit<MemoryLogHooks, "published" | "onEvent"> {
  const { docs, chunks, manifests, deadLetters, leases, availability } = stores;
  return {
    publishRaw: (tenant, payload, marks) =>
      docs.store(tenant, payload, typeof marks === "string" ? { messageId: marks } : marks),
    putForeignRecord: (tenant, headers, body) => chunks.putForeign(tenant, headers, body),
    putForeignManifest: (tenant, payload) => manifests.putForeign(tenant, payload),
    putForeignLetter: (tenant, version) => deadLetters.putForeign(tenant, version),
    loseNextAppendAck: () => chunks.loseNextAck(),
    readNextLate: (records) => chunks.readNextLate(records),
    setAvailable: (available) => availability.setAvailable(available),
    fillDeadLetters: (isFull) => {
      deadLetters.isFull = isFull;
    },
    stepServerClock: (ms) => leases.stepClock(ms),
    breakIdentity: () => availability.setIdentity(false),
    restoreIdentity: () => availability.setIdentity(true),
  };
}

function memoryEvents(): Pick<MemoryLogHooks, "published" | "onEvent"> & {
  readonly events: EventSink;
} {
  const published: PublishedEvent[] = [];
  const listeners = new Set<(published: PublishedEvent) => void>();
  return {
    published,
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    events: {
      publish(name, event) {
        const tenant = tenantOf(name);
        published.push({ tenant, event });
        for (const listener of listeners) listener({ tenant, event });
      },
      listen(tenant, onEvent) {
        const listener = (heard: PublishedEvent): void => {
          if (heard.tenant === tenant) onEvent(heard.event.seq);
        };
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  };
}
