/** From text to chunks: redaction, chunking, terms, and the threads that do it (`src/ingest`). */

import { documentLimits } from "./documents.ts";
import { below, type Relations } from "./relation.ts";
import { KiB, minuteMs, secondMs } from "./units.ts";

export const textLimits = {
  /** all-MiniLM-L6-v2 was trained on 256 tokens; a chunk with its heading and [CLS], [SEP] fits. */
  chunkTokensMax: 256,
  /** About one sentence: an answer that straddles a cut is whole on one side. */
  chunkOverlapTokens: 32,
  /** A heading path longer than this says little and eats the chunk. */
  headingTokensMax: 32,
  /** The model makes one [UNK] of a longer run of letters, so such a run is cut instead. */
  wordCharsMax: 100,
  /** Words whose token ids are remembered, about 10 MB: a corpus repeats its words. */
  tokenizerCacheWordsMax: 50_000,
  /**
   * Candidates for a phone number that are checked against the world's numbering plans (some 20 us
   * each) in a text: so many, and so many for each KiB of it. A text with more has all its
   * candidates redacted unchecked: it is a phone book, or made to cost.
   */
  redactionCandidatesMin: 32,
  redactionCandidatesPerKiBMax: 16,
  /**
   * By how much placeholders may make a text longer, so that a record of it still fits: most values
   * are as long as their placeholder. A log with an address in each line grows by a twentieth.
   */
  redactionGrowthCharsMin: 1_024,
  redactionGrowthShare: 1 / 8,
  /** Keys of tenants that are kept derived: 32 bytes each. */
  redactionKeysKeptMax: 10_000,
  /**
   * Tokens of a text that the model of names sees at once, and how many neighbours share: what it
   * was tuned on are some 110, and each overlap is computed twice.
   */
  namesWindowTokens: 192,
  namesOverlapTokens: 32,
  /** Words whose terms are remembered for lexical scoring, about 5 MB. */
  lexicalMemoryWordsMax: 30_000,
  /** Chunks of a replayed record whose terms are counted in one go: 3 ms. */
  termsSliceChunks: 16,

  // --- threads that prepare documents --------------------------------------------------------
  /**
   * A document of at most so many bytes is prepared on the main thread: at worst 2 ms, as long as
   * handing it to a thread that has to be woken, and back. A larger one goes to a thread.
   */
  prepareInlineBytesMax: 4 * KiB,
  /**
   * Threads that prepare documents, started when they are needed. One that hangs leaves another.
   */
  prepareThreadsMax: 2,
  /** They yield to the main thread and to questions, as embedding documents does. */
  prepareNiceness: 10,
  /** The largest document takes a tenth of a second; on a busy machine ten times that. */
  prepareDeadlineMs: 10 * secondMs,
  /** With the model of names it takes 30 s, 0.1 s for each KiB, and as much on a busy machine. */
  prepareNamesDeadlineMs: 2 * minuteMs,
  /** So long the model of names may take for one question: a tenth of a second for each KiB. */
  questionNamesDeadlineMs: 10 * secondMs,
  /** Questions that wait for the model of names: more would not come to their turn in that time. */
  questionNamesWaitingMax: 64,
  /** A thread loads the tokenizer first. */
  prepareReadyMs: minuteMs,
  /**
   * A run of the model of names takes 20 ms, loading it half a second; ten times that on a busy
   * machine.
   */
  nativeThreadEndMs: 10 * secondMs,
  /**
   * Heap of such a thread, MiB: the tokenizer takes 60, the largest payload with its chunks 150.
   */
  prepareHeapMiBMax: 512,
  /**
   * Documents of one tenant that wait for a thread: all that it may have in hand, and as many
   * isolated or void ones.
   */
  prepareWaitingPerTenantMax: 128,

  // --- the process of a suspect --------------------------------------------------------------
  /** An isolated process loads the model, as the engine does at its start. */
  isolationReadyMs: minuteMs,
  /**
   * An isolated process that says nothing for so long hangs. It speaks after each 32 texts: half a
   * second of a slow CPU, or one request to an endpoint with all its attempts (three of 15 s).
   */
  isolationSilenceMs: minuteMs,
  /** An isolated process without work for so long is ended: it holds a model of its own. */
  isolationIdleMs: 10 * secondMs,
  /** Pauses between isolated processes of one document: memory of others may be free again. */
  isolationPauseMinMs: secondMs,
  isolationPauseMaxMs: 10 * secondMs,
  /** How often an isolated process looks whether its engine is still there. */
  isolationParentMs: 500,
} as const;

/** all-MiniLM-L6-v2: 384 float32. */
export const vectorBytes = 384 * 4;
/** [CLS] and [SEP]. */
const markTokens = 2;

const { chunkTokensMax, chunkOverlapTokens, headingTokensMax } = textLimits;
/** Tokens that a chunk brings at least; a token is one byte at least. */
const newTokensPerChunk = chunkTokensMax - chunkOverlapTokens - headingTokensMax - markTokens;
export const chunksPerDocumentMax = Math.ceil(
  documentLimits.documentTextBytesMax / newTokensPerChunk,
);

const chunkTextBytes = (newTokensPerChunk + chunkOverlapTokens) * 2;
const chunkJsonBytes = 27;

export const textRelations: Relations = {
  "the factor from text to record covers vectors, escaped text and JSON of its chunks": [
    below(
      vectorBytes + chunkTextBytes + chunkJsonBytes,
      newTokensPerChunk * documentLimits.recordBytesPerTextByteMax,
    ),
  ],
  "the same of a text that redaction made longer": [
    below(
      (vectorBytes + chunkTextBytes + chunkJsonBytes) * (1 + textLimits.redactionGrowthShare),
      newTokensPerChunk * documentLimits.recordBytesPerTextByteMax,
    ),
  ],
  "overlap and heading leave most of a chunk for new text": [
    below(chunkTokensMax / 2, newTokensPerChunk),
  ],
};
