/**
 * Asks both generations of a tenant the same questions: how much they agree, how well each does
 * where judgements say it, and how long each takes.
 */

import { FreshetError } from "../../contract/errors.ts";
import type { Comparison } from "../../contract/generation.ts";
import type { Engine } from "../http-client.ts";

export interface JudgedQuestion {
  readonly query: string;
  /** Gain of each document that is relevant, by its id; undefined where nobody has judged. */
  readonly relevant?: Readonly<Record<string, number>> | undefined;
}

interface Asked {
  readonly ids: readonly string[];
  readonly ms: number;
}

export interface CompareOptions {
  readonly engine: Pick<Engine, "ask">;
  readonly questions: readonly JudgedQuestion[];
  /** The one that answers, and the other. */
  readonly generations: readonly [number, number];
  readonly k: number;
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
}

export async function compareGenerations(options: CompareOptions): Promise<Comparison> {
  const { questions, generations, k, nowMs } = options;
  const overlaps: number[] = [];
  const gains: [number[], number[]] = [[], []];
  const times: [number[], number[]] = [[], []];
  for (const [index, question] of questions.entries()) {
    // In turns: what the machine does besides falls on both alike.
    const order = index % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
    const found: Asked[] = [];
    for (const side of order) found[side] = await ask(options, question, generations[side]);
    const [active, other] = [found[0] as Asked, found[1] as Asked];
    overlaps.push(overlapOf(active.ids, other.ids, k));
    for (const side of [0, 1] as const) {
      times[side].push((found[side] as Asked).ms);
      const { relevant } = question;
      if (relevant !== undefined) gains[side].push(ndcgOf((found[side] as Asked).ids, relevant, k));
    }
  }
  const pairOf = (of: (values: readonly number[]) => number, from: [number[], number[]]) =>
    [of(from[0]), of(from[1])] as const;
  return {
    ...{ atMs: nowMs(), questions: questions.length, k, overlap: mean(overlaps) },
    ...(gains[0].length === 0 ? {} : { ndcg: pairOf(mean, gains) }),
    p50Ms: pairOf((values) => percentile(values, 0.5), times),
    p99Ms: pairOf((values) => percentile(values, 0.99), times),
  };
}

async function ask(
  { engine, k, signal, monotonicMs }: CompareOptions,
  { query }: JudgedQuestion,
  generation: number,
): Promise<Asked> {
  const begunMs = monotonicMs();
  const question = { query, top_k: k, mode: "search", cache: false, generation };
  const ids = await engine.ask(question, signal).then(
    ({ sources }) => sources.map(({ id }) => id),
    (thrown: unknown): string[] => {
      if (thrown instanceof FreshetError && thrown.code === "no_results") return [];
      throw thrown;
    },
  );
  // By documents: passages are cut alike, and judgements are of documents.
  return { ids: [...new Set(ids)], ms: monotonicMs() - begunMs };
}

/** 1 where both found nothing. */
export function overlapOf(one: readonly string[], other: readonly string[], k: number): number {
  const size = Math.min(k, Math.max(one.length, other.length));
  if (size === 0) return 1;
  const both = new Set(other.slice(0, k));
  return one.slice(0, k).filter((id) => both.has(id)).length / size;
}

export function ndcgOf(
  ids: readonly string[],
  relevant: Readonly<Record<string, number>>,
  k: number,
): number {
  const discounted = (gains: readonly number[]): number =>
    gains.slice(0, k).reduce((sum, gain, rank) => sum + (2 ** gain - 1) / Math.log2(rank + 2), 0);
  const best = discounted(Object.values(relevant).sort((one, other) => other - one));
  return best === 0 ? 0 : discounted(ids.map((id) => relevant[id] ?? 0)) / best;
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
