/**
 * How many engines, and how much memory and disk, a load needs. Pure: a load and what one chunk,
 * one document and one question cost in; sums out, each with the line that explains it.
 */

import { dayMs } from "../../contract/limits/units.ts";
import { limits } from "../../contract/limits.ts";

export interface Load {
  readonly documents: number;
  readonly chunksPerDocument: number;
  /** Characters of a document's text. */
  readonly documentChars: number;
  /** New and changed documents a second, in the mean of a busy hour. */
  readonly documentsPerS: number;
  readonly questionsPerS: number;
  /** Share of the chunks, 0 to 1, whose tenants shall be answered from memory alone. */
  readonly resident: number;
  /** Copies of each stream. */
  readonly replicas: number;
  readonly coresPerEngine: number;
}

/** What was measured; `freshet plan --help` says where. */
export interface Costs {
  /** Chunks that a core embeds in a second. */
  readonly embedChunksPerCoreS: number;
  /** Share of an engine's work for documents that is embedding. */
  readonly embeddingShare: number;
  /** CPU of an engine for a question whose tenant is in memory, its embedding included. */
  readonly memoryQuestionCpuMs: number;
  readonly coldQuestionCpuMs: number;
  /** With text, vector and graph. */
  readonly hotBytesPerChunk: number;
  /** Of CHUNKS, each copy. */
  readonly logBytesPerChunk: number;
  readonly coldDiskBytesPerChunk: number;
  readonly coldMemoryBytesPerChunk: number;
  readonly headBytesPerDocument: number;
  /** An engine without documents: runtime, model and its tensors. */
  readonly engineBytes: number;
}

export interface Capacity {
  readonly engines: number;
  readonly memoryBytesPerEngine: number;
  /** Cores of all engines that the load keeps busy. */
  readonly busyCores: number;
  readonly natsDiskBytes: number;
  readonly natsServers: number;
  readonly weaviateMemoryBytes: number;
  readonly weaviateDiskBytes: number;
  readonly reasons: readonly string[];
}

/** Above it, waiting times grow faster than the load: the usual bound for shared cores. */
const busyShareMax = 0.7;

/** Memory that one node gives to hot rows. */
const hotBytesPerEngine = limits.hotBytesPerNodeMax;

export function capacityFor(load: Load, costs: Costs): Capacity {
  const { documents, chunksPerDocument, documentsPerS, questionsPerS, resident } = load;
  const chunks = documents * chunksPerDocument;
  const chunksPerS = documentsPerS * chunksPerDocument;
  const ingestCores = chunksPerS / costs.embedChunksPerCoreS / costs.embeddingShare;
  const questionMs =
    resident * costs.memoryQuestionCpuMs + (1 - resident) * costs.coldQuestionCpuMs;
  const questionCores = (questionsPerS * questionMs) / 1_000;
  const busyCores = ingestCores + questionCores;
  const forCores = Math.ceil(busyCores / busyShareMax / load.coresPerEngine);

  // What is not merged yet is never more than what arrives until a merge is due by age.
  const unmerged = Math.min(chunks, (chunksPerS * limits.mergeAgeMs) / 1_000);
  const hotBytes = (unmerged + resident * chunks) * costs.hotBytesPerChunk;
  const forMemory = Math.ceil(hotBytes / hotBytesPerEngine);
  // One that dies must leave another that takes its partitions.
  const least = load.replicas > 1 ? 2 : 1;
  const engines = Math.max(least, forCores, forMemory);

  const windowS = limits.replayWindowMs / 1_000;
  const headBytes = documents * costs.headBytesPerDocument;
  const logBytes =
    windowS * (chunksPerS * costs.logBytesPerChunk + documentsPerS * load.documentChars) +
    headBytes;
  return {
    engines,
    busyCores,
    memoryBytesPerEngine: costs.engineBytes + (hotBytes + headBytes) / engines,
    natsServers: load.replicas,
    natsDiskBytes: logBytes,
    weaviateMemoryBytes: chunks * costs.coldMemoryBytesPerChunk,
    weaviateDiskBytes: chunks * costs.coldDiskBytesPerChunk,
    reasons: [
      `ingest keeps ${cores(ingestCores)} busy: ${rate(chunksPerS)} chunks/s, a core embeds ${costs.embedChunksPerCoreS}`,
      `questions keep ${cores(questionCores)} busy: ${rate(questionsPerS)}/s, ${questionMs.toFixed(1)} ms of CPU each`,
      `engines: ${forCores} for the cores at ${busyShareMax * 100} % busy, ${forMemory} for hot memory, ${least} to survive a failure`,
      `the log keeps what was merged for ${limits.replayWindowMs / dayMs} days (FRESHET_REPLAY_WINDOW_MS)`,
    ],
  };
}

const cores = (count: number): string => `${count.toFixed(count < 10 ? 1 : 0)} cores`;
const rate = (count: number): string => (count < 10 ? count.toFixed(1) : count.toFixed(0));
