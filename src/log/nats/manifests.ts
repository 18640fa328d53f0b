/**
 * Manifests and pieces of heads on JetStream.
 *
 *   NM1  a message that is no manifest does not count: the newest one before it does, as long as
 *        the stream has it, and a commit is conditional on the newest message of all;
 *   NM2  a tenant whose manifests are all gone begins at the start of its chain: the chain check
 *        tells whether CHUNKS still has that. A manifest that cannot be read stops its tenant.
 */

import { isDeepStrictEqual } from "node:util";
import { digestOf } from "../../contract/digest.ts";
import { FreshetError } from "../../contract/errors.ts";
import { isStoredName, type TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { emptyManifest, type HeadsPiece, type Manifest } from "../../contract/manifest.ts";
import type { ManifestStore, PiecesSweep, StoredManifest } from "../port.ts";
import { decodeManifest, encodeManifest, unreadableManifest } from "../wire/manifest.ts";
import {
  manifestSubject,
  manifestsFilter,
  pieceSubject,
  piecesFilter,
  tenantIn,
} from "../wire/subjects.ts";
import { headerReader, type NatsContext, newestMessage } from "./connection.ts";
import { logError } from "./errors.ts";
import { type NewestOf, newestReadable } from "./newest.ts";
import { publishIfLastUntilKnown, publishPlain } from "./publish.ts";
import { type PullRequest, pullMessages } from "./pull.ts";
import { retryReads } from "./retry.ts";
import { streamNames, subjectsOf } from "./streams.ts";
import type { VerifiedStream } from "./verified-stream.ts";

type Digest = HeadsPiece["digest"];
type WatchedManifest = StoredManifest & { readonly tenant: TenantId };

const fullHeads =
  `the log is full: merges wait for room in the stream ${streamNames.heads} ` +
  "(ops/runbooks/disk-full.md)";

export class NatsManifests implements ManifestStore {
  readonly #context: NatsContext;
  readonly #stream: VerifiedStream;

  constructor(context: NatsContext, stream: VerifiedStream) {
    this.#context = context;
    this.#stream = stream;
  }

  async get(tenant: TenantId): Promise<StoredManifest | null> {
    const { value, tail } = await this.#newest(tenant);
    if (tail === 0) return null;
    return { manifest: value ?? emptyManifest, revision: tail };
  }

  async commit(
    tenant: TenantId,
    manifest: Manifest,
    expectedRevision: number,
  ): Promise<"committed" | "conflict"> {
    const message = { subject: manifestSubject(tenant), ...encodeManifest(manifest) };
    return publishIfLastUntilKnown<"committed" | "conflict">(this.#context, {
      message: { ...message, expectedLast: expectedRevision },
      stream: this.#stream,
      stored: () => "committed",
      readBack: async () => {
        const current = await this.get(tenant);
        if (isDeepStrictEqual(current?.manifest, manifest)) {
          return { kind: "known", result: "committed" };
        }
        if ((current?.revision ?? 0) === expectedRevision) return { kind: "open" };
        return { kind: "known", result: "conflict" };
      },
      silence: "a commit got no answer",
    });
  }

  async putPiece(tenant: TenantId, bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes);
    try {
      // Always anew, even if the same piece is there: its new sequence protects it from a sweep
      // that was paused and continues now (see sweepPieces).
      const subject = pieceSubject(tenant, digest);
      await publishPlain(this.#context, { subject, payload: bytes });
    } catch (thrown) {
      const error = logError(thrown);
      if (error.code !== "overloaded") throw error;
      // All tenants share it, and it is none of those that publishers fill: say which.
      throw new FreshetError("overloaded", fullHeads, { cause: thrown });
    }
    await this.getPiece(tenant, digest);
    return digest;
  }

  async getPiece(tenant: TenantId, digest: Digest): Promise<Uint8Array> {
    const message = await newestMessage(
      this.#context,
      streamNames.heads,
      pieceSubject(tenant, digest),
    );
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
      // A sweep may be late: newer merges may have committed, or be about to. So it removes only
      // what was written before its own merge, and nothing that the manifest of this moment names.
      const current = await this.get(tenant);
      const named = current?.manifest.pieces.map(({ digest }) => digest) ?? [];
      const kept = new Set([...keep, ...named].map((digest) => pieceSubject(tenant, digest)));
      const subjects = await subjectsOf(this.#context, streamNames.heads, piecesFilter(tenant));
      for (const filter of subjects.filter((subject) => !kept.has(subject))) {
        await jsm.streams.purge(streamNames.heads, { filter, seq: through + 1 });
      }
    } catch (thrown) {
      throw logError(thrown);
    }
  }

  async tenants(): Promise<TenantId[]> {
    const subjects = await subjectsOf(this.#context, streamNames.manifests, manifestsFilter);
    return subjects.map(tenantIn).filter(isStoredName);
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

  /** Every current manifest that was committed after a revision, once; 0 means every one. */
  async *committedSince(revision: number): AsyncGenerator<WatchedManifest> {
    const newest = await newestMessage(this.#context, streamNames.manifests, manifestsFilter);
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
      filter: manifestsFilter,
      start,
      until,
      page: limits.pullMax,
      signal,
    });
    for await (const { subject, data, seq, headers } of messages) {
      const tenant = tenantIn(subject);
      if (!isStoredName(tenant)) continue;
      const read = decodeManifest(data, headerReader(headers));
      if (read.kind === "manifest") {
        yield { tenant, manifest: read.manifest, revision: seq };
        continue;
      }
      const stream = streamNames.manifests;
      this.#context.quarantine.add({ stream, seq, subject, why: read.kind });
      // What lies before it was yielded already, unless only the newest message of each tenant was
      // asked for.
      if (start !== "newest-of-each") continue;
      const { value: manifest, tail: revision } = await this.#newestUnlessUnreadable(tenant);
      if (manifest !== null) yield { tenant, manifest, revision };
    }
  }

  /**
   * An unreadable manifest stops its tenant, whose owner asks for it; a reader of all tenants
   * continues.
   */
  async #newestUnlessUnreadable(tenant: TenantId): Promise<NewestOf<Manifest>> {
    try {
      return await this.#newest(tenant);
    } catch (thrown) {
      if (logError(thrown).code === "broken_chain") return { value: null, tail: 0 };
      throw thrown;
    }
  }

  #newest(tenant: TenantId): Promise<NewestOf<Manifest>> {
    const stream = streamNames.manifests;
    return newestReadable(this.#context, {
      ...{ stream, subject: manifestSubject(tenant) },
      read: ({ data, subject, seq, header }) => {
        const read = decodeManifest(data, header);
        if (read.kind === "manifest") return read.manifest;
        if (read.kind === "foreign") return undefined;
        this.#context.quarantine.add({ stream, seq, subject, why: "unreadable" });
        throw unreadableManifest(tenant, seq);
      },
    });
  }
}
