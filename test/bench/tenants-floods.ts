/** What one tenant's flood on each surface does to another tenant's documents and questions. */

import { setTimeout as sleep } from "node:timers/promises";
import { connect, type NatsConnection } from "nats";
import { request } from "undici";
import { limits } from "../../src/contract/limits.ts";
import type { BenchContext } from "./context.ts";
import type { BenchEngine } from "./engine.ts";
import { measured, type Row } from "./report.ts";
import { median, percentile } from "./stats.ts";
import { engineSums } from "./tenants-engine.ts";

const surfaces = ["http_publish", "nats_publish", "http_question", "nats_question"] as const;
type Surface = (typeof surfaces)[number];

const floodTenant = "flood";
/** Of each surface at once: as many as a node lets one tenant have, and more than it works on. */
const floodsAtOnce = limits.questionsInFlightMax;
/** A caller that heeds no refusal still has to read it. */
const refusedPauseMs = 20;
/** Documents of the flood that are stored and not visible: what a round leaves to be worked off. */
const backlogMax = 400;

const quietWithinMs = 60_000;

/** What the quiet tenant felt, milliseconds. */
interface Felt {
  readonly visible: number[];
  readonly question: number[];
}

export interface FloodOptions {
  readonly bench: BenchEngine;
  readonly texts: readonly string[];
  readonly rounds: number;
  readonly samples: number;
}

export async function floodRows(
  context: BenchContext,
  { bench, texts, rounds, samples }: FloodOptions,
): Promise<readonly Row[]> {
  const nats = await connect({ servers: bench.natsUrl });
  const backlog = { documents: 0 };
  nats.subscribe(`events.${floodTenant}`, {
    callback: () => {
      backlog.documents -= 1;
    },
  });
  const flooding = { bench, nats, texts, backlog };
  const probe = { bench, texts, samples };
  const idle: Felt[] = [];
  const flooded = new Map(surfaces.map((surface) => [surface, [] as Felt[]]));
  const batches: number[] = [];
  try {
    await quietRound(probe, "warm");
    for (let round = 0; round < rounds; round += 1) {
      idle.push(await quietRound(probe, `idle-${round}`));
      for (const surface of surfaces) {
        const before = await engineSums(bench);
        const flood = startFlood(flooding, surface);
        await sleep(500);
        const felt = await quietRound(probe, `${surface}-${round}`);
        const done = await flood.stop();
        flooded.get(surface)?.push(felt);
        batches.push((await engineSums(bench)).batchMsSince(before));
        const [visible, question] = [felt.visible, felt.question].map((ms) => percentile(ms, 0.99));
        context.say(
          `${surface} ${round}: visible p99 ${visible?.toFixed(0)} ms, question p99 ${question?.toFixed(0)} ms; the flood: ${done.passed} passed, ${done.refused} refused`,
        );
        await untilQuiet(flooding);
      }
    }
  } finally {
    await nats.close();
  }
  const batchMs = median(batches.filter((ms) => ms > 0));
  return surfaces.flatMap((surface) =>
    (["visible", "question"] as const).map((what) =>
      rowOf({ surface, what, idle, felt: flooded.get(surface) ?? [], batchMs }),
    ),
  );
}

/** The reference is what may be: twice the idle p99 and one batch of the embedder. */
function rowOf(of: {
  readonly surface: Surface;
  readonly what: keyof Felt;
  readonly idle: readonly Felt[];
  readonly felt: readonly Felt[];
  readonly batchMs: number;
}): Row {
  const { surface, what, idle, felt, batchMs } = of;
  const p99s = (rounds: readonly Felt[]) => rounds.map((round) => percentile(round[what], 0.99));
  const all = felt.flatMap((round) => round[what]);
  const idleP99 = median(p99s(idle));
  return {
    ...measured({
      ...{ name: `tenants.flood_${what}.${surface}`, unit: "ms" },
      ...{ value: median(p99s(felt)), against: 2 * idleP99 + batchMs },
      ...{ p50: percentile(all, 0.5), p99: percentile(all, 0.99), n: all.length },
    }),
    note: `against 2 x ${idleP99.toFixed(1)} ms (idle p99) + ${batchMs.toFixed(1)} ms (a batch); p99 of each round ${p99s(
      felt,
    )
      .map((ms) => ms.toFixed(0))
      .join(", ")} ms`,
  };
}

