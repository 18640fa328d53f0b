/**
 * What labels cost: searches of a hot shard and of Weaviate by readers with groups, against the
 * same searches of the same documents by a reader who sees all.
 */

import type { ColdShard } from "../../src/cold/port.ts";
import { connectWeaviate } from "../../src/cold/weaviate.ts";
import { type Access, accessOf, admits } from "../../src/contract/access.ts";
import type { Candidate } from "../../src/contract/candidate.ts";
import { tenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { random } from "../hot/documents.ts";
import { chunkTexts, fill, latency, type Question, weaviate } from "./cold-search.ts";
import type { BenchContext } from "./context.ts";
import { fillShard } from "./hot-shards.ts";
import { interleave } from "./interleave.ts";
import { dimensions } from "./models.ts";
import { type BenchResult, measured, type Row } from "./report.ts";
import { makeVectors } from "./vectors.ts";

const chunks = 20_000;
const questions = 40;
const wordsPerQuestion = 7;
const labelsInAll = 2_000;
const labelsEach = 3;
/** So many readers that none finds its verdicts from its last question. */
const readersInTurn = 100;
const limit = limits.candidatesPerShard;

const next = random(5);
const below = (count: number): number => Math.floor(next() * count);
const label = (at: number): string => `group:${at}`;

/** One document in ten has none, the others three of two thousand. */
function labelsOf(document: number): readonly string[] | undefined {
  if (document % 10 === 0) return undefined;
  return Array.from({ length: labelsEach }, () => label(below(labelsInAll))).sort();
}

function readerOf(groups: number): Access {
  const own = new Set<string>();
  while (own.size < groups) own.add(label(below(labelsInAll)));
  return accessOf([...own], "allow") as Access;
}

type Search = (
  question: Question,
  access?: Access,
) => Promise<readonly Candidate[]> | readonly Candidate[];

/** Milliseconds of each search, and hits that a reader should not have seen. */
interface Side {
  readonly ms: number[];
  leaks: number;
}

async function each(
  asked: readonly Question[],
  side: Side,
  {
    search,
    reader,
  }: { readonly search: Search; readonly reader: (at: number) => Access | undefined },
): Promise<void> {
  for (const [at, question] of asked.entries()) {
    const access = reader(at);
    const begun = performance.now();
    const found = await search(question, access);
    side.ms.push(performance.now() - begun);
    side.leaks += found.filter(({ info }) => !admits(access, info.acl)).length;
  }
}

async function rowsOf(shard: "hot" | "cold", asked: readonly Question[], search: Search) {
  const sides = { all: side(), few: side(), many: side(), turns: side() };
  const few = readerOf(5);
  const many = readerOf(500);
  const readers = Array.from({ length: readersInTurn }, () => readerOf(500));
  let turn = 0;
  const by = (into: Side, reader: (at: number) => Access | undefined) => () =>
    each(asked, into, { search, reader });
  await interleave({
    all: by(sides.all, () => undefined),
    few: by(sides.few, () => few),
    many: by(sides.many, () => many),
    turns: by(sides.turns, () => readers[turn++ % readersInTurn]),
  });
  const { all } = sides;
  const vs = (name: string, own: Side): Row =>
    latency(`acl.${shard}_vs_none.${name}`, own.ms, all.ms);
  return {
    rows: [vs("5", sides.few), vs("500", sides.many), vs("500-in-turn", sides.turns)],
    leaks: sides.few.leaks + sides.many.leaks + sides.turns.leaks,
  };
}

const side = (): Side => ({ ms: [], leaks: 0 });

export async function benchAcl(context: BenchContext): Promise<BenchResult> {
  const texts = await chunkTexts(context);
  const hot = await hotRows(context, texts);
  const cold = await coldRows(context, texts);
  const leaks = hot.leaks + cold.leaks;
  const settings = {
    chunks: String(chunks),
    labels: `${labelsEach} of ${labelsInAll}, none of every tenth document`,
    limit: String(limit),
  };
  const n = 3 * 2 * questions;
  const row = { name: "acl.leaks", unit: "hits", value: leaks, p50: null, p99: null, n };
  return { settings, rows: [...hot.rows, ...cold.rows, measured(row)] };
}

async function hotRows(context: BenchContext, texts: readonly string[]) {
  context.say(`${chunks} chunks into a hot shard`);
  const set = makeVectors(chunks, questions);
  const textOf = (index: number): string => `${texts[index % texts.length]} ${index}`;
  const { scratch } = context;
  const { shard } = await fillShard({ vectors: set.base, textOf, scratch, labelsOf });
  const asked = set.queries.map((vector, index) => ({
    vector,
    text: (textOf(index * 37).match(/\p{L}{3,}/gu) ?? []).slice(0, wordsPerQuestion).join(" "),
  }));
  try {
    return await rowsOf("hot", asked, (question, access) =>
      shard.search({ ...question, limit, access }),
    );
  } finally {
    shard.close();
  }
}

async function coldRows(context: BenchContext, texts: readonly string[]) {
  const { address, stop } = await weaviate(context);
  const cold: ColdShard = connectWeaviate({
    ...{ ...address, dimensions, clock: systemClock, logger: silentLogger },
  });
  try {
    context.say(`${chunks} chunks into Weaviate`);
    const tenant = tenantId("bench-acl");
    const asked = await fill({ cold, tenant, chunks, texts, labelsOf });
    return await rowsOf("cold", asked, async (question, access) => {
      return (await cold.search({ tenant, ...question, limit, access })).hits;
    });
  } finally {
    await cold.close();
    await stop();
  }
}
