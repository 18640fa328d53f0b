/** Manifests and pieces of heads on JetStream. */

import { isDeepStrictEqual } from "node:util";
import { FreshetError } from "../contract/errors.ts";
import { isTenantId, type TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { type HeadsPiece, type Manifest, manifestSchema } from "../contract/manifest.ts";
import { digestOf } from "./digest.ts";
import {
  type NatsContext,
  newestMessage,
  publishGuarded,
  publishPlain,
} from "./nats-connection.ts";
import { logError } from "./nats-errors.ts";
import { type PullRequest, pullMessages } from "./nats-pull.ts";
import { retryReads } from "./nats-retry.ts";
import type { GuardedStream } from "./nats-stream-guard.ts";
import { manifestSubjects, streamNames } from "./nats-streams.ts";
import { subjectsOf } from "./nats-subjects.ts";
import type { ManifestStore, PiecesSweep, StoredManifest } from "./port.ts";
import { pieceOf, piecesOf } from "./subjects.ts";

type Digest = HeadsPiece["digest"];
type WatchedManifest = StoredManifest & { readonly tenant: TenantId };

const prefix = `${manifestSubjects}.tenant.`;
const subjectOf = (tenant: TenantId): string => `${prefix}${tenant}`;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export class NatsManifests implements ManifestStore {
  readonly #context: NatsContext;
  readonly #stream: GuardedStream;

  constructor(context: NatsContext, stream: GuardedStream) {
    this.#context = context;
    this.#stream = stream;
  }

  async get(tenant: TenantId): Promise<StoredManifest | null> {
    const message = await newestMessage(this.#context, streamNames.manifests, subjectOf(tenant));
    return message === null ? null : stored(message.data, message.seq);
  }

  async commit(
    tenant: TenantId,
    manifest: Manifest,
    expectedRevision: number,
  ): Promise<"committed" | "conflict"> {
    const payload = encoder.encode(JSON.stringify(manifest));
    for (let attempt = 1; attempt <= limits.appendAttemptsMax; attempt += 1) {
      const before = this.#stream.highest;
      const outcome = await publishGuarded(this.#context, {
        subject: subjectOf(tenant),
        payload,
        expectedLast: expectedRevision,
      });
      if (outcome.kind === "stored") {
        this.#stream.stored(outcome.ack.seq, before);
        return "committed";
      }
      const current = await this.get(tenant);
      if (isDeepStrictEqual(current?.manifest, manifest)) return "committed";
      if ((current?.revision ?? 0) !== expectedRevision) return "conflict";
      await this.#context.clock.sleep(limits.readRetryMinMs * attempt);
    }
    throw new FreshetError("log_unavailable", "a commit got no answer");
  }

  async putPiece(tenant: TenantId, bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes);
    try {
      // Always anew, even if the same piece is there: its new sequence protects it from a sweep that
      // was paused and goes on now (see sweepPieces).
      const subject = pieceOf(tenant, digest);
      await publishPlain(this.#context, { subject, payload: bytes });
    } catch (thrown) {
      throw logError(thrown);
    }
    await this.getPiece(tenant, digest);
    return digest;
  }

  async getPiece(tenant: TenantId, digest: Digest): Promise<Uint8Array> {
    const message = await newestMessage(this.#context, streamNames.heads, pieceOf(tenant, digest));
    if (message === null) throw new FreshetError("log_identity", "a piece of heads is missing");
    if (digestOf(message.data) !== digest) {
      throw new FreshetError("log_identity", "a piece of heads is damaged");
    }
    return message.data;
  }

  async lastPiece(): Promise<number> {
    try {
      const { state } = await this.#context.jsm.streams.info(streamNames.heads);
      return state.last_seq;
    } catch (thrown) {
      throw logError(thrown);
    }
  }

  async sweepPieces(tenant: TenantId, { keep, through }: PiecesSweep): Promise<void> {
    const { jsm } = this.#context;
    try {
      // A sweep may be late: newer merges may have committed, or be about to. So it removes only what was
      // written before its own merge, and nothing that the manifest of this moment names.
      const current = await this.get(tenant);
      const named = current?.manifest.pieces.map(({ digest }) => digest) ?? [];
      const kept = new Set([...keep, ...named].map((digest) => pieceOf(tenant, digest)));
      const subjects = await subjectsOf(this.#context, streamNames.heads, piecesOf(tenant));
      for (const filter of subjects.filter((subject) => !kept.has(subject))) {
        await jsm.streams.purge(streamNames.heads, { filter, seq: through + 1 });
      }
    } catch (thrown) {
      throw logError(thrown);
    }
  }

  async tenants(): Promise<TenantId[]> {
    const subjects = await subjectsOf(this.#context, streamNames.manifests, `${prefix}*`);
    return subjects.map((subject) => subject.slice(prefix.length)).filter(isTenantId);
  }

  async *watch(signal: AbortSignal): AsyncGenerator<WatchedManifest> {
    let start: PullRequest["start"] = "newest-of-each";
    const once = async function* (this: NatsManifests): AsyncGenerator<WatchedManifest> {
      for await (const found of this.#from(start, "aborted", signal)) {
        start = found.revision + 1;
        yield found;
      }
    }.bind(this);
    yield* retryReads(this.#context, signal, once);
  }

  /** Every current manifest that was committed behind a revision, once; 0 means every one. */
  async *committedSince(revision: number): AsyncGenerator<WatchedManifest> {
    const newest = await newestMessage(this.#context, streamNames.manifests, `${prefix}*`);
    if (newest === null || newest.seq <= revision) return;
    const start = revision === 0 ? "newest-of-each" : revision + 1;
    yield* this.#from(start, { through: newest.seq });
  }

  async *#from(
    start: PullRequest["start"],
    until: PullRequest["until"],
    signal?: AbortSignal,
  ): AsyncGenerator<WatchedManifest> {
    const messages = pullMessages(this.#context, {
      stream: streamNames.manifests,
      filter: `${prefix}*`,
      start,
      until,
      page: limits.pullMax,
      signal,
    });
    for await (const { subject, data, seq } of messages) {
      const tenant = subject.slice(prefix.length);
      if (isTenantId(tenant)) yield { tenant, ...stored(data, seq) };
    }
  }
}

function stored(data: Uint8Array, revision: number): StoredManifest {
  const parsed = manifestSchema.safeParse(JSON.parse(decoder.decode(data)));
  if (parsed.success) return { manifest: parsed.data, revision };
  throw new FreshetError("internal", "a manifest is malformed", { cause: parsed.error });
}
