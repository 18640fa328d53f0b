/**
 * What traces cost: an engine without them, one that could and does not, one that samples one in ten,
 * each a process of its own on a log of its own; documents and questions take turns between them. Told
 * is the time of a core for each document and each question, which other work on the machine moves
 * less than the clock, and what the clock says of both.
 *
 * FRESHET_BENCH_BASELINE names a checkout that knows no traces, which is the reference then; without it
 * the engine whose traces are off is.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type NatsConnection } from "nats";
import { request } from "undici";
import { freePort } from "../../ops/servers/ports.ts";
import { type Servers, startServers } from "../../ops/servers/start-servers.ts";
import { logPath, type RunningServer, startServer } from "../../ops/servers/supervise.ts";
import { type EmbeddingModelFiles, ensureTools } from "../../ops/setup/ensure-tools.ts";
import { lineProgress } from "../../ops/setup/progress.ts";
import { startOtlpReceiver } from "../support/otlp-receiver.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import type { BenchContext } from "./context.ts";
import { type BenchResult, measured, type Row } from "./report.ts";
import { median, percentile } from "./stats.ts";

const rounds = 9;
const documentsARound = 80;
const questionsARound = 60;
const readyTimeoutMs = 90_000;
const patienceMs = 60_000;
/** Of a clock tick of the kernel. */
const tickMs = 10;

interface Side {
  readonly name: string;
  readonly url: string;
  readonly nats: PrivateNats;
  readonly connection: NatsConnection;
  readonly server: RunningServer;
}

/** Of one round. */
type Measured = Readonly<Record<Figure, number>>;
type Figure = "document_cpu_ms" | "document_ms" | "question_cpu_ms" | "question_p50_ms";
const figures = ["document_cpu_ms", "document_ms", "question_cpu_ms", "question_p50_ms"] as const;

export async function benchTraces(context: BenchContext): Promise<BenchResult> {
  const { say } = context;
  await using collector = await startOtlpReceiver();
  const { sides, stop } = await startSides(context, collector.url);
  try {
    const all = new Map<string, Measured[]>(sides.map(({ name }) => [name, []]));
    for (const side of sides) await measureRound(side, "warm-up");
    for (let at = 0; at < rounds; at += 1) {
      // Each begins as often as the others.
      for (let turn = 0; turn < sides.length; turn += 1) {
        const side = sides[(at + turn) % sides.length] as Side;
        all.get(side.name)?.push(await measureRound(side, String(at)));
      }
      say(`round ${at + 1} of ${rounds}`);
    }
    const [reference, ...others] = sides.map(({ name }) => name) as [string, ...string[]];
    const rows = others.flatMap((name) =>
      figures.map((figure) => rowOf({ name, figure, reference }, all)),
    );
    const settings = {
      reference,
      rounds: String(rounds),
      "documents and questions a round": `${documentsARound}, ${questionsARound}`,
      spans: String(collector.spans.length),
    };
    return { settings, rows };
  } finally {
    await stop();
  }
}

/** Pairs of one round stand beside each other: what the machine did meanwhile falls out. */
function rowOf(
  of: { readonly name: string; readonly figure: Figure; readonly reference: string },
  all: ReadonlyMap<string, readonly Measured[]>,
): Row {
  const { name, figure, reference } = of;
  const own = (all.get(name) ?? []).map((round) => round[figure]);
  const its = (all.get(reference) ?? []).map((round) => round[figure]);
  const ratio = median(own.map((value, at) => value / (its[at] ?? Number.NaN)));
  const against = median(its);
  const spread = own.map((value, at) => value / (its[at] ?? Number.NaN));
  return measured({
    name: `traces.${name}.${figure}`,
    ...{ unit: "ms", value: against * ratio, against, n: own.length },
    ...{ p50: median(own), p99: percentile(own, 0.99) },
    note: `ratios of the rounds ${percentile(spread, 0.1).toFixed(3)} to ${percentile(spread, 0.9).toFixed(3)}`,
  });
}

