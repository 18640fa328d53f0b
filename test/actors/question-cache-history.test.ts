/**
 * Thousands of updates with everything kept that may be kept: no reply is older than what it says
 * it covers, and equal questions do share. A whole engine in memory, real time.
 */

import { expect, it } from "vitest";
import type { LanguageModel } from "../../src/answer/port.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Metrics, silentMetrics } from "../../src/contract/observation.ts";
import { type Answer, parseQuestion } from "../../src/contract/query.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";
import { patienceMs, runs } from "../support/runs.ts";

const acme = "acme" as TenantId;
/** Logs one after the other: the one in memory reads all of itself for a merge. */
const logs = runs(12);
const updates = 250;
/** Publishes in flight together. */
const atOnce = 20;
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

/** Undefined where nothing was found. */
async function ask(engine: MemoryEngine, body: object, floor: number): Promise<Answer | undefined> {
  const wait_ms = limits.waitMsMax;
  const question = parseQuestion({ wait_ms, ...body, ...(floor > 0 && { min_seq: floor }) });
  const { signal } = new AbortController();
  try {
    const answer = await engine.service.ask({ tenant: acme, question, signal });
    expect(answer.visible_seq).toBeGreaterThanOrEqual(floor);
    return answer;
  } catch (thrown) {
    if (thrown instanceof FreshetError && thrown.code === "no_results") return undefined;
    throw thrown;
  }
}

/** What an answer says that its own sources do not. */
function foreign({ answer, sources }: Answer): readonly string[] {
  const said = answer.match(/\w+ turns \d+/g) ?? [];
  return said.filter((each) => !sources.some(({ text }) => text.includes(each)));
}

/** Publishes and asks at once, over one log from its beginning. */
async function history(metrics: Metrics, next: (below: number) => number): Promise<void> {
  const engine = startMemoryEngine({ model: echo, metrics, mergeSizeChunks: 60, graceMs: 1 });
  const oracle = new Oracle();
  const anyQuestion = (): object => questions[next(questions.length)] as object;
  let acked = 0;
  for (let update = 0; update < updates; update += atOnce) {
    const changes = Array.from({ length: atOnce }, (_, index) => {
      const text = `${topics[next(topics.length)]} turns ${update + index}`;
      return { id: `d${next(documents)}`, ...(next(8) === 0 ? { op: "delete" } : { text }) };
    });
    const body = anyQuestion();
    // Equal ones and another, while the documents change.
    const asking = [body, body, anyQuestion()].map((each) => ask(engine, each, acked));
    const seqs = await Promise.all(changes.map((change) => publish(engine, change)));
    for (const [index, { id, ...change }] of changes.entries()) {
      oracle.published(id, seqs[index] as number, "text" in change ? change.text : undefined);
    }
    acked = Math.max(...seqs);
    const during = await Promise.all(asking);
    // And twice when all of it has to be visible.
    const after = [await ask(engine, body, acked), await ask(engine, body, acked)];
    for (const answer of [...during, ...after]) {
      if (answer === undefined) continue;
      expect([...oracle.check(answer), ...foreign(answer)]).toEqual([]);
    }
  }
  await engine.stop();
}

it(
  "thousands of updates: no reply from an older version, and equal questions share (I3, I4, I5, I8)",
  async () => {
    const { metrics, of } = countingCaches();
    const next = numbers(13);
    for (let log = 0; log < logs; log += 1) await history(metrics, next);
    for (const cache of ["vectors", "searches", "answers"]) {
      expect(of(`${cache} hit`), cache).toBeGreaterThan(2.5 * logs);
    }
    expect(of("searches shared")).toBeGreaterThan(2.5 * logs);
  },
  patienceMs(300_000),
);
