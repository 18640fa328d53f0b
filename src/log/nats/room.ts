/**
 * Room: how many bytes each stream of a new log may hold, and the creation of the streams.
 *
 * The server reserves `max_bytes` at once. On a small disk the sizes of all streams are halved
 * together until their sum fits, so that none takes what another needs.
 *
 *   RO1  the sum is decided once, before anything else is reserved: the first stream is created
 *        with the size of the whole log and of what comes later beside it (the audit trail, and so
 *        on), and gives the rest back. How often that was halved stands in its metadata, so two
 *        nodes that start at once plan the same sizes;
 *   RO2  a stream that is refused at its planned size waits, because servers of a cluster tell each
 *        other some seconds late what was given back. Only when that time is over has something
 *        else taken the room, and the stream makes do with less.
 */

import type { StreamInfo } from "nats";
import { FreshetError } from "../../contract/errors.ts";
import { MiB } from "../../contract/limits/units.ts";
import { limits } from "../../contract/limits.ts";
import { inRoomThatIsLeft } from "../../runtime/room.ts";
import type { NatsContext } from "./connection.ts";
import { apiCode, jetStream, logError } from "./errors.ts";
import {
  type StreamRole,
  type StreamShape,
  streamConfig,
  streamInfo,
  streamNames,
  streamRoles,
} from "./streams.ts";

type RoomContext = Pick<NatsContext, "jsm" | "logger">;

const halvingsKey = "freshet_halvings";

/** What a stream of this role may hold where there is room. */
const wantedBytes: Readonly<Record<StreamRole, number>> = {
  manifests: limits.manifestsBytesMax,
  leases: limits.streamBytesMin,
  deadLetters: limits.deadLetterBytesMax,
  heads: limits.headsBytesMax,
  docs: limits.docsBytesMax,
  chunks: limits.chunksBytesMax,
};

/** Streams that are made when they are first used: a log that just fits must not shut them out. */
const besideBytes = [limits.auditBytesMax, limits.feedbackStreamBytesMax];

/** The same, of those who do not know the plan: they are never planned smaller. */
const bucketsBytes =
  limits.endpointBucketBytesMax + limits.sourceBucketBytesMax + limits.sourceLettersBytesMax;

/** After so many halvings every stream has the least size. */
export const halvingsMax = Math.ceil(
  Math.log2(Math.max(...Object.values(wantedBytes)) / limits.streamBytesMin),
);

const halved = (bytes: number, halvings: number): number =>
  Math.max(limits.streamBytesMin, Math.floor(bytes / 2 ** halvings));

export function plannedBytes(role: StreamRole, halvings: number): number {
  return halved(wantedBytes[role], halvings);
}

/** Of the log, and of what comes later beside it. */
export function plannedSumBytes(halvings: number): number {
  const wanted = [...streamRoles.map((role) => wantedBytes[role]), ...besideBytes];
  return wanted.reduce((sum, bytes) => sum + halved(bytes, halvings), bucketsBytes);
}

/**
 * Creates the stream of manifests, the first of a new log, and decides with it how large all
 * streams will be (RO1); what another node or an earlier start did of this is no error.
 * @throws FreshetError log_unavailable, overloaded (no room even for the smallest)
 */
export async function createFirstStream(context: RoomContext, shape: StreamShape): Promise<void> {
  const { metadata, ...config } = streamConfig("manifests", shape);
  for (let halvings = 0; ; halvings += 1) {
    const plan = { [halvingsKey]: String(halvings) };
    const max_bytes = plannedSumBytes(halvings);
    const refusal = await tryToCreate(context, "manifests", {
      ...config,
      max_bytes,
      metadata: { ...metadata, ...plan },
    });
    if (refusal === null) break;
    if (halvings === halvingsMax) throw noRoom(refusal);
  }
  await giveBack(context);
}

