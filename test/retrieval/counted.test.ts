/** What shards counted when a chunk came in ranks as if fusion had read every text itself. */

import { describe, expect, test } from "vitest";
import { createMemoryCold } from "../../src/cold/memory.ts";
import type { DocumentId, Position, TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import { fuse } from "../../src/retrieval/fusion.ts";
import { lexicalMatch } from "../../src/text/chunk-terms.ts";
import { queryTerms } from "../../src/text/lexical.ts";
import { unit } from "../hot/documents.ts";
import { runs } from "../support/runs.ts";
import { corpusOf, dimensions, place, scripts } from "./placement.ts";
import { referenceRanking } from "./reference-fusion.ts";

const createHot = createExactHotShardFactory();
const questions = runs(8);

describe("the ranking is that of fusion by reading", () => {
  test.each(Object.keys(scripts))("to the last bit, in %s", async (script) => {
    const tenant = `counted-${script}` as TenantId;
    const made = corpusOf(script, { tenant, seed: 3, size: 200 });
    // Titles of their own, each a text of another document: they count where a chunk is looked for.
    const titled = made.documents.map((document, index) => {
      const title = made.documents[(7 * index) % 200]?.chunks[0]?.text;
      return index % 2 === 0 ? document : { ...document, info: { title } };
    });
    const corpus = { ...made, documents: titled };
    const hot = () => createHot({ dimensions });
    const placements = await place(corpus, { cold: createMemoryCold(), hot });
    const perList = limits.candidatesPerShard;
    for (let asked = 0; asked < questions; asked += 1) {
      const question = corpus.question();
      for (const shards of await placements.find(question)) {
        const all = [...shards.hot, ...shards.cold];
        const fused = fuse({ ...shards, question: question.text, limit: all.length, perList });
        const ranking = fused.map(({ candidate: { documentId, chunk }, score }) => ({
          key: `${documentId}#${chunk}`,
          score,
        }));
        expect(ranking, question.text).toEqual(referenceRanking(question.text, all, perList));
      }
    }
  });

  test("LI3: the title finds a chunk and counts for nothing in it", () => {
    const shard = createHot({ dimensions: 2 });
    const shown = [
      // Stop words count where nothing else is left of heading and text, whatever the title says.
      { text: "to be or not to be" },
      { text: "watermark watermark of the merge", heading: "Watermark" },
      { text: "…" },
      { heading: "", text: "merge" },
      { heading: "the", text: "of the" },
      { heading: "The watermark", text: "" },
    ];
    shard.upsert({
      ...{ documentId: "a" as DocumentId, version: 1 as Version, position: 1 as Position },
      info: { title: "The watermark is to be" },
      chunks: shown.map((chunk) => ({ ...chunk, vector: unit(1, 0) })),
    });
    for (const text of ["watermark", "to be the", "merge of watermarks", "the", "?", "title"]) {
      const found = shard.search({ vector: unit(1, 0), text, limit: 10 });
      expect(found.length).toBe(shown.length);
      for (const { chunk, lexical } of found) {
        const read = lexicalMatch(queryTerms(text), shown[chunk] as { readonly text: string });
        expect(lexical, `${text} in ${JSON.stringify(shown[chunk])}`).toEqual(read);
      }
    }
    shard.close();
  });
});
