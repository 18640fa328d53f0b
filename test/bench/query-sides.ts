/** What one life of the engine is asked, and the references between it. */

import { setTimeout as sleep } from "node:timers/promises";
import { eventFeed } from "../../src/cli/ingest/feed.ts";
import { tenantId } from "../../src/contract/ids.ts";
import type { BenchContext } from "./context.ts";
import { createFeed } from "./engine.ts";
import { interleave, type Side } from "./interleave.ts";
import { saturate } from "./load.ts";
import type { Asker, Askers } from "./query-ask.ts";
import {
  type Asked,
  type AskNext,
  closedLoop,
  openLoop,
  repeating,
  together,
} from "./query-load.ts";
import type { RawLane, WeaviateAlone } from "./query-reference.ts";
import type { QuerySite, QueryTenant } from "./query-site.ts";

export interface Run {
  readonly context: BenchContext;
  readonly site: QuerySite;
  readonly askers: Askers;
  /** A question that was not asked before in this run. */
  readonly next: () => string;
  readonly raw: RawLane;
  /** Absent where nothing is merged. */
  readonly weaviate: WeaviateAlone | undefined;
}

export interface References {
  readonly embedMs: readonly number[];
  readonly rawMs: readonly number[];
  readonly weaviateMs: readonly number[];
}

/** As many lists of `Asked` as rounds, by the tenant's state. */
export interface Latencies extends References {
  readonly rounds: ReadonlyMap<QueryTenant, readonly Asked[]>;
}

/** `interleave` begins with one that its own times leave out. */
const warmUpRounds = 1;
const widths = [4, 16, 64] as const;
/** Documents under way while an engine is full: more than a micro-batch takes. */
const ingestLanes = 64;
const ingestTenant = tenantId("ingest");
const ingestRounds = 5;
const ingestQuestionsPerSecond = 20;
/** As the article behind Freshet has it of its users' questions. */
const repeatedShare = 0.4;

export function asking(
  { next }: Pick<Run, "next">,
  asker: Asker,
  { tenant }: QueryTenant,
  question: object = { mode: "search" },
): AskNext {
  return () => asker.ask(tenant, { query: next(), ...question });
}

/** One question at a time over NATS, at each tenant in turn, and at the references. */
export async function measureLatencies(
  run: Run,
  tenants: readonly QueryTenant[],
): Promise<Latencies> {
  const { context, askers, raw, weaviate, next } = run;
  const { seconds } = context.query;
  const rounds = new Map(tenants.map((tenant) => [tenant, [] as Asked[]]));
  const rawRounds: { readonly embedMs: number; readonly ms: number }[][] = [];
  const weaviateRounds: number[][] = [];
  const sides: Record<string, Side> = {
    raw: async () => void rawRounds.push(await repeat(seconds, () => raw.ask(next()))),
  };
  for (const [tenant, asked] of rounds) {
    const ask = asking(run, askers.nats, tenant);
    sides[tenant.tenant] = async () =>
      void asked.push(await closedLoop(ask, { inFlight: 1, seconds }));
  }
  if (weaviate !== undefined) {
    const once = async (): Promise<number> => {
      const question = next();
      return weaviate.ask(question, await raw.embed(question));
    };
    sides["weaviate"] = async () => void weaviateRounds.push(await repeat(seconds, once));
  }
  await interleave(sides);
  const counted = rawRounds.slice(warmUpRounds).flat();
  return {
    rounds: new Map([...rounds].map(([tenant, asked]) => [tenant, asked.slice(warmUpRounds)])),
    embedMs: counted.map(({ embedMs }) => embedMs),
    rawMs: counted.map(({ ms }) => ms),
    weaviateMs: weaviateRounds.slice(warmUpRounds).flat(),
  };
}

async function repeat<Result>(seconds: number, once: () => Promise<Result>): Promise<Result[]> {
  const endMs = performance.now() + seconds * 1000;
  const results: Result[] = [];
  while (performance.now() < endMs) results.push(await once());
  return results;
}

export interface Rates {
  /** Closed loops over NATS by questions in flight. */
  readonly nats: ReadonlyMap<number, readonly Asked[]>;
  readonly httpOne: Asked;
  readonly httpWide: Asked;
  /** Of all threads of the engine, a question of the closed loops over NATS. */
  readonly cpuMs: number;
}

