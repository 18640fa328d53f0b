/**
 * Does the log still hold everything that later state was built on?
 *
 * Owns: what this process has seen of each stream, and how far manifests were compared with their
 * sources.
 * Never: repairs anything but the streams that nothing depends on (NI2).
 *
 *   NW1  each view names how far its source reached when it was built: manifests name CHUNKS and
 *        DOCS, the newest record of CHUNKS names DOCS and the leases. A source that ends earlier
 *        has lost its tail, and its next messages would re-use sequences that mean something else
 *        already;
 *   NW2  no view names a tail that has not been processed yet: for that, this process remembers
 *        what it saw, until it ends.
 */

import type { StreamInfo } from "nats";
import { limits } from "../../contract/limits.ts";
import type { QuarantineReason } from "../../contract/quarantine.ts";
import type { StreamUsage } from "../port.ts";
import type { LogIdentity } from "../wire/identity.ts";
import { isRecord, writerOf } from "../wire/record.ts";
import { headerReader, messageAt, type NatsContext } from "./connection.ts";
import { logError } from "./errors.ts";
import { checkLog, type Deployment } from "./identity.ts";
import { NatsManifests } from "./manifests.ts";
import {
  incarnationIn,
  lostTail,
  missingStream,
  partitionedSubject,
  refusedLog,
  streamInfo,
  streamNames,
  withoutMessageIds,
} from "./streams.ts";
import { VerifiedStream } from "./verified-stream.ts";

export class LogIntegrity {
  readonly docs: VerifiedStream;
  readonly chunks: VerifiedStream;
  readonly manifests: NatsManifests;
  readonly #context: NatsContext;
  readonly #deployment: Deployment;
  readonly #heads: VerifiedStream;
  readonly #manifestStream: VerifiedStream;
  #identity: LogIdentity;
  #leases: VerifiedStream;
  /**
   * Manifests up to this revision were compared: their sources only grow, so that holds for good.
   */
  #comparedTo = 0;

  private constructor(
    context: NatsContext,
    options: {
      readonly deployment: Deployment;
      readonly identity: LogIdentity;
      readonly manifests: VerifiedStream;
    },
  ) {
    const { identity } = options;
    this.#context = context;
    this.#deployment = options.deployment;
    this.#identity = identity;
    this.docs = new VerifiedStream(context, "docs", identity.incarnation);
    this.chunks = new VerifiedStream(context, "chunks", identity.incarnation);
    this.#heads = new VerifiedStream(context, "heads", identity.incarnation);
    this.#leases = new VerifiedStream(context, "leases", identity.leases);
    this.#manifestStream = options.manifests;
    this.manifests = new NatsManifests(context, options.manifests);
  }

  /** @throws FreshetError log_identity, log_unavailable */
  static async open(
    context: NatsContext,
    deployment: Deployment,
    identity: LogIdentity,
  ): Promise<LogIntegrity> {
    const info = await streamInfo(context, "manifests");
    if (info === null) throw missingStream(streamNames.manifests);
    // Its own: a start that ended before the record was written may have left it on an earlier day.
    const manifests = new VerifiedStream(context, "manifests", incarnationIn(info));
    return new LogIntegrity(context, { deployment, identity, manifests });
  }

