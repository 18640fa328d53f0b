/**
 * Ten thousand updates with everything kept that may be kept: no reply is older than what it says
 * it covers, and equal questions do share. A whole engine in memory, real time.
 */

import { expect, it } from "vitest";
import type { LanguageModel } from "../../src/answer/port.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { type Answer, parseQuestion } from "../../src/contract/query.ts";
import type { Metrics } from "../../src/observe/port.ts";
import { silentMetrics } from "../../src/observe/port.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";

const acme = "acme" as TenantId;
const updates = 10_000;
const documents = 12;
const topics = ["amber", "birch", "cedar", "dune"];
/** Under which a reader asks twice between two updates, at times. */
const questions = topics.flatMap((topic) => [
  { query: `what of ${topic}?`, mode: "search" },
  { query: `  what of ${topic}? `, mode: "search" },
  { query: `what of ${topic}?`, mode: "answer" },
  { query: `what of ${topic}?`, mode: "search", top_k: 50 },
]);

/** Every version of each document that was published, oldest first; undefined: deleted. */
class Oracle {
  readonly #versions = new Map<string, { readonly seq: number; readonly text?: string }[]>();

  published(id: string, seq: number, text?: string): void {
    const versions = this.#versions.get(id) ?? [];
    versions.push(text === undefined ? { seq } : { seq, text });
    this.#versions.set(id, versions);
  }

  /** What is wrong with a reply: sources that are not of a state from `visible_seq` on. */
  check({ sources, visible_seq: visible }: Answer): readonly string[] {
    return sources.flatMap(({ id, version, text }) => {
      const versions = this.#versions.get(id) ?? [];
      const at = versions.findIndex(({ seq }) => seq === version);
      if (versions[at]?.text !== text) return [`${id}@${version} was never published so`];
      const next = versions[at + 1];
      if (next === undefined || next.seq > visible) return [];
      return [`${id}@${version}, but ${next.seq} is covered by ${visible}`];
    });
  }
}

/** Says what it was shown: an answer over other sources would show it. */
const echo: LanguageModel = {
  name: "echo",
  complete: async ({ messages, onText }) => {
    const shown = messages.at(-1)?.content.match(/\w+ turns \d+/g) ?? [];
    const text = `${shown.join(" and ")} [1].`;
    onText?.(text);
    return text;
  },
  ping: async () => {},
  close: async () => {},
};

function countingCaches() {
  const counts = new Map<string, number>();
  const metrics: Metrics = {
    ...silentMetrics,
    count: (name, labels) => {
      if (name !== "question_cache_total") return;
      const { cache, outcome } = labels as { readonly cache: string; readonly outcome: string };
      const label = `${cache} ${outcome}`;
      counts.set(label, (counts.get(label) ?? 0) + 1);
    },
  };
  return { metrics, of: (label: string) => counts.get(label) ?? 0 };
}

/** The same numbers in every run: a failure can be looked at again. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

async function publish(engine: MemoryEngine, body: object): Promise<number> {
  const payload = new TextEncoder().encode(JSON.stringify(body));
  return (await engine.service.publish(acme, { payload })).seq;
}

interface Reader {
  readonly engine: MemoryEngine;
  readonly oracle: Oracle;
  /** The newest that was acknowledged and is sure to be visible to a question that asks for it. */
  readonly floor: () => number;
}

async function ask({ engine, oracle, floor }: Reader, body: object): Promise<readonly string[]> {
  const asked = floor();
  const question = parseQuestion({ ...body, ...(asked > 0 && { min_seq: asked }) });
  const { signal } = new AbortController();
  const answer = await engine.service.ask({ tenant: acme, question, signal }).catch((thrown) => {
    if (thrown instanceof FreshetError && thrown.code === "no_results") return undefined;
    throw thrown;
  });
  if (answer === undefined) return [];
  const behind = answer.visible_seq < asked ? [`min_seq ${asked} is not covered`] : [];
  const said = answer.answer.match(/\w+ turns \d+/g) ?? [];
  const foreign = said.filter((each) => !answer.sources.some(({ text }) => text.includes(each)));
  return [...oracle.check(answer), ...behind, ...foreign.map((each) => `says ${each}`)];
}

it("10,000 updates: no reply from an older version, and equal questions share (I3, I4, I5, I8)", async () => {
  const counted = countingCaches();
  const { metrics } = counted;
  const engine = startMemoryEngine({ model: echo, metrics, mergeSizeChunks: 40, graceMs: 1 });
  const oracle = new Oracle();
  const next = numbers(13);
  let acked = 0;
  const reader = { engine, oracle, floor: () => acked };
  const wrong: string[] = [];
  for (let update = 1; update <= updates; update += 1) {
    const id = `d${next(documents)}`;
    const isDelete = next(8) === 0;
    const text = `${topics[next(topics.length)]} turns ${update}`;
    const seq = await publish(engine, isDelete ? { id, op: "delete" } : { id, text });
    oracle.published(id, seq, isDelete ? undefined : text);
    acked = seq;
    if (next(3) > 0) continue;
    // Several at once, and the same again with nothing in between.
    const body = questions[next(questions.length)] as object;
    const asked = [body, body, questions[next(questions.length)] as object];
    wrong.push(...(await Promise.all(asked.map((each) => ask(reader, each)))).flat());
    wrong.push(...(await ask(reader, body)));
    expect(wrong).toEqual([]);
  }
  await engine.stop();
  for (const cache of ["vectors", "searches", "answers"]) {
    expect(counted.of(`${cache} hit`), cache).toBeGreaterThan(100);
  }
  expect(counted.of("searches shared")).toBeGreaterThan(100);
}, 180_000);
