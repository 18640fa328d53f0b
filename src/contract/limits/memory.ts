/** What a node's tenants may hold in memory, bytes mostly. */

import { documentLimits } from "./documents.ts";
import { logLimits } from "./log.ts";
import { mergeLimits } from "./merges.ts";
import { questionLimits } from "./questions.ts";
import { atMost, below, type Relations } from "./relation.ts";
import { runtimeLimits } from "./runtime.ts";
import { surfaceLimits } from "./surfaces.ts";
import { vectorBytes } from "./text.ts";
import { GiB, MiB, minuteMs, secondMs } from "./units.ts";

export const memoryLimits = {
  // --- between the log and a record ----------------------------------------------------------
  /** What an operation costs in a queue besides its payload. */
  operationOverheadBytes: 512,
  /**
   * Payloads in the mailboxes of a node's tenants, and in pages of their own reads of DOCS; and one
   * tenant's part of each. A page is counted whole before it is asked for, so a tenant has room for
   * two, and beside ten tenants that hold all they may an eleventh still has room for one.
   */
  intakeBytesMax: 64 * MiB,
  intakePagesBytesMax: 192 * MiB,
  intakeBytesPerTenantMax: 16 * MiB,
  /**
   * What those payloads become until they are appended and applied: prepared text, tokens, vectors,
   * the record. Counted before, at its worst (`recordBytesPerTextByteMax` and the text itself): 40
   * of the largest documents of a node, and eight of one tenant, or 64 of 32 KiB.
   */
  inHandBytesMax: 160 * MiB,
  inHandBytesPerTenantMax: 32 * MiB,
  /** The same in bytes of their records: at least one of the largest, as a view takes them in. */
  shardMailboxBytesMax: 8 * MiB,
  /**
   * An engine's memory beyond its hot shards, whatever its tenants send: 704 MiB for code, model,
   * arenas of both lanes and V8 (622 were measured), and the sum of all pools of bytes. Asserted
   * below and held under a flood by test/failures/flood.servers.test.ts.
   */
  engineBytesMax: 2_256 * MiB,

  // --- hot shard -----------------------------------------------------------------------------
  /** Below this many chunks an exact scan beats walking a graph. */
  hotFlatMax: 4_096,
  /** Of all hot shards of a node; at the bound publishers are refused until merges make room. */
  hotBytesPerNodeMax: 2 * GiB,
  hotBytesPerTenantMax: 512 * MiB,
  /** The part that only tenants below their share of it may use: a quarter, a few large tenants. */
  hotReserveBytes: 512 * MiB,
  /**
   * What tenants keep after a merge fills what is left of the node's bound. Where a publisher needs
   * it so much is freed at once, so that not every record drops another tenant.
   */
  hotEvictBytesMin: 32 * MiB,
  /**
   * Of a tenant with more documents nothing is kept: it would not fit its bound, and comparing its
   * heads with those of a merge would hold up others for more than 20 ms.
   */
  hotKeptDocumentsMax: 131_072,
  /** Tenants of a node that are loaded again at once: more would take the core from questions. */
  loadsInFlightMax: 2,
  /** Objects of one read of cold with texts and vectors, about half a megabyte. */
  loadPageObjects: 128,
  /** Chunks that a view takes in at once: some milliseconds, then others have their turn. */
  loadPageChunks: 32,
  /** Where CHUNKS holds more records for a missing document than this, cold is read instead. */
  loadRecordsPerDocumentMax: 4,
  /** After a load that did not make its tenant resident. */
  loadPauseMinMs: secondMs,
  loadPauseMaxMs: 10 * minuteMs,
  /**
   * Largest tenants of a full node that are merged for room: as many as a worker merges at once.
   */
  pressureTenantsMax: 4,
  /**
   * A tenant that has not merged so long after it was asked is skipped; a full merge is a minute.
   */
  pressurePatienceMs: 2 * minuteMs,
  /** One that was skipped is asked again after this: its merges may go again. */
  pressureForgetMs: 15 * minuteMs,
  /**
   * Vectors and graphs of a node: twice `hotBytesPerNodeMax`, as a build copies its rows, and all
   * that 32 bits address.
   */
  hotArenaBytesMax: 4 * GiB,
  /** Fields that a shard keeps an index of, for filters: as many as one filter may name. */
  hotFilterFieldsMax: 16,
} as const;

