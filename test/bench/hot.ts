/** The hot shard against hnswlib-node, built from the same addon in the same process. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { limits } from "../../src/contract/limits.ts";
import { buildBreadth, linksPerVector } from "../../src/hot/hnsw-protocol.ts";
import { searchBreadth } from "../../src/hot/nearest.ts";
import type { BenchContext } from "./context.ts";
import { bytesRow, idleTenantRow } from "./hot-memory.ts";
import { searchRows } from "./hot-search.ts";
import { tailRows } from "./hot-shards.ts";
import { writeRow } from "./hot-write.ts";
import { embeddingModel } from "./models.ts";
import type { BenchResult } from "./report.ts";
import { createChunker, loadDocuments } from "./texts.ts";

export async function benchHot(context: BenchContext): Promise<BenchResult> {
  // Memory first, while this process is still small.
  const idle = await idleTenantRow(context);
  const textOf = await chunkTexts(context);
  const bytes = await bytesRow(context, textOf);
  const write = await writeRow(context, textOf);
  const search = await searchRows(context, textOf);
  return {
    settings: {
      threads: "one for searches and writes; graphs are built in another, before the clock starts",
      vectors: "384 dimensions, mulberry32, 500 clusters; questions from the same clusters",
      addon: await hnswlibFlags(context.root),
      graph: `M ${linksPerVector}, efConstruction ${buildBreadth}, ef ${searchBreadth}, on both sides`,
      shard: `a graph above ${limits.hotFlatMax} vectors, searched with ${tailRows} in the flat tail`,
    },
    rows: [...search, write, idle, bytes],
  };
}

/** What the addon was compiled with, by its build's own record: hnswlib picks its kernels then. */
async function hnswlibFlags(root: string): Promise<string> {
  const built =
    "node_modules/hnswlib-node/build/Release/.deps/Release/obj.target/addon/src/addon.o.d";
  const record = await readFile(join(root, built), "utf8").catch(() => "");
  const flags = record.match(/-O\d|-m[a-z]\S+/g) ?? [];
  return `hnswlib-node built with ${[...new Set(flags)].join(" ") || "unknown flags"}`;
}

/** Chunks of real text, over and over: there are fewer of them than vectors. */
async function chunkTexts(context: BenchContext): Promise<(index: number) => string> {
  const { modelDir } = await embeddingModel(context);
  const chunker = await createChunker(modelDir);
  const documents = await loadDocuments(context);
  const texts = documents.flatMap((document) => chunker(document).map(({ text }) => text));
  return (index) => texts[index % texts.length] ?? "";
}
