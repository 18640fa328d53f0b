/** What NATS says of itself and of the log's streams. Creates and changes nothing. */

import type { NatsFacts, StreamFacts } from "../../contract/inspection.ts";
import { limits } from "../../contract/limits.ts";
import { silentLogger, silentMetrics } from "../../contract/observation.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { NatsAccess } from "./access.ts";
import { type NatsContext, openConnection } from "./connection.ts";
import { isJetStreamOff, logError } from "./errors.ts";
import { documentTextBytesMax } from "./payload-room.ts";
import { type StreamRole, streamConfig, streamInfo, streamNames, streamRoles } from "./streams.ts";

export interface InspectNatsOptions extends NatsAccess {
  readonly partitions: number;
  readonly clock: Clock;
}

/** @throws FreshetError log_unavailable, with one line that says why */
export async function inspectNats(options: InspectNatsOptions): Promise<NatsFacts> {
  const { clock, partitions, ...access } = options;
  const reports = { clock, logger: silentLogger, metrics: silentMetrics };
  const context = await openConnection(access, reports);
  try {
    const payloadBytesMax = context.connection.info?.max_payload ?? 0;
    const textBytesMax = documentTextBytesMax(payloadBytesMax);
    const version = context.connection.info?.version ?? "unknown";
    const server = { version, payloadBytesMax, documentTextBytesMax: textBytesMax };
    const jetStream = await accountOf(context);
    if (jetStream === undefined) {
      return { ...server, jetStream, streams: [], clockOffsetMs: undefined };
    }
    const looked = await Promise.all(
      streamRoles.map((role) => inspectStream(context, role, partitions)),
    );
    const offsets = looked.flatMap(({ offsetMs }) => (offsetMs === undefined ? [] : [offsetMs]));
    return {
      ...server,
      jetStream,
      streams: looked.map(({ facts }) => facts),
      clockOffsetMs: offsets.sort((left, right) => Math.abs(left) - Math.abs(right))[0],
    };
  } finally {
    await context.connection.close();
  }
}

/** Undefined only where the server says so, which silence and a missing right do not. */
async function accountOf({ jsm }: NatsContext): Promise<NatsFacts["jetStream"]> {
  try {
    const account = await jsm.getAccountInfo();
    return { storedBytes: account.storage, storedBytesMax: account.limits.max_storage };
  } catch (thrown) {
    if (isJetStreamOff(thrown)) return undefined;
    throw logError(thrown);
  }
}

/** A server that is asked answers with its time; half the round trip is the best guess of when. */
async function inspectStream(
  context: NatsContext,
  role: StreamRole,
  partitions: number,
): Promise<{ readonly facts: StreamFacts; readonly offsetMs: number | undefined }> {
  const { clock } = context;
  const askedAtMs = clock.nowMs();
  const info = await streamInfo(context, role);
  const name = streamNames[role];
  if (info === null) {
    const none = { bytes: 0, bytesMax: 0, replicas: 0, partitions: undefined, differs: [] };
    return { facts: { name, isThere: false, ...none }, offsetMs: undefined };
  }
  const { config, state } = info;
  const atMs = Date.parse((info as { readonly ts?: string }).ts ?? "");
  const halfMs = (askedAtMs + clock.nowMs()) / 2;
  const stored = Number(config.metadata?.["freshet_partitions"]);
  const facts = {
    ...{ name, isThere: true, bytes: state.bytes },
    bytesMax: config.max_bytes,
    replicas: config.num_replicas,
    partitions: Number.isInteger(stored) ? stored : undefined,
    differs: differencesOf(role, config as unknown as Record<string, unknown>, partitions),
  };
  return { facts, offsetMs: Number.isNaN(atMs) ? undefined : Math.round(atMs - halfMs) };
}

/** Of what a stream must be; bytes and copies an operator may choose. */
function differencesOf(
  role: StreamRole,
  actual: Readonly<Record<string, unknown>>,
  partitions: number,
): readonly string[] {
  const shape = { partitions, replicas: 1, leaseMs: limits.leaseMs, incarnation: 0 };
  const wanted: Readonly<Record<string, unknown>> = { ...streamConfig(role, shape) };
  const musts = ["storage", "retention", "discard", "allow_direct", "max_msgs_per_subject"];
  return musts.flatMap((name) => {
    const expected = wanted[name];
    if (expected === undefined || expected === actual[name]) return [];
    return [`${name} is ${JSON.stringify(actual[name])} instead of ${JSON.stringify(expected)}`];
  });
}
