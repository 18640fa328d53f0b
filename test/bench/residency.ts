/**
 * Memory as a cache of tenants: questions by Zipf's law to more tenants than fit, documents that change in between,
 * every reply compared with that of a twin that has merged nothing and holds everything. Real engines over log and cold
 * shard in memory: which tenants stay does not depend on who stores them.
 */

import { type TenantId, tenantId } from "../../src/contract/ids.ts";
import { type Answer, parseQuestion } from "../../src/contract/query.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";
import type { BenchContext } from "./context.ts";
import { type BenchResult, measured } from "./report.ts";

const tenants = Array.from({ length: 50 }, (_, index) => tenantId(`tenant-${index}`));
const documents = 60;
const fitting = 20;
const questions = 1_000;
/** A document changes before each so many questions. */
const changesEvery = 20;
const patienceMs = 60_000;

export async function benchResidency({ say }: BenchContext): Promise<BenchResult> {
  say(`${tenants.length} tenants of ${documents} documents, twice`);
  const bytes = await bytesOfTenant();
  const engine = startMemoryEngine({ keptBytesMax: Math.round((fitting + 0.5) * bytes) });
  const twin = startMemoryEngine();
  try {
    for (const tenant of tenants) await fill(engine, tenant, true);
    for (const tenant of tenants) await fill(twin, tenant, false);
    const isFilled = () => tenants.every((tenant) => documentsOf(twin, tenant) === documents);
    await until(isFilled, "the twin has everything");
    say(`${questions} questions`);
    return { settings: settingsOf(bytes), rows: rowsOf(await askAll({ engine, twin, say })) };
  } finally {
    await Promise.all([engine.stop(), twin.stop()]);
  }
}

interface Seen {
  readonly hits: number;
  readonly idealHits: number;
  readonly different: number;
}

function rowsOf({ hits, idealHits, different }: Seen) {
  const row = (name: string, unit: string, value: number, against: number | null = null) =>
    measured({ ...{ name, unit, value, against }, p50: value, p99: value, n: questions });
  return [
    row("residency.different_answers", "answers", different),
    row("residency.hits_vs_ideal_lru", "share", hits / questions, idealHits / questions),
  ];
}

function settingsOf(bytes: number): Readonly<Record<string, string>> {
  const counts = { tenants: tenants.length, documents, fitting, questions, changesEvery };
  const all = { ...counts, "bytes of a tenant": Math.round(bytes) };
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, String(value)]));
}

/** What one of these tenants keeps. */
async function bytesOfTenant(): Promise<number> {
  const engine = startMemoryEngine();
  try {
    const [tenant] = tenants;
    if (tenant === undefined) throw new Error("there is no tenant");
    await fill(engine, tenant, true);
    return engine.topology.directory.tenant(tenant)?.status.kept.bytes ?? 0;
  } finally {
    await engine.stop();
  }
}

async function fill(engine: MemoryEngine, tenant: TenantId, merges: boolean): Promise<void> {
  const seqs: number[] = [];
  for (let at = 0; at < documents; at += 1) seqs.push(await publish(engine, tenant, at, 0));
  if (!merges) return;
  await engine.event(seqs.at(-1) ?? 0);
  await engine.merges.force(tenant);
  const statusOf = () => engine.topology.directory.tenant(tenant)?.status;
  await until(() => (statusOf()?.hot.documents ?? 1) === 0, "everything is merged for good");
}

function documentsOf({ topology }: MemoryEngine, tenant: TenantId): number {
  return topology.directory.tenant(tenant)?.status.documents ?? 0;
}

/** Numbers make each document's words its own, and leave enough that they share. */
async function publish(
  engine: MemoryEngine,
  tenant: TenantId,
  at: number,
  edition: number,
): Promise<number> {
  const words = [`n${at}`, `n${at % 7}`, `n${at % 11}`, `e${edition}`, `n${(at * 3) % 13}`];
  const text = `The notes of ${tenant} about ${words.join(" and ")}.`;
  const payload = new TextEncoder().encode(JSON.stringify({ id: `d${at}`, text }));
  return (await engine.log.docs.publish({ tenant, payload })).seq;
}

async function askAll(parts: {
  readonly engine: MemoryEngine;
  readonly twin: MemoryEngine;
  readonly say: (line: string) => void;
}): Promise<Seen> {
  const { engine, twin, say } = parts;
  const draw = random(13);
  // Newest last. What was asked last of all before is what an ideal cache begins with: nothing.
  const ideal: TenantId[] = [];
  let [hits, idealHits, different] = [0, 0, 0];
  for (let asked = 0; asked < questions; asked += 1) {
    const tenant = tenants[zipf(draw, tenants.length)];
    if (tenant === undefined) throw new Error("no tenant has this rank");
    const at = Math.floor(draw() * documents);
    let minSeq = 0;
    if (asked % changesEvery === 0) {
      const [seq, other] = await Promise.all([
        publish(engine, tenant, at, asked),
        publish(twin, tenant, at, asked),
      ]);
      if (seq !== other) throw new Error("the twins have different logs");
      minSeq = seq;
    }
    const query = `What do the notes say about n${at} and n${at % 7}?`;
    const [own, reference] = await Promise.all(
      [engine, twin].map((each) => ask(each, { tenant, query, minSeq })),
    );
    if (own === undefined || reference === undefined) throw new Error("a question has no reply");
    const isResident = own.coverage.cold === "resident";
    if (isResident) hits += 1;
    if (shownIn(own, isResident) !== shownIn(reference, isResident)) different += 1;
    const known = ideal.indexOf(tenant);
    if (known >= 0) {
      idealHits += 1;
      ideal.splice(known, 1);
    }
    ideal.push(tenant);
    if (ideal.length > fitting) ideal.shift();
    // Whoever is asked next is asked when this load is over, as with an ideal cache.
    const statusOf = () => engine.topology.directory.tenant(tenant)?.status;
    await until(() => statusOf()?.isResident === true, `${tenant} is resident`);
    if (asked % 500 === 499) say(`${asked + 1} questions, ${hits} hits`);
  }
  return { hits, idealHits, different };
}

async function ask(
  { service }: MemoryEngine,
  { tenant, query, minSeq }: { tenant: TenantId; query: string; minSeq: number },
): Promise<Answer> {
  const wanted = minSeq === 0 ? {} : { min_seq: minSeq };
  const question = parseQuestion({ query, mode: "search", top_k: 10, ...wanted });
  return service.ask({ tenant, question, signal: new AbortController().signal });
}

/**
 * Scores are compared where memory answered. Where cold did, what it finds of old versions takes places in its lists,
 * and the scores move by a thousandth.
 */
function shownIn({ sources, visible_seq: visible }: Answer, withScores: boolean): string {
  const shown = sources.map(({ id, version, chunk, text, score }) => [
    ...[id, version, chunk, text],
    ...(withScores ? [score] : []),
  ]);
  return JSON.stringify([visible, ...shown]);
}

/** Ranks by Zipf's law with exponent 1. */
function zipf(draw: () => number, count: number): number {
  const weights = Array.from({ length: count }, (_, rank) => 1 / (rank + 1));
  let left = draw() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [rank, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return rank;
  }
  return count - 1;
}

/** mulberry32 */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const endMs = systemClock.monotonicMs() + patienceMs;
  while (!holds()) {
    if (systemClock.monotonicMs() > endMs) throw new Error(`it never came that ${what}`);
    await systemClock.sleep(1);
  }
}