/** Closed loops, wide and over HTTP; those of 16 take turns with the raw lane where they lead. */
export async function measureRates(
  run: Run,
  tenant: QueryTenant,
  rawPerSecond?: number[],
): Promise<Rates> {
  const { context, site, askers, raw, next } = run;
  const { seconds } = context.query;
  const nats = new Map<number, Asked[]>();
  const over = (asker: Asker, inFlight: number): Promise<Asked> =>
    closedLoop(asking(run, asker, tenant), { inFlight, seconds });
  const begunS = await cpuSeconds(site.site.httpUrl);
  const ours: Asked[] = [];
  for (const inFlight of widths) {
    if (inFlight === 16 && rawPerSecond !== undefined) continue;
    nats.set(inFlight, [await over(askers.nats, inFlight)]);
  }
  if (rawPerSecond !== undefined) {
    const rates: number[] = [];
    await interleave({
      ours: async () => void ours.push(await over(askers.nats, 16)),
      raw: async () => {
        const begun = performance.now();
        const asked = await repeat(seconds, () => raw.embed(next()));
        rates.push(asked.length / ((performance.now() - begun) / 1000));
      },
    });
    rawPerSecond.push(...rates.slice(warmUpRounds));
    nats.set(16, ours.slice(warmUpRounds));
  }
  const usedS = (await cpuSeconds(site.site.httpUrl)) - begunS;
  const asked = [...[...nats.values()].flat(), ...ours.slice(0, warmUpRounds)];
  return {
    nats,
    httpOne: await over(askers.http, 1),
    httpWide: await over(askers.http, 16),
    cpuMs: (usedS * 1_000) / together(asked).ms.length,
  };
}

async function cpuSeconds(httpUrl: string): Promise<number> {
  const text = await (await fetch(`${httpUrl}/metrics`)).text();
  const seconds = /^freshet_process_cpu_seconds_total (\S+)/m.exec(text)?.[1];
  if (seconds === undefined) throw new Error("the engine tells no CPU time");
  return Number(seconds);
}

export interface UnderIngest {
  readonly idle: readonly Asked[];
  readonly full: readonly Asked[];
  readonly documents: number;
}

/** Open loop at a low rate, first alone, then beside a tenant that publishes all that fits. */
export async function measureIngest(run: Run, tenant: QueryTenant): Promise<UnderIngest> {
  const { context, site, askers } = run;
  const { log } = site.site;
  const load = { perSecond: ingestQuestionsPerSecond, seconds: context.query.seconds };
  const rounds = async (): Promise<readonly Asked[]> => {
    const asked: Asked[] = [];
    for (let round = 0; round < ingestRounds; round += 1) {
      asked.push(await openLoop(asking(run, askers.nats, tenant), load));
    }
    return asked;
  };
  const idle = await rounds();
  const feed = await createFeed(
    { docs: log.docs, events: eventFeed(log.connection) },
    ingestTenant,
  );
  const over = new AbortController();
  const textOf = (index: number): string => site.texts[index % site.texts.length] ?? "";
  const options = { target: feed, textOf, prefix: "ingest", lanes: ingestLanes };
  const ingest = saturate({ ...options, signal: over.signal });
  await sleep(2_000);
  const full = await rounds();
  over.abort();
  const documents = await ingest;
  feed.close();
  return { idle, full, documents };
}

/** The rate that was asked for, some questions repeated. */
export function measureOpen(run: Run, tenant: QueryTenant): Promise<Asked> {
  const { rate, openSeconds } = run.context.query;
  const next = repeating(run.next, repeatedShare, 500);
  const ask = asking({ next }, run.askers.nats, tenant);
  return openLoop(ask, { perSecond: rate, seconds: openSeconds });
}

/** One answer after the other, written by the mock model. */
export function measureModel(run: Run, tenant: QueryTenant): Promise<Asked> {
  const ask = asking(run, run.askers.nats, tenant, { mode: "answer" });
  return closedLoop(ask, { inFlight: 1, seconds: run.context.query.seconds * 2 });
}
