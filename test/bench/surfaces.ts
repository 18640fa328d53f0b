/**
 * What each surface costs over the handler that is behind all of them: the same questions to the
 * handler itself and to the surface, in one process and taking turns, over an engine in memory and a
 * language model that answers at once. The time of a surface includes its client, which is in this
 * process as well.
 */

import { tenantId } from "../../src/contract/ids.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { createHandler, type Handler } from "../../src/gateway/handler.ts";
import { startHttp } from "../../src/gateway/http.ts";
import { startNatsService } from "../../src/gateway/nats-service.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { playedModel } from "../answer/chain-kit.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";
import { startPrivateNats } from "../support/private-nats.ts";
import type { BenchContext } from "./context.ts";
import { interleave } from "./interleave.ts";
import { type BenchResult, measured, type Row } from "./report.ts";
import { median, percentile } from "./stats.ts";
import { type Asking, openClients } from "./surfaces-clients.ts";

const rounds = 9;
const questionsARound = 40;
const documents = 200;
const tenant = tenantId("demo");

/** One question; resolves with the milliseconds to what is measured of it. */
type Side = (query: string) => Promise<number>;

const places = ["harbour", "station", "market", "library", "bridge", "mill", "school", "tower"];

export async function benchSurfaces({ say }: BenchContext): Promise<BenchResult> {
  const engine = startMemoryEngine({ model: playedModel("mock", answerAtOnce) });
  await fill(engine);
  const handler = createHandler({ service: engine.service, log: silentLogger, clock: systemClock });
  const nats = await startPrivateNats();
  const http = await startHttp({
    ...{ handler, version: "0.0.1", log: silentLogger, metrics: createMetrics() },
    ...{ credentials: {}, host: "127.0.0.1", port: 0 },
  });
  const clients = await openClients({ httpUrl: http.url, natsUrl: nats.url, tenant });
  const service = await startNatsService({
    ...{ connection: clients.serving, handler, version: "0.0.1", stopMs: 100 },
    metrics: silentMetrics,
  });
  try {
    const sides = sidesOf(handler, clients.asking);
    const times = await takeTurns(sides, say);
    const rows = [...overHandler(times), ...firstTokens(times)];
    const settings = {
      rounds: String(rounds),
      "questions a round and side": String(questionsARound),
      documents: String(documents),
    };
    return { settings, rows };
  } finally {
    await service.close();
    await clients.close();
    await http.close();
    await nats[Symbol.asyncDispose]();
    await engine.stop();
  }
}