const { hotBytesPerNodeMax, hotBytesPerTenantMax } = memoryLimits;
const { intakeBytesMax, intakePagesBytesMax, intakeBytesPerTenantMax } = memoryLimits;
const { inHandBytesMax, inHandBytesPerTenantMax, shardMailboxBytesMax } = memoryLimits;
const { documentTextBytesMax, recordBytesPerTextByteMax, recordBytesMax } = documentLimits;
const { rangePageBytesMax } = logLimits;
const { httpBodyBytesMax } = surfaceLimits;

const partitions = 8;
const engineParts = {
  // Code, model, arenas of both lanes, V8; 622 MiB were measured after the first documents.
  base: 704 * MiB,
  intake: intakeBytesMax + intakePagesBytesMax,
  inHand: inHandBytesMax,
  sharedReaders: partitions * rangePageBytesMax,
  // A page that was delivered, and what waits for the view.
  recoveries: runtimeLimits.recoveriesInFlightMax * (rangePageBytesMax + shardMailboxBytesMax),
  // Bodies; of lines in flight the bytes, what they were parsed to, and the payload.
  http: httpBodyBytesMax + 3 * httpBodyBytesMax,
  // Bodies, what they were parsed to, and texts as they are embedded; then the replies.
  embeddings: 3 * surfaceLimits.embeddingsBodyBytesMax + surfaceLimits.embeddingsReplyBytesMax,
  questions: 2 * questionLimits.questionsInFlightMax * questionLimits.questionBytesMax,
  keptOfQuestions:
    questionLimits.questionVectorBytesMax +
    questionLimits.questionResultBytesMax +
    questionLimits.questionAnswerBytesMax,
  asOf: questionLimits.asOfViewsMax * (questionLimits.asOfViewBytesMax + 16 * MiB),
};
const engineBytes = Object.values(engineParts).reduce((sum, bytes) => sum + bytes, 0);

const largestInHand = (1 + recordBytesPerTextByteMax) * documentTextBytesMax;

export const memoryRelations: Relations = {
  "the hot shard keeps an index for every field of a filter": [
    atMost(questionLimits.filterClausesMax, memoryLimits.hotFilterFieldsMax),
  ],
  "a node holds, beyond its hot shards, the sum of its pools of bytes, within the stated bound": [
    atMost(engineBytes, memoryLimits.engineBytesMax),
  ],
  "a tenant's part of each pool has room for what it takes at once, and is a part only": [
    // Two pages of its own reads, and a read that ends with a payload of the largest size.
    atMost(2 * rangePageBytesMax, intakeBytesPerTenantMax),
    atMost(recordBytesMax, rangePageBytesMax - recordBytesMax),
    atMost(intakeBytesPerTenantMax * 4, intakeBytesMax),
    atMost(4 * largestInHand, inHandBytesPerTenantMax),
    atMost(inHandBytesPerTenantMax * 4, inHandBytesMax),
    atMost(recordBytesMax, shardMailboxBytesMax),
    atMost(16 * documentLimits.httpDocumentBytesMax, httpBodyBytesMax),
  ],
  "a tenant's hot memory holds the vectors of a full merge, and a node's those of several": [
    below(mergeLimits.mergeChunksMax * vectorBytes, hotBytesPerTenantMax),
    atMost(hotBytesPerTenantMax * 2, hotBytesPerNodeMax),
    below(memoryLimits.hotEvictBytesMin * 8, hotBytesPerTenantMax),
  ],
  "a share of hot memory is part of a reserve that leaves a tenant alone its whole bound": [
    atMost(memoryLimits.hotReserveBytes + 2 * hotBytesPerTenantMax, hotBytesPerNodeMax),
    below(memoryLimits.pressurePatienceMs, memoryLimits.pressureForgetMs),
    below(mergeLimits.mergeRequestEveryMs, memoryLimits.pressurePatienceMs),
  ],
};