/** Also what a start left behind that ended between its two steps. */
async function giveBack(context: RoomContext): Promise<void> {
  const info = await streamInfo(context, "manifests");
  const halvings = info === null ? null : halvingsIn(info);
  if (info === null || halvings === null) return;
  const max_bytes = plannedBytes("manifests", halvings);
  if (info.config.max_bytes === max_bytes) return;
  try {
    await context.jsm.streams.update(streamNames.manifests, { max_bytes });
  } catch (thrown) {
    throw logError(thrown);
  }
}

/** Null: the log was begun by an earlier version, which planned nothing. */
function halvingsIn({ config }: Pick<StreamInfo, "config">): number | null {
  const halvings = Number.parseInt(config.metadata?.[halvingsKey] ?? "", 10);
  return halvings >= 0 && halvings <= halvingsMax ? halvings : null;
}

/** Of the plan that the log was begun with; none where nothing was planned. */
async function plannedHalvings(context: Pick<NatsContext, "jsm">): Promise<number> {
  const first = await streamInfo(context, "manifests");
  return (first === null ? null : halvingsIn(first)) ?? 0;
}

/**
 * Makes a stream beside the log, as large as was planned for it or, where others took the room, as
 * large as can be.
 * @throws FreshetError overloaded (no room even for the least), and whatever else `make` throws
 */
export async function createBeside(
  context: Pick<NatsContext, "jsm">,
  wantedBytes: number,
  make: (bytesMax: number) => Promise<void>,
): Promise<void> {
  await inRoomThatIsLeft(halved(wantedBytes, await plannedHalvings(context)), make);
}

export interface StreamRequest extends StreamShape {
  readonly role: StreamRole;
  /** Whether what does not fit may be smaller than planned (RO2). */
  readonly mayShrink: boolean;
}

/**
 * Creates a stream; another node that did the same a moment ago is no error.
 * @throws FreshetError log_unavailable (also: no room now), overloaded (no room even for the
 * smallest)
 */
export async function createStream(
  context: RoomContext,
  { role, mayShrink, ...shape }: StreamRequest,
): Promise<void> {
  const config = streamConfig(role, shape);
  const planned = plannedBytes(role, await plannedHalvings(context));
  const wanted = wantedBytes[role];
  for (let bytes = planned; ; bytes = Math.max(limits.streamBytesMin, Math.floor(bytes / 2))) {
    const refusal = await tryToCreate(context, role, { ...config, max_bytes: bytes });
    if (refusal === null) {
      if (bytes < wanted) {
        const fact = { stream: config.name, bytes, wanted };
        context.logger.warn(fact, "the server has less room for a stream than wanted");
      }
      return;
    }
    if (!mayShrink) throw unavailable(refusal);
    if (bytes === limits.streamBytesMin) throw noRoom(refusal);
  }
}

/**
 * Null: the stream is there. Else why there is no room for one of this size; on a cluster another
 * attempt may find some.
 * @throws FreshetError anything but a lack of room
 */
async function tryToCreate(
  context: RoomContext,
  role: StreamRole,
  config: ReturnType<typeof streamConfig>,
): Promise<FreshetError | null> {
  try {
    await context.jsm.streams.add(config);
    return null;
  } catch (thrown) {
    if (apiCode(thrown) === jetStream.streamNameInUse) return null;
    const error = logError(thrown);
    if (error.code !== "overloaded") throw error;
    // The server checks the space before the name: another node's stream may have filled it.
    if ((await streamInfo(context, role)) !== null) return null;
    return apiCode(thrown) === jetStream.noSuitablePeers ? unavailable(error) : error;
  }
}

/** A log that was never begun is not full. */
function noRoom(refusal: FreshetError): FreshetError {
  if (refusal.code !== "overloaded") return refusal;
  const least = Math.ceil(plannedSumBytes(halvingsMax) / MiB);
  const message =
    `nats has no room for the streams of a log, which take ${least} MiB at least: ` +
    "raise max_file_store there, or the max_file of the account";
  return new FreshetError("overloaded", message, { cause: refusal.cause });
}

function unavailable(error: FreshetError): FreshetError {
  if (error.code === "log_unavailable") return error;
  return new FreshetError("log_unavailable", error.message, { cause: error.cause });
}