  /** @throws FreshetError log_identity, log_unavailable */
  async check(): Promise<void> {
    const identity = await checkLog(this.#context, this.#deployment, this.#identity);
    if (identity.leases !== this.#identity.leases) {
      this.#leases = new VerifiedStream(this.#context, "leases", identity.leases);
    }
    this.#identity = identity;
    // Views before their sources: what is added meanwhile makes the sources longer, not shorter.
    const manifests = await this.#manifestStream.verify();
    const chunks = await this.chunks.verify();
    const newest = await newestWriter(this.#context, chunks.lastSeq);
    const docs = await this.docs.verify();
    const leases = await this.#leases.verify();
    await this.#heads.verify();
    checkTransform(docs.info, identity.partitions);
    await forgetMessageIds(this.#context, docs.info);
    if (newest !== null && newest.version > docs.lastSeq) throw lostTail(this.docs.name);
    // Epochs below those in CHUNKS would be fenced for ever.
    if (newest !== null && newest.epoch > leases.lastSeq) throw lostTail(streamNames.leases);
    await this.#compareManifests({ docs: docs.lastSeq, chunks: chunks.lastSeq });
    this.#comparedTo = manifests.lastSeq;
  }

  /** What each stream holds and may hold. @throws FreshetError log_unavailable */
  async usage(): Promise<StreamUsage[]> {
    const usages: StreamUsage[] = [];
    for (const role of ["docs", "chunks", "heads", "deadLetters"] as const) {
      const info = await streamInfo(this.#context, role);
      if (info === null) continue;
      const { state, config } = info;
      usages.push({ stream: config.name, bytes: state.bytes, bytesMax: config.max_bytes });
    }
    return usages;
  }

  /** The server's clock, also while nothing is published. */
  async nowMs(): Promise<number> {
    const info: (StreamInfo & { readonly ts?: string }) | null = await streamInfo(
      this.#context,
      "chunks",
    );
    if (info === null) throw missingStream(streamNames.chunks);
    // Servers below 2.10 do not send their time, only that of the newest message.
    return Date.parse(info.ts ?? String(info.state.last_ts));
  }

  async #compareManifests(ends: { readonly docs: number; readonly chunks: number }): Promise<void> {
    const { incarnation } = this.#identity;
    for await (const { manifest } of this.manifests.committedSince(this.#comparedTo)) {
      if (manifest.to === 0) continue;
      if (manifest.incarnation !== incarnation) {
        throw refusedLog("a manifest belongs to another incarnation of CHUNKS");
      }
      if (manifest.to > ends.chunks && manifest.to > (await this.chunks.state()).lastSeq) {
        throw lostTail(this.chunks.name);
      }
      if (manifest.version > ends.docs && manifest.version > (await this.docs.state()).lastSeq) {
        throw lostTail(this.docs.name);
      }
    }
  }
}

/**
 * Editing the transform sends later documents of a tenant to another partition than earlier ones.
 */
function checkTransform({ config }: StreamInfo, partitions: number): void {
  const dest = config.subject_transform?.dest;
  if (dest === partitionedSubject(partitions)) return;
  throw refusedLog(
    `stream ${config.name} spreads tenants by ${JSON.stringify(dest ?? "nothing")}, ` +
      `not over the ${partitions} partitions that it was created with`,
  );
}

/**
 * A log of an earlier release compares message ids across tenants, as one does whose DOCS was
 * edited.
 */
async function forgetMessageIds(context: NatsContext, { config }: StreamInfo): Promise<void> {
  if (config.duplicate_window === undefined || config.duplicate_window === 0) return;
  const { name: stream } = config;
  try {
    await context.jsm.streams.update(stream, withoutMessageIds);
    context.logger.info({ stream }, "the stream compares no message ids any more");
  } catch (thrown) {
    const { code, message: cause } = logError(thrown);
    const fields = { stream, code, cause };
    context.logger.error(fields, "the stream compares message ids across tenants");
  }
}

/**
 * Null when there is none: the stream is empty, or its newest messages were removed, or are foreign
 * or not readable. Then one proof is missing (NW1), which is no reason to stop serving.
 */
async function newestWriter(
  context: NatsContext,
  lastSeq: number,
): Promise<ReturnType<typeof writerOf> | null> {
  for (let seq = lastSeq; seq > lastSeq - limits.newestWriterLooksMax; seq -= 1) {
    const message = await messageAt(context, streamNames.chunks, seq);
    if (message === null) continue;
    const writer = writerIn(headerReader(message.header));
    if (writer.kind === "record") return writer.of;
    const { subject } = message;
    context.quarantine.add({ stream: streamNames.chunks, seq, subject, why: writer.kind });
  }
  return null;
}

type Writer =
  | { readonly kind: "record"; readonly of: ReturnType<typeof writerOf> }
  | { readonly kind: QuarantineReason };

function writerIn(read: Parameters<typeof writerOf>[0]): Writer {
  if (!isRecord(read)) return { kind: "foreign" };
  try {
    return { kind: "record", of: writerOf(read) };
  } catch {
    return { kind: "unreadable" };
  }
}