/** Its first sentence ends in its first piece, so that it may leave at once. */
async function answerAtOnce({
  onText,
}: {
  readonly onText?: ((text: string) => void) | undefined;
}): Promise<string> {
  const pieces = ["The report says so [1]. ", "It was ", "written in the morning [1]."];
  for (const piece of pieces) {
    onText?.(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return pieces.join("");
}

async function fill(engine: MemoryEngine): Promise<void> {
  let last = 0;
  for (let index = 0; index < documents; index += 1) {
    const place = places[index % places.length];
    const text = `Report ${index} of the ${place}: the water stood at mark ${index % 17} in hall ${index % 5}.`;
    const payload = new TextEncoder().encode(JSON.stringify({ id: `report-${index}`, text }));
    last = (await engine.service.publish(tenant, { payload })).seq;
  }
  await engine.event(last);
}

function sidesOf(handler: Handler, asking: Asking): Readonly<Record<string, Side>> {
  const { signal } = new AbortController();
  const whole = (ask: (query: string) => Promise<unknown>): Side => {
    return async (query) => {
      const begunMs = performance.now();
      await ask(query);
      return performance.now() - begunMs;
    };
  };
  const answer = (body: object) => handler.answer({ tenant, body, signal });
  const over = Object.entries(asking.whole).map(([name, ask]) => [name, whole(ask)] as const);
  const streamed = Object.entries(asking.firstToken).map(
    ([name, ask]) => [`first.${name}`, ask] as const,
  );
  return {
    handler: whole((query) => answer({ query })),
    "handler.search": whole((query) => answer({ query, mode: "search" })),
    ...Object.fromEntries(over),
    "first.handler": (query) => firstOf(handler, query),
    ...Object.fromEntries(streamed),
  };
}

function firstOf(handler: Handler, query: string): Promise<number> {
  const { signal } = new AbortController();
  const begunMs = performance.now();
  return new Promise((resolve, reject) => {
    let firstMs: number | undefined;
    const onEvent = ({ type }: { readonly type: string }): void => {
      if (type === "delta") firstMs ??= performance.now() - begunMs;
    };
    handler
      .answer({ tenant, body: { query, stream: true }, signal, onEvent })
      .then(
        () => (firstMs === undefined ? reject(new Error("no delta")) : resolve(firstMs)),
        reject,
      );
  });
}

interface Round {
  /** Of each question, by the clock. */
  readonly ms: readonly number[];
  /** Of one question, of all threads of this process: what else the machine does is not in it. */
  readonly cpuMs: number;
}

/** By side. */
type Times = ReadonlyMap<string, readonly Round[]>;

async function takeTurns(
  sides: Readonly<Record<string, Side>>,
  say: BenchContext["say"],
): Promise<Times> {
  const times = new Map<string, Round[]>();
  let asked = 0;
  const turn = async (name: string, side: Side): Promise<void> => {
    const ms: number[] = [];
    const before = process.cpuUsage();
    for (let index = 0; index < questionsARound; index += 1) {
      asked += 1;
      // Never the same twice: answers are kept for equal questions.
      const query = `What stood at mark ${asked} of the ${places[index % places.length]}?`;
      ms.push(await side(query));
    }
    const { user, system } = process.cpuUsage(before);
    const cpuMs = (user + system) / 1_000 / questionsARound;
    times.set(name, [...(times.get(name) ?? []), { ms, cpuMs }]);
  };
  say(`${rounds} rounds`);
  const turns = Object.entries(sides).map(([name, side]) => [name, () => turn(name, side)]);
  await interleave(
    Object.fromEntries(turns) as Readonly<Record<string, () => Promise<void>>>,
    rounds,
  );
  // Without the round that `interleave` does not count.
  return new Map([...times].map(([name, made]) => [name, made.slice(1)]));
}

const names = ["http", "nats", "chat", "responses", "mcp", "dify"] as const;

/** Dify asks for passages alone. */
const referenceOf = (name: string): string => (name === "dify" ? "handler.search" : "handler");

function overHandler(times: Times): readonly Row[] {
  const clock = names.map((side) => {
    const reference = referenceOf(side);
    return row(times, { name: `surfaces.over_handler_ms.${side}`, side, reference });
  });
  return [...clock, ...names.map((name) => cpuRow(times, name))];
}

function cpuRow(times: Times, name: string): Row {
  const own = (times.get(name) ?? []).map(({ cpuMs }) => cpuMs);
  const its = (times.get(referenceOf(name)) ?? []).map(({ cpuMs }) => cpuMs);
  const overs = own.map((value, at) => value - (its[at] ?? Number.NaN));
  return measured({
    ...{ name: `surfaces.over_handler_cpu_ms.${name}`, unit: "ms", value: median(overs) },
    ...{ n: own.length, p50: median(own), p99: percentile(own, 0.99) },
    note: `time of cores, client and server together; ${referenceOf(name)} ${median(its).toFixed(2)} ms`,
  });
}

/** The first word of a stream, over the whole question at the handler. */
function firstTokens(times: Times): readonly Row[] {
  return ["handler", "http", "nats", "chat", "responses"].map((name) =>
    row(times, {
      name: `surfaces.first_token_over_question_ms.${name}`,
      ...{ side: `first.${name}`, reference: "handler" },
    }),
  );
}

/** Of the medians of each round: what the machine did meanwhile falls out. */
function row(
  times: Times,
  of: { readonly name: string; readonly side: string; readonly reference: string },
): Row {
  const own = times.get(of.side) ?? [];
  const its = times.get(of.reference) ?? [];
  const medians = own.map(({ ms }) => median(ms));
  const overs = medians.map((value, at) => value - median(its[at]?.ms ?? []));
  const all = own.flatMap(({ ms }) => ms);
  const spread = `rounds ${Math.min(...overs).toFixed(2)} to ${Math.max(...overs).toFixed(2)}`;
  const reference = `${of.reference} p50 ${median(its.flatMap(({ ms }) => ms)).toFixed(2)} ms`;
  return measured({
    ...{ name: of.name, unit: "ms", value: median(overs), n: all.length },
    ...{ p50: percentile(all, 0.5), p99: percentile(all, 0.99) },
    note: `${reference}; ${spread}`,
  });
}
