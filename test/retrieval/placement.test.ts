import { describe, expect, test } from "vitest";
import { createMemoryCold } from "../../src/cold/memory.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import { runs } from "../support/runs.ts";
import { corpusOf, dimensions, place, scripts } from "./placement.ts";

const createHot = createExactHotShardFactory();
const hot = () => createHot({ dimensions });

describe("F2, C5: what a merge moves keeps its rank and its score", () => {
  test.each(Object.keys(scripts))("in %s", async (script) => {
    for (const [seed, size, questions] of [
      [1, 40, runs(40)],
      [2, 400, runs(15)],
    ] as const) {
      const corpus = corpusOf(script, { tenant: `${script}-${size}` as TenantId, seed, size });
      const placements = await place(corpus, { cold: createMemoryCold(), hot });
      for (let asked = 0; asked < questions; asked += 1) {
        const question = corpus.question();
        const [inHot, half, inCold] = await placements.rank(question);
        expect(half, question.text).toEqual(inHot);
        expect(inCold, question.text).toEqual(inHot);
      }
    }
  });
});
