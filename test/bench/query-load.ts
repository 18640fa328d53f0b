/** Questions in a closed loop, and in an open one whose clock does not wait for answers. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Coverage, Timings } from "../../src/contract/query.ts";
import { random } from "../hot/documents.ts";
import type { Reply } from "./query-ask.ts";
import { percentile } from "./stats.ts";

/** What a run of questions brought, one entry an answered question. */
export interface Asked {
  readonly ms: number[];
  readonly timings: Timings[];
  readonly cold: Map<Coverage["cold"], number>;
  /** Refusals by code. */
  readonly refused: Map<string, number>;
  seconds: number;
}

export type AskNext = () => Promise<Reply>;

export function nothingAsked(): Asked {
  return { ms: [], timings: [], cold: new Map(), refused: new Map(), seconds: 0 };
}

/** So many callers, each with its next question as soon as its last is answered. */
export async function closedLoop(
  ask: AskNext,
  load: { readonly inFlight: number; readonly seconds: number },
): Promise<Asked> {
  const into = nothingAsked();
  const begun = performance.now();
  const endMs = begun + load.seconds * 1000;
  const caller = async (): Promise<void> => {
    while (performance.now() < endMs) await askOnce(ask, performance.now(), into);
  };
  await Promise.all(Array.from({ length: load.inFlight }, caller));
  into.seconds = (performance.now() - begun) / 1000;
  return into;
}

/**
 * Questions at a rate. Each counts from when it was due, so that neither a client that lags nor an
 * engine that stalls hides the wait it caused (coordinated omission).
 */
export async function openLoop(
  ask: AskNext,
  load: { readonly perSecond: number; readonly seconds: number },
): Promise<Asked> {
  const into = nothingAsked();
  const begun = performance.now();
  const count = Math.round(load.perSecond * load.seconds);
  const asked: Promise<void>[] = [];
  for (let index = 0; index < count; index += 1) {
    const dueMs = begun + (index / load.perSecond) * 1000;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    asked.push(askOnce(ask, dueMs, into));
  }
  await Promise.all(asked);
  into.seconds = (performance.now() - begun) / 1000;
  return into;
}

async function askOnce(ask: AskNext, fromMs: number, into: Asked): Promise<void> {
  const reply = await ask();
  const ms = performance.now() - fromMs;
  if ("refused" in reply) {
    into.refused.set(reply.refused, (into.refused.get(reply.refused) ?? 0) + 1);
    return;
  }
  into.ms.push(ms);
  into.timings.push(reply.timings);
  into.cold.set(reply.cold, (into.cold.get(reply.cold) ?? 0) + 1);
}

export function together(runs: readonly Asked[]): Asked {
  const all = nothingAsked();
  for (const { ms, timings, cold, refused, seconds } of runs) {
    all.ms.push(...ms);
    all.timings.push(...timings);
    for (const [name, count] of cold) all.cold.set(name, (all.cold.get(name) ?? 0) + count);
    for (const [name, count] of refused)
      all.refused.set(name, (all.refused.get(name) ?? 0) + count);
    all.seconds += seconds;
  }
  return all;
}

export function perSecond({ ms, seconds }: Asked): number {
  return ms.length / seconds;
}

/** Median milliseconds by stage; `rest` is what the caller waited beside them, the wire included. */
export function stagesOf({ ms, timings }: Asked): string {
  const names = ["embed", "hot", "cold", "fuse", "llm"] as const;
  const medians = names.map((name) => {
    const values = timings.map((timing) => timing[name]);
    return [name, percentile(values, 0.5)] as const;
  });
  const rest = timings.map((timing, index) => {
    const inStages = names.reduce((sum, name) => sum + timing[name], 0);
    return (ms[index] ?? Number.NaN) - inStages;
  });
  return [...medians, ["rest", percentile(rest, 0.5)] as const]
    .map(([name, value]) => `${name} ${value.toFixed(2)}`)
    .join(", ");
}

/** Undefined when everything was answered. */
export function refusalsOf({ refused }: Asked): string | undefined {
  if (refused.size === 0) return undefined;
  return `refused ${[...refused].map(([code, count]) => `${count} ${code}`).join(", ")}`;
}

const recentMax = 1_000;

/**
 * Questions of which a share repeats one of the last thousand, evenly drawn: what a cache of answers
 * may hope for.
 */
export function repeating(next: () => string, share: number, seed: number): () => string {
  const draw = random(seed);
  const recent: string[] = [];
  let at = 0;
  return () => {
    if (recent.length > 0 && draw() < share) {
      return recent[Math.floor(draw() * recent.length)] as string;
    }
    const question = next();
    recent[at % recentMax] = question;
    at += 1;
    return question;
  };
}
