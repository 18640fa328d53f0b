/**
 * Whether a merge changes answers: the ranking of generated questions with a corpus in hot, half of
 * it merged, and all of it, in many scripts. Over Weaviate, too, where FRESHET_WEAVIATE_URL names
 * one.
 */

import { createMemoryCold } from "../../src/cold/memory.ts";
import type { ColdShard } from "../../src/cold/port.ts";
import { connectWeaviate } from "../../src/cold/weaviate.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { corpusOf, dimensions, place, scripts } from "../retrieval/placement.ts";
import type { BenchContext } from "./context.ts";
import { type BenchResult, measured, type Row, skipped } from "./report.ts";

const questionsPerScript = 720;
const sizes = [60, 240];
const name = "placement.differences";

export async function benchPlacement({ env, say }: BenchContext): Promise<BenchResult> {
  const rows = [await differences(`${name}.memory`, createMemoryCold(), say)];
  const url = env["FRESHET_WEAVIATE_URL"];
  if (url === undefined) {
    rows.push(skipped(`${name}.weaviate`, "questions", "FRESHET_WEAVIATE_URL names no server"));
  } else {
    const cold = connectWeaviate({
      ...{ url, grpc: env["FRESHET_WEAVIATE_GRPC"] ?? "127.0.0.1:50051", dimensions },
      ...{ apiKey: env["FRESHET_WEAVIATE_API_KEY"], clock: systemClock, logger: silentLogger },
    });
    rows.push(await differences(`${name}.weaviate`, cold, say));
    await cold.close();
  }
  const asked = "order and scores of ten hits";
  return {
    settings: { scripts: Object.keys(scripts).join(" "), documents: sizes.join(", "), asked },
    rows,
  };
}

async function differences(
  row: string,
  cold: ColdShard,
  say: (line: string) => void,
): Promise<Row> {
  const createHot = createExactHotShardFactory();
  const run = Date.now().toString(36);
  const each = questionsPerScript / sizes.length;
  let asked = 0;
  let value = 0;
  for (const script of Object.keys(scripts)) {
    for (const size of sizes) {
      const tenant = `placement-${script}-${size}-${run}` as TenantId;
      const corpus = corpusOf(script, { tenant, seed: size, size });
      const placed = await place(corpus, { cold, hot: () => createHot({ dimensions }) });
      for (let count = 0; count < each; count += 1) {
        const rankings = await placed.rank(corpus.question());
        const different = new Set(rankings.map((ranking) => JSON.stringify(ranking)));
        if (different.size > 1) value += 1;
        asked += 1;
      }
    }
    say(`${row}: ${script}, ${asked} questions, ${value} differ`);
  }
  return measured({ name: row, unit: "questions", value, p50: value, p99: value, n: asked });
}
