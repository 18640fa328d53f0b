/**
 * Two thousand random questions of readers with random groups, over documents with random labels
 * in every placement, against an oracle that reads labels and filter by hand; and against an engine
 * that never had the hidden documents: they change no rank and no score.
 */

import { afterAll, describe, expect, it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import { parseQuestion, type Source } from "../../src/contract/query.ts";
import { random } from "../hot/documents.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";
import { eventually } from "../support/promises.ts";
import { runs } from "../support/runs.ts";

const acme = "acme" as TenantId;
const labels = Array.from({ length: 12 }, (_, n) => `group ${n}`);
const words = Array.from({ length: 30 }, (_, n) => `word${n}`);
const kinds = ["memo", "plan", "note"] as const;

interface Document {
  readonly id: string;
  readonly text: string;
  readonly acl?: readonly string[];
  readonly metadata: { readonly kind: string };
}

interface Reader {
  readonly groups: readonly string[] | undefined;
}

class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = random(seed);
  }

  below(count: number): number {
    return Math.floor(this.#next() * count);
  }

  one<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)] as Value;
  }

  some<Value>(values: readonly Value[], most: number): Value[] {
    return [...new Set(Array.from({ length: this.below(most + 1) }, () => this.one(values)))];
  }
}

function documentsOf(dice: Dice, count: number): Document[] {
  return Array.from({ length: count }, (_, n) => {
    const text = Array.from({ length: 3 + dice.below(12) }, () => dice.one(words)).join(" ");
    const isLabelled = dice.below(4) > 0;
    return {
      ...{ id: `d${n}`, text: `unique${n} ${text}.` },
      ...(isLabelled ? { acl: dice.some(labels, 3) } : {}),
      metadata: { kind: dice.one(kinds) },
    };
  });
}

type AclDefault = "allow" | "deny";

/** The rule by hand. */
function sees({ groups }: Reader, { acl }: Document, aclDefault: AclDefault): boolean {
  if (groups === undefined) return true;
  return acl === undefined ? aclDefault === "allow" : acl.some((each) => groups.includes(each));
}

async function publish(engine: MemoryEngine, documents: readonly Document[]): Promise<void> {
  let last = 0;
  for (const document of documents) {
    const payload = Buffer.from(JSON.stringify(document));
    last = (await engine.service.publish(acme, { payload })).seq;
  }
  if (last > 0) await engine.event(last);
}

async function merge(engine: MemoryEngine): Promise<void> {
  expect(await engine.merges.force(acme)).toMatchObject({ kind: "merged" });
  const inHot = () => engine.service.status().tenants[0]?.hot.documents;
  await eventually(() => expect(inHot()).toBe(0));
}

async function ask(engine: MemoryEngine, reader: Reader, body: object): Promise<readonly Source[]> {
  const question = parseQuestion({ mode: "search", ...body });
  const { signal } = new AbortController();
  const asked = engine.service.ask({ tenant: acme, ...reader, question, signal });
  try {
    return (await asked).sources;
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: "no_results" });
    return [];
  }
}

const engines: MemoryEngine[] = [];
afterAll(() => Promise.all(engines.map((engine) => engine.stop())));

function started(options: Parameters<typeof startMemoryEngine>[0]): MemoryEngine {
  const engine = startMemoryEngine({ graceMs: 0, ...options });
  engines.push(engine);
  return engine;
}

type Placement = "hot" | "half" | "cold" | "resident";

async function placed(
  placement: Placement,
  documents: readonly Document[],
  aclDefault: AclDefault,
): Promise<MemoryEngine> {
  const keeps = placement === "resident";
  const engine = started({ aclDefault, ...(keeps ? {} : { keptBytesMax: 0 }) });
  const half = placement === "half" ? documents.length / 2 : documents.length;
  await publish(engine, documents.slice(0, half));
  if (placement !== "hot") await merge(engine);
  await publish(engine, documents.slice(half));
  return engine;
}

const shown = (sources: readonly Source[]) =>
  sources.map(({ id, chunk, score, text }) => ({ id, chunk, score, text }));

/** Few enough that every list of both shards holds them all. */
const fewDocuments = 48;
const questionsEach = runs(250);

describe.each<AclDefault>(["allow", "deny"])(
  "with %s for documents without labels",
  (aclDefault) => {
    it.each<Placement>(["hot", "half", "cold", "resident"])(
      "each question finds what its reader may see, in %s: no leak, no loss",
      async (placement) => {
        const dice = new Dice(7 + placement.length);
        const documents = documentsOf(dice, fewDocuments);
        const engine = await placed(placement, documents, aclDefault);
        const leaks: string[] = [];
        const losses: string[] = [];
        for (let n = 0; n < questionsEach; n += 1) {
          const reader = { groups: dice.below(10) === 0 ? undefined : dice.some(labels, 6) };
          const kind = dice.below(3) === 0 ? dice.one(kinds) : undefined;
          const sources = await ask(engine, reader, {
            query: dice.some(words, 5).join(" ") || "anything",
            top_k: 50,
            ...(kind === undefined ? {} : { filter: { "metadata.kind": kind } }),
            ...(dice.below(4) === 0 ? { cache: false } : {}),
          });
          const found = new Set(sources.map(({ id }) => id));
          for (const document of documents) {
            const isDue =
              sees(reader, document, aclDefault) &&
              (kind === undefined || kind === document.metadata.kind);
            if (found.has(document.id) === isDue) continue;
            (isDue ? losses : leaks).push(`${n} ${JSON.stringify(reader)} ${document.id}`);
          }
          const told = sources.flatMap(({ acl }) => acl ?? []);
          if (reader.groups !== undefined) {
            expect(told.every((label) => reader.groups?.includes(label))).toBe(true);
          }
        }
        expect({ leaks, losses }).toEqual({ leaks: [], losses: [] });
      },
    );
  },
);

describe("what a reader may not see", () => {
  it.each<[Placement, number]>([
    ["hot", 240],
    ["resident", 240],
    ["half", fewDocuments],
    ["cold", fewDocuments],
  ])(
    "changes no rank and no score of the rest, in %s, as if it never was",
    async (placement, count) => {
      const dice = new Dice(11);
      const documents = documentsOf(dice, count);
      const engine = await placed(placement, documents, "allow");
      for (let n = 0; n < runs(3); n += 1) {
        const reader = { groups: dice.some(labels, 6) };
        const twin = started({ keptBytesMax: 0 });
        await publish(
          twin,
          documents.filter((document) => sees(reader, document, "allow")),
        );
        for (let asked = 0; asked < runs(30); asked += 1) {
          const query = dice.some(words, 4).join(" ") || "anything";
          const body = { query, top_k: 1 + dice.below(50) };
          const own = shown(await ask(engine, reader, body));
          expect(own).toEqual(shown(await ask(twin, { groups: undefined }, body)));
        }
      }
    },
  );
});
