/** What facts mean: findings, with what to do. Pure. */

import { z } from "zod";
import type { NatsFacts, StreamFacts, TemporalFacts } from "../../contract/inspection.ts";
import { GiB, MiB } from "../../contract/limits/units.ts";
import { limits } from "../../contract/limits.ts";
import { startCommand } from "../run-file.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

/** The oldest that Freshet is tested with. */
export const versionsMin = { node: "24.12.0", nats: "2.15.0", weaviate: "1.35.0" } as const;

/** Leases and read barriers use durations; documents and questions compare times of two clocks. */
const clockOffsetMs = { warn: 500, fail: 5_000 };
const fullShare = { warn: 0.8, fail: 0.95 };
const freeBytes = { warn: 5 * GiB, fail: 512 * MiB };

export function isAtLeast(version: string, least: string): boolean {
  const parts = (text: string) =>
    text
      .replace(/^v/, "")
      .split(/[.+-]/)
      .slice(0, 3)
      .map((part) => Number.parseInt(part, 10) || 0);
  const [own, wanted] = [parts(version), parts(least)];
  for (const [at, part] of wanted.entries()) {
    if ((own[at] ?? 0) !== part) return (own[at] ?? 0) > part;
  }
  return true;
}

export function judgeVersion(what: string, version: string, least: string): Finding {
  if (isAtLeast(version, least)) return ok(what, version);
  return warn(what, version, `Freshet is tested with ${least} and later: update it`);
}

export function judgeNats(
  facts: NatsFacts,
  wanted: { readonly partitions: number; readonly replicas: number },
): readonly Finding[] {
  const version = judgeVersion("NATS", facts.version, versionsMin.nats);
  const payload = judgePayload(facts);
  if (facts.jetStream === undefined) {
    const mend = "start nats-server with -js, and give this account JetStream";
    return [version, payload, fail("JetStream", "is not there for this account", mend)];
  }
  const { storedBytes, storedBytesMax } = facts.jetStream;
  const clock = facts.clockOffsetMs;
  return [
    version,
    payload,
    judgeShare(
      "JetStream storage",
      { bytes: storedBytes, max: storedBytesMax },
      "raise max_file_store of NATS",
    ),
    ...judgeStreams(facts.streams, wanted),
    ...(clock === undefined ? [] : [judgeClock("clock of NATS", clock)]),
  ];
}

/** It bounds documents, whatever Freshet would take. */
function judgePayload({ payloadBytesMax, documentTextBytesMax }: NatsFacts): Finding {
  const what = "NATS max_payload";
  const mend = "set max_payload: 4194304 in the configuration of NATS";
  const takes = `${payloadBytesMax} bytes`;
  if (documentTextBytesMax === 0) return fail(what, `${takes}: no document fits`, mend);
  if (documentTextBytesMax >= limits.documentTextBytesMax) return ok(what, takes);
  return warn(what, `${takes}: documents above ${documentTextBytesMax} bytes are refused`, mend);
}

function judgeStreams(
  streams: readonly StreamFacts[],
  wanted: { readonly partitions: number; readonly replicas: number },
): readonly Finding[] {
  if (streams.every(({ isThere }) => !isThere)) {
    return [warn("log", "no stream is there yet", `the first engine makes them: ${startCommand}`)];
  }
  return streams.map((stream) => judgeStream(stream, wanted));
}

function judgeStream(
  stream: StreamFacts,
  { partitions, replicas }: { readonly partitions: number; readonly replicas: number },
): Finding {
  const what = `stream ${stream.name}`;
  if (!stream.isThere) {
    return fail(what, "is missing beside the others", "see ops/runbooks/log-identity.md");
  }
  if (stream.differs.length > 0) {
    const mend = "an engine sets it right at its start; who else changes it?";
    return fail(what, stream.differs.join(", "), mend);
  }
  if (stream.partitions !== undefined && stream.partitions !== partitions) {
    const found = `has ${stream.partitions} partitions, FRESHET_PARTITIONS says ${partitions}`;
    return fail(what, found, `set FRESHET_PARTITIONS=${stream.partitions}`);
  }
  if (stream.replicas < replicas) {
    const found = `${stream.replicas} copies, FRESHET_STREAM_REPLICAS says ${replicas}`;
    return warn(what, found, "start an engine with that setting, on a cluster of as many servers");
  }
  const mend = "see ops/runbooks/disk-full.md: merges and retention make room, or raise max_bytes";
  return judgeShare(what, { bytes: stream.bytes, max: stream.bytesMax }, mend);
}

/** @param max below zero: unlimited */
function judgeShare(
  what: string,
  { bytes, max }: { readonly bytes: number; readonly max: number },
  mend: string,
): Finding {
  if (max <= 0) return ok(what, `${mib(bytes)} MiB, no limit`);
  const found = `${mib(bytes)} of ${mib(max)} MiB`;
  if (bytes >= max * fullShare.fail) return fail(what, found, mend);
  return bytes >= max * fullShare.warn ? warn(what, found, mend) : ok(what, found);
}

