/** Real text: Markdown that the installed packages ship, or a collection in BEIR form. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { readCorpus } from "../../src/cli/ingest/corpus.ts";
import { checkOperation } from "../../src/contract/document.ts";
import { limits } from "../../src/contract/limits.ts";
import type { EmbedInput } from "../../src/embedding/port.ts";
import { createPreparer } from "../../src/ingest/preparer.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { random } from "../hot/documents.ts";
import { testRedactor } from "../support/redactor.ts";
import type { BenchContext } from "./context.ts";

export interface BenchDocument {
  readonly id: string;
  readonly title?: string | undefined;
  readonly text: string;
}

/** Shorter ones are stubs, longer ones are change logs: neither is what a publisher sends one at a time. */
const documentChars = { min: 200, max: 6_000 };
/** One fixed order for all runs. */
const seed = 20_240_607;

/** Documents of mixed lengths in a fixed shuffled order. @throws Error when there are too few to measure with */
export async function loadDocuments(
  context: Pick<BenchContext, "dataset" | "root">,
): Promise<readonly BenchDocument[]> {
  const { dataset, root } = context;
  const corpus =
    dataset === undefined
      ? await readCorpus(join(root, "node_modules"), { kinds: ["markdown"] })
      : await readCorpus(corpusFile(dataset));
  const documents: BenchDocument[] = [];
  for await (const document of corpus.documents) {
    const { id, title, text } = document;
    if (typeof id !== "string" || typeof text !== "string") continue;
    if (text.length < documentChars.min || text.length > documentChars.max) continue;
    documents.push({ id, text, ...(typeof title === "string" ? { title } : {}) });
  }
  if (documents.length < 50) throw new Error(`only ${documents.length} documents to measure with`);
  return shuffled(documents);
}

export function corpusFile(dataset: string): string {
  const file = join(dataset, "corpus.jsonl");
  if (!existsSync(file)) throw new Error(`${dataset} holds no corpus.jsonl`);
  return file;
}

/** A chunk as the engine embeds it. */
export interface BenchChunk extends EmbedInput {
  readonly documentId: string;
}

export type Chunker = (document: BenchDocument) => readonly BenchChunk[];

/** Cleans, redacts and cuts documents as the engine does, so that both sides embed the same chunks. */
export async function createChunker(modelDir: string): Promise<Chunker> {
  const tokenizer = await loadTokenizer(modelDir);
  const prepare = createPreparer({ tokenizer, redactor: testRedactor });
  return (document) => {
    const operation = checkOperation({ ...document, op: "upsert" }, limits.documentTextBytesMax);
    if (!operation.ok || operation.operation.op !== "upsert") return [];
    return prepare(operation.operation).chunks.map(({ text, heading, tokens }) => ({
      documentId: document.id,
      text: heading === undefined ? text : `${heading}\n${text}`,
      tokens,
    }));
  };
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  const next = random(seed);
  return items
    .map((item) => ({ item, key: next() }))
    .sort((left, right) => left.key - right.key)
    .map(({ item }) => item);
}