async function startSides(
  { env, scratch, root, say }: BenchContext,
  collectorUrl: string,
): Promise<{ readonly sides: readonly Side[]; readonly stop: () => Promise<void> }> {
  const progress = lineProgress(
    (line) => process.stderr.write(line),
    () => performance.now(),
  );
  const all = { nats: true, temporal: true, weaviate: true, embedding: true, llm: false };
  const tools = await ensureTools({ env, progress, want: all });
  if (tools.embedding === undefined) throw new Error("the embedding model is missing");
  const onDeath = ({ message }: { readonly message: string }): void => say(message);
  const dataDir = join(scratch, "data");
  const want = { llm: false };
  const servers = await startServers({ dataDir, env, progress, want, tools, onDeath });
  const sides: Side[] = [];
  const stop = async (): Promise<void> => {
    for (const { connection, server, nats } of sides) {
      await connection.close();
      await server.stop();
      await nats[Symbol.asyncDispose]();
    }
    await servers.stop();
  };
  const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl };
  const tenth = { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.1" };
  const baseline = env["FRESHET_BENCH_BASELINE"];
  const planned = [
    ...(baseline === undefined ? [] : [{ name: "none", checkout: baseline, more: {} }]),
    { name: "off", checkout: root, more: {} },
    { name: "sampled", checkout: root, more: { ...traced, ...tenth } },
  ];
  try {
    for (const plan of planned) {
      say(`starting the engine "${plan.name}"`);
      sides.push(await startSide(plan, { env, servers, scratch, model: tools.embedding }));
    }
    return { sides, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

interface Plan {
  readonly name: string;
  readonly checkout: string;
  readonly more: Readonly<Record<string, string>>;
}

interface Around {
  readonly env: BenchContext["env"];
  readonly servers: Servers;
  readonly scratch: string;
  readonly model: EmbeddingModelFiles;
}

async function startSide(
  { name, checkout, more }: Plan,
  { env, servers, scratch, model }: Around,
): Promise<Side> {
  const nats = await startPrivateNats();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { temporal, weaviate } = servers;
  const server = await startServer({
    ...{ name: `engine-${name}`, readyTimeoutMs, graceS: 20, cwd: checkout },
    program: process.execPath,
    parameters: [join(checkout, "src/main.ts"), "engine"],
    logFile: logPath(scratch, `engine-${name}`),
    env: {
      ...env,
      FRESHET_HTTP_PORT: String(port),
      FRESHET_NODE: `bench-${name}`,
      FRESHET_NATS_URL: nats.url,
      FRESHET_TEMPORAL_ADDRESS: temporal.address,
      FRESHET_TEMPORAL_NAMESPACE: temporal.namespace,
      FRESHET_WEAVIATE_URL: weaviate.url,
      FRESHET_WEAVIATE_GRPC: weaviate.grpc,
      ...(weaviate.apiKey === undefined ? {} : { FRESHET_WEAVIATE_API_KEY: weaviate.apiKey }),
      FRESHET_MODEL_DIR: model.modelDir,
      FRESHET_MODEL_GRAPH: model.graph,
      FRESHET_MERGE_SIZE_CHUNKS: "10000000",
      FRESHET_MERGE_AGE_MS: "600000000",
      FRESHET_EMBED_THREADS: "1",
      FRESHET_LOG_LEVEL: "warn",
      ...more,
    },
    isReady: async () => (await fetch(`${url}/readyz`)).ok,
  });
  const connection = await connect({ servers: nats.url });
  return { name, url, nats, connection, server };
}

async function measureRound(side: Side, at: string): Promise<Measured> {
  const documents = await spent(side, () => publishAll(side, at));
  const waits: number[] = [];
  const questions = await spent(side, async () => {
    for (let asked = 0; asked < questionsARound; asked += 1) {
      const begun = performance.now();
      await ask(side, `Which ferry sails in round ${at} as number ${asked}?`);
      waits.push(performance.now() - begun);
    }
  });
  return {
    document_cpu_ms: documents.cpuMs / documentsARound,
    document_ms: documents.ms / documentsARound,
    question_cpu_ms: questions.cpuMs / questionsARound,
    question_p50_ms: median(waits),
  };
}

async function publishAll({ connection }: Side, at: string): Promise<void> {
  const events = connection.subscribe("events.bench", { max: documentsARound });
  await connection.flush();
  const stream = connection.jetstream();
  const publishing = Array.from({ length: documentsARound }, (_, index) => {
    const text = `The ferry of round ${at} sails at ${index} o'clock from quay ${index % 7}. `;
    const document = { id: `${at}-${index}`, text: text.repeat(3) };
    return stream.publish("docs.bench", JSON.stringify(document));
  });
  await Promise.all(publishing);
  const late = setTimeout(() => events.unsubscribe(), patienceMs);
  let heard = 0;
  for await (const _event of events) heard += 1;
  clearTimeout(late);
  if (heard < documentsARound)
    throw new Error(`${documentsARound - heard} documents were not heard of`);
}

async function ask({ url }: Side, query: string): Promise<void> {
  const { statusCode, body } = await request(`${url}/answer`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-tenant": "bench" },
    body: JSON.stringify({ query, mode: "search", cache: false }),
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`a question failed: ${text}`);
}

async function spent(
  { server }: Side,
  work: () => Promise<void>,
): Promise<{ readonly cpuMs: number; readonly ms: number }> {
  const cpuBefore = cpuMsOf(server.groupId);
  const begun = performance.now();
  await work();
  const ms = performance.now() - begun;
  return { cpuMs: cpuMsOf(server.groupId) - cpuBefore, ms };
}

/** Of all processes of the group, user and system. */
function cpuMsOf(groupId: number): number {
  let ticks = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const fields = statOf(pid);
    // After `pid (name)`: state, parent, group, …, user and system time as the 12th and 13th.
    if (Number(fields[2]) === groupId) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * tickMs;
}

function statOf(pid: string): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}
