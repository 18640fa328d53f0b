import { afterAll, describe, expect, test } from "vitest";
import { connectWeaviate } from "../../src/cold/weaviate.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { freshTenant } from "../cold/objects.ts";
import { weaviateAddress } from "../cold/weaviate-address.ts";
import { runs } from "../support/runs.ts";
import { corpusOf, dimensions, place, scripts } from "./placement.ts";

const cold = connectWeaviate({
  ...{ ...weaviateAddress(), dimensions },
  ...{ clock: systemClock, logger: silentLogger },
});
afterAll(() => cold.close());
const createHot = createExactHotShardFactory();
const hot = () => createHot({ dimensions });
const questions = runs(15);

describe("F2, C5: what a merge moves into Weaviate keeps its rank and its score", () => {
  test.each(Object.keys(scripts))("in %s", async (script) => {
    const corpus = corpusOf(script, { tenant: freshTenant("placed"), seed: 3, size: 120 });
    const placements = await place(corpus, { cold, hot });
    for (let asked = 0; asked < questions; asked += 1) {
      const question = corpus.question();
      const [inHot, half, inCold] = await placements.rank(question);
      expect(half, question.text).toEqual(inHot);
      expect(inCold, question.text).toEqual(inHot);
    }
  });
});