interface Probe {
  readonly bench: BenchEngine;
  readonly texts: readonly string[];
  readonly samples: number;
}

let probes = 0;

/** One document and one question after the other. */
async function quietRound({ bench, texts, samples }: Probe, prefix: string): Promise<Felt> {
  const felt: Felt = { visible: [], question: [] };
  for (let index = 0; index < samples; index += 1) {
    probes += 1;
    const text = texts[probes % texts.length] ?? "";
    const begun = performance.now();
    felt.visible.push((await bench.publish({ id: `${prefix}-${index}`, text })) - begun);
    const query = `${probes} ${text.slice(0, 60)}`;
    const asked = performance.now();
    await bench.engine.ask({ query, mode: "search" }, AbortSignal.timeout(60_000));
    felt.question.push(performance.now() - asked);
  }
  return felt;
}

interface Flooding {
  readonly bench: BenchEngine;
  readonly nats: NatsConnection;
  readonly texts: readonly string[];
  readonly backlog: { documents: number };
}

/** Closed loops of many, each again when it is answered or refused. */
function startFlood(flooding: Flooding, surface: Surface) {
  const over = new AbortController();
  let sent = 0;
  let passed = 0;
  let refused = 0;
  const loop = async (): Promise<void> => {
    while (!over.signal.aborted) {
      if (surface.endsWith("publish") && flooding.backlog.documents >= backlogMax) {
        await sleep(refusedPauseMs);
        continue;
      }
      sent += 1;
      const isPassed = await sendOne(flooding, surface, { index: sent, signal: over.signal }).catch(
        () => false,
      );
      if (isPassed && surface.endsWith("publish")) flooding.backlog.documents += 1;
      if (isPassed) passed += 1;
      else {
        refused += 1;
        await sleep(refusedPauseMs);
      }
    }
  };
  const loops = Array.from({ length: floodsAtOnce }, loop);
  return {
    async stop() {
      over.abort();
      await Promise.all(loops);
      return { passed, refused };
    },
  };
}

async function sendOne(
  { bench, nats, texts }: Flooding,
  surface: Surface,
  { index, signal }: { readonly index: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const text = texts[index % texts.length] ?? "";
  const document = { id: `flood-${index % 2_000}`, text };
  const question = { query: `${index} ${text.slice(0, 60)}`, mode: "search" };
  switch (surface) {
    case "http_publish":
    case "http_question": {
      const isPublish = surface === "http_publish";
      const { statusCode, body } = await request(
        `${bench.httpUrl}${isPublish ? "/v1/documents" : "/answer"}`,
        {
          ...{ method: "POST", signal },
          headers: { "content-type": "application/json", "x-tenant": floodTenant },
          body: JSON.stringify(isPublish ? document : question),
        },
      );
      await body.dump();
      return statusCode < 300;
    }
    case "nats_publish":
      await nats.jetstream().publish(`docs.${floodTenant}`, JSON.stringify(document));
      return true;
    case "nats_question": {
      const timeout = 60_000;
      const reply = await nats.request(`query.${floodTenant}`, JSON.stringify(question), {
        timeout,
      });
      return reply.headers?.get("Nats-Service-Error-Code") === "";
    }
  }
}

/** What the flood left in the log is worked off, so that the next round begins idle. */
async function untilQuiet({ bench, backlog }: Flooding): Promise<void> {
  const endMs = performance.now() + quietWithinMs;
  while (performance.now() < endMs) {
    const before = await engineSums(bench);
    await sleep(500);
    const since = await engineSums(bench);
    if (since.cpuSeconds - before.cpuSeconds < 0.1) break;
  }
  // Events come at most once: what was not heard of is no backlog of the next round.
  backlog.documents = 0;
}
