/** The streams of the log: their definitions, and what an existing one lacks. */

import {
  DiscardPolicy,
  nanos,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "nats";
import { FreshetError } from "../../contract/errors.ts";
import { incarnationSpan } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { feedbackStream } from "../../contract/own-streams.ts";
import { leaseSubjects, manifestSubjects } from "../wire/subjects.ts";
import type { NatsContext } from "./connection.ts";
import { apiCode, jetStream, logError, tooFewServers } from "./errors.ts";

export type StreamRole = (typeof streamRoles)[number];

/** `KV_` streams can be read with `nats kv`. */
export const streamNames = {
  manifests: "KV_freshet_manifests",
  docs: "DOCS",
  chunks: "CHUNKS",
  heads: "HEADS",
  leases: "KV_freshet_leases",
  deadLetters: "DLQ",
} as const satisfies Record<StreamRole, string>;

export const streamRoles = [
  "manifests",
  "docs",
  "chunks",
  "heads",
  "leases",
  "deadLetters",
] as const;

const metadataKeys = {
  format: "freshet_format",
  incarnation: "freshet_incarnation",
  partitions: "freshet_partitions",
} as const;

const format = "1";

export interface StreamShape {
  readonly partitions: number;
  readonly replicas: number;
  readonly leaseMs: number;
  readonly incarnation: number;
}

type Config = Partial<StreamConfig> & { readonly name: string };

/**
 * What every stream has in common: nothing is dropped by age or to make room, reads come from the
 * leader.
 */
function common(role: StreamRole, shape: StreamShape): Config {
  return {
    name: streamNames[role],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    num_replicas: shape.replicas,
    max_age: 0,
    // A follower may answer with old state; everything here decides something.
    allow_direct: false,
    allow_rollup_hdrs: false,
    first_seq: shape.incarnation * incarnationSpan + 1,
    metadata: {
      [metadataKeys.format]: format,
      [metadataKeys.incarnation]: String(shape.incarnation),
      [metadataKeys.partitions]: String(shape.partitions),
    },
  };
}

/**
 * How the server spreads tenants over partitions; editing it on a living stream would split them.
 */
export const partitionedSubject = (partitions: number): string =>
  `docs.{{partition(${partitions},1)}}.{{wildcard(1)}}`;

/**
 * Message ids are compared per tenant, by its owner: DOCS must compare none, or one tenant's id
 * swallows another's document. The server takes a window of zero as "two minutes", except for a
 * stream that has a source, where it turns the comparison off (nats-server, stream.go:
 * checkStreamCfg, storeMsgIdLocked). So DOCS has one that nothing can come from: a subject that no
 * dead letter has, since a token is never empty.
 */
export const withoutMessageIds = {
  sources: [{ name: streamNames.deadLetters, filter_subject: "dlq.~.0" }],
  duplicate_window: 0,
} satisfies Partial<StreamConfig>;

export function streamConfig(role: StreamRole, shape: StreamShape): Config {
  const base = common(role, shape);
  switch (role) {
    case "docs":
      return {
        ...base,
        subjects: ["docs.*"],
        subject_transform: { src: "docs.*", dest: partitionedSubject(shape.partitions) },
        max_bytes: limits.docsBytesMax,
        ...withoutMessageIds,
        // Refused to the publisher, instead of read by every node and rejected there.
        max_msg_size: limits.docsMessageBytesMax,
      };
    case "chunks":
      return { ...base, subjects: ["chunks.*.*"], max_bytes: limits.chunksBytesMax };
    case "heads":
      return {
        ...base,
        subjects: ["heads.*.*"],
        // A piece that did not change is written anew by each merge: its new copy replaces the old
        // one, which no sweep would remove, and on which the stream would fill up.
        max_msgs_per_subject: 1,
        max_bytes: limits.headsBytesMax,
      };
    case "manifests":
      return {
        ...base,
        subjects: [`${manifestSubjects}.>`],
        max_msgs_per_subject: limits.manifestHistoryMax,
        max_bytes: limits.manifestsBytesMax,
      };
    case "leases":
      return {
        ...base,
        subjects: [`${leaseSubjects}.>`],
        max_msgs_per_subject: 1,
        max_bytes: limits.streamBytesMin,
        max_age: nanos(shape.leaseMs),
        duplicate_window: nanos(shape.leaseMs),
      };
    case "deadLetters":
      return {
        ...base,
        subjects: ["dlq.*.*"],
        // A second dead letter of an operation is always refused: idempotent for ever.
        max_msgs_per_subject: 1,
        discard_new_per_subject: true,
        max_bytes: limits.deadLetterBytesMax,
      };
  }
}

export function nameOf(role: StreamRole | "feedback"): string {
  return role === "feedback" ? feedbackStream : streamNames[role];
}

/** With `subjects`: also which of those hold messages. @throws FreshetError log_unavailable */
export async function streamInfo(
  context: Pick<NatsContext, "jsm">,
  role: StreamRole | "feedback",
  subjects?: string,
): Promise<StreamInfo | null> {
  const wanted = subjects === undefined ? undefined : { subjects_filter: subjects };
  try {
    return await context.jsm.streams.info(nameOf(role), wanted);
  } catch (thrown) {
    if (apiCode(thrown) === jetStream.streamNotFound) return null;
    throw logError(thrown);
  }
}

/**
 * The subjects of a stream that hold messages and match the filter.
 * @throws FreshetError log_unavailable, log_identity (the stream is missing)
 */
export async function subjectsOf(
  context: NatsContext,
  stream: string,
  filter: string,
): Promise<string[]> {
  try {
    const info = await context.jsm.streams.info(stream, { subjects_filter: filter });
    return Object.keys(info.state.subjects ?? {});
  } catch (thrown) {
    throw logError(thrown);
  }
}

/**
 * Makes an existing stream what a new one would be, as far as that is safe while others use it.
 * Copies are only ever added: a process that is configured for fewer (the command line does not
 * know the number) removes none. The same holds for the history of manifests: with one message of
 * each, a foreign one takes its place.
 * @throws FreshetError log_unavailable (copies are missing, and cannot be added)
 */
export async function alignStream(
  context: NatsContext,
  role: StreamRole,
  shape: StreamShape,
): Promise<void> {
  const info = await streamInfo(context, role);
  if (info === null) return;
  const wanted = lacking(info.config, streamConfig(role, shape));
  if (Object.keys(wanted).length === 0) return;
  const stream = info.config.name;
  try {
    await context.jsm.streams.update(stream, wanted);
    context.logger.info({ stream, ...wanted }, "a stream was given what it lacked");
  } catch (thrown) {
    const cause = logError(thrown);
    if (wanted.num_replicas === undefined) {
      // Only a help: a process that may not change a stream can still serve its log.
      context.logger.warn({ stream, code: cause.code }, "a stream cannot be changed");
      return;
    }
    if (cause.code !== "overloaded") throw cause;
    // Servers count each other's reservations some seconds late: another attempt may find space.
    throw new FreshetError("log_unavailable", tooFewServers, { cause });
  }
}

function lacking(has: StreamConfig, wanted: Config): Partial<StreamConfig> {
  const { num_replicas, max_msg_size, max_msgs_per_subject } = wanted;
  const isCopyMissing = num_replicas !== undefined && num_replicas > has.num_replicas;
  const isSizeOther = max_msg_size !== undefined && max_msg_size !== has.max_msg_size;
  const isHistoryShort =
    max_msgs_per_subject !== undefined && has.max_msgs_per_subject < max_msgs_per_subject;
  return {
    ...(isCopyMissing ? { num_replicas } : {}),
    ...(isSizeOther ? { max_msg_size } : {}),
    ...(isHistoryShort ? { max_msgs_per_subject } : {}),
  };
}

/** What a stream says about itself. */
export function incarnationIn(info: StreamInfo): number {
  return Number(info.config.metadata?.[metadataKeys.incarnation] ?? Number.NaN);
}

const wayOut =
  "restore the JetStream data, or give up the old log: stop every node, delete the streams " +
  `${Object.values(streamNames).join(", ")} and the Weaviate collection, and publish again`;

export function refusedLog(what: string): FreshetError {
  return new FreshetError("log_identity", `${what}; ${wayOut}`);
}

export const missingStream = (name: string): FreshetError =>
  refusedLog(`stream ${name} is missing`);

export const otherIncarnation = (name: string): FreshetError =>
  refusedLog(`stream ${name} is not the one that this log was written to`);

export const lostTail = (name: string): FreshetError =>
  refusedLog(`stream ${name} ends before what was built on it: its tail was lost`);