const mib = (bytes: number): string => (bytes / MiB).toFixed(bytes < 10 * MiB ? 1 : 0);

/**
 * What a reply's date proves of the server's clock, at least: it was written at any moment from the
 * question to the answer, which is seconds on a machine at its limit, and says whole seconds, up to
 * one late where the server keeps the header for its next replies.
 */
export function offsetByDate(times: {
  readonly dateMs: number;
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
}): number {
  const { dateMs, askedAtMs, answeredAtMs } = times;
  const [earliestMs, latestMs] = [dateMs, dateMs + 2_000];
  if (earliestMs > answeredAtMs) return earliestMs - answeredAtMs;
  return latestMs < askedAtMs ? latestMs - askedAtMs : 0;
}

export function judgeClock(what: string, offsetMs: number): Finding {
  const found = `${offsetMs >= 0 ? "+" : ""}${Math.round(offsetMs)} ms against this machine`;
  const size = Math.abs(offsetMs);
  const mend = "let both machines follow the same time servers (chrony, systemd-timesyncd)";
  if (size >= clockOffsetMs.fail) return fail(what, found, mend);
  return size >= clockOffsetMs.warn ? warn(what, found, mend) : ok(what, found);
}

export function judgeTemporal(facts: TemporalFacts): readonly Finding[] {
  const { version, namespace, hasNamespace, pollers } = facts;
  const server = ok("Temporal", version);
  const name = `namespace ${namespace}`;
  if (!hasNamespace) {
    const mend = `temporal operator namespace create -n ${namespace}, or set FRESHET_TEMPORAL_NAMESPACE`;
    return [server, fail(name, "is not there", mend)];
  }
  const found = `${pollers.workflows} poll for workflows, ${pollers.activities} for activities`;
  const isPolled = pollers.workflows > 0 && pollers.activities > 0;
  const workers = isPolled
    ? ok("merge workers", found)
    : warn("merge workers", found, `start one: freshet merge-worker, or ${startCommand}`);
  return [server, ok(name, "is there"), workers];
}

export function judgeDisk(what: string, free: number, total: number): Finding {
  const found = `${(free / GiB).toFixed(1)} of ${(total / GiB).toFixed(1)} GiB free`;
  const mend = "make room, or point the setting to another disk; see ops/runbooks/disk-full.md";
  if (free < freeBytes.fail) return fail(what, found, mend);
  return free < freeBytes.warn ? warn(what, found, mend) : ok(what, found);
}

/** A folder or file that only its owner may see. */
export function judgeMode(what: string, path: string, mode: number): Finding {
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  if ((mode & 0o077) === 0) return ok(what, `${path} (${shown})`);
  const wanted = (mode & 0o170000) === 0o040000 ? "700" : "600";
  return fail(what, `${path} is ${shown}: others may see it`, `chmod ${wanted} ${path}`);
}

const schemaSchema = z.looseObject({
  classes: z.array(
    z.looseObject({
      class: z.string(),
      replicationConfig: z.looseObject({ factor: z.number() }).optional(),
    }),
  ),
});

/** Of Freshet's collections, in the schema as Weaviate tells it: those with several copies. */
export function judgeCopies(schema: unknown): readonly Finding[] {
  return ownCollections(schema).flatMap(({ name, factor }) => {
    if (factor <= 1) return [];
    const mend = "use a Weaviate whose collections have one (ops/guides/own-servers.md)";
    return [fail(`collection ${name}`, `has ${factor} copies, and Freshet needs one`, mend)];
  });
}

/** Those of Freshet in the schema as Weaviate tells it, with their copies. */
export function ownCollections(
  schema: unknown,
): readonly { readonly name: string; readonly factor: number }[] {
  const parsed = schemaSchema.safeParse(schema);
  const classes = parsed.success ? parsed.data.classes : [];
  return classes
    .map(({ class: name, replicationConfig }) => ({ name, factor: replicationConfig?.factor ?? 1 }))
    .filter(({ name }) => /^Freshet(?:Chunk|Marker)(?:_|$)/.test(name));
}

const shardsSchema = z.array(z.looseObject({ name: z.string(), status: z.string() }));

/** Weaviate stops writing on a full disk, and does not begin again when there is room. */
export function judgeShards(collection: string, shards: unknown): readonly Finding[] {
  const parsed = shardsSchema.safeParse(shards);
  const stopped = parsed.success ? parsed.data.filter(({ status }) => status === "READONLY") : [];
  const [first] = stopped;
  if (first === undefined) return [];
  const found = `${stopped.length} tenants cannot be merged: Weaviate takes no writes (${first.name})`;
  const mend = "make room on its disk, then restart Weaviate (ops/runbooks/disk-full.md)";
  return [fail(`collection ${collection}`, found, mend)];
}
