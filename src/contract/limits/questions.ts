/** Questions: what one may ask for, how long it may take, and what the model gets of it. */

import { atMost, below, type Relations } from "./relation.ts";
import { dayMs, KiB, MiB, minuteMs, secondMs } from "./units.ts";

export const questionLimits = {
  // --- what may be asked ---------------------------------------------------------------------
  questionCharsMax: 4_000,
  /** A question as JSON: text and filter, every character escaped. Checked before it is parsed. */
  questionBytesMax: 256 * KiB,
  topKMax: 50,
  maxTokensMax: 2_048,
  /** Texts of a filter together: what is redacted, sent to cold and compared for one question. */
  filterCharsMax: 16 * KiB,
  /**
   * Comparisons of a filter. One takes 0.2 us a document where no index helps: 160 ms of main
   * thread at worst for a hot shard of 50,000. Many values of a field are one `in`.
   */
  filterClausesMax: 16,
  filterValuesMax: 64,
  /** `and`, `or` and `not` around each other: people need three, programs that translate five. */
  filterDepthMax: 8,
  /** A thousand years: beyond it age makes no difference that a score could show. */
  recencyHalfLifeSecondsMax: 1_000 * 366 * 24 * 3_600,
  /** The longest a question may wait for `min_seq`. */
  waitMsMax: 30 * secondMs,
  /** `max_staleness_ms`: what may be older than a day asks for nothing. */
  stalenessMsMax: dayMs,
  deadlineMsDefault: 30 * secondMs,
  deadlineMsMax: 120 * secondMs,

  // --- the conversation before it, and wishes for the answer -----------------------------------
  /** Eight exchanges: what a question leans on lies in the last two or three. */
  historyTurnsMax: 16,
  /** An answer of `maxTokensMax` is longer; its end says the same. */
  turnCharsMax: 4_000,
  historyCharsMax: 16_000,
  /** A paragraph. It takes the room of sources in the prompt. */
  instructionsCharsMax: 1_000,
  answerSentencesMax: 20,
  /** Markers of an answer that are looked up; an honest one has a dozen. */
  citationsMax: 64,
  /** A question that stands alone: the model's words, and what is carried over without one. */
  rewriteTokensMax: 96,
  rewriteMs: 5 * secondMs,
  carriedTermsMax: 8,

  // --- redaction -----------------------------------------------------------------------------
  /**
   * `redactionCandidatesMin` for all texts of a question together: a millisecond of main thread.
   */
  questionRedactionCandidatesMax: 32,
  /** After so many characters of a question others have their turn: half a millisecond at worst. */
  questionRedactionSliceChars: 2_000,

  // --- search --------------------------------------------------------------------------------
  /** Questions that one node works on; as many again wait, the next is refused with 429. */
  questionsInFlightMax: 64,
  /** The cold shard's share of a question; after it `coverage.cold` says that hot answers alone. */
  coldSearchMs: 2 * secondMs,
  /** Candidates per shard before fusion, so that relative-score fusion sees a spread of scores. */
  candidatesPerShard: 64,
  /** Cold is asked for more when heads hide stale hits: each round doubles, until this one. */
  coldRefillRoundsMax: 3,
  /** Cold is searched again, so often, if hot drops past the watermark a question began with. */
  coldRestartsMax: 3,
  /** How often a question with `min_seq` looks for a tenant whose first document is on its way. */
  tenantPollMs: 20,
  /** How often a question that may wait looks for the owner of a tenant that changes hands. */
  ownerPollMs: 50,

  // --- tenants as they were ------------------------------------------------------------------
  /** Vectors, texts and index of one: some 16,000 chunks. */
  asOfViewBytesMax: 64 * MiB,
  /** Operations that one is made of, and remembers of what came later: 160 bytes each. */
  asOfRecordsMax: 100_000,
  /** Of a node; two of a tenant, so that who compares two moments makes neither anew. */
  asOfViewsMax: 3,
  asOfViewsPerTenantMax: 2,
  /** Operations between which `freshet blame` looks: eleven halvings, fourteen searches in all. */
  blameOperationsMax: 2_048,

  // --- the ranking ---------------------------------------------------------------------------
  /** Passages that a reranker is asked about: a cross-encoder takes 10 to 20 ms for each. */
  rerankCandidates: 32,
  /** Of a passage; chunks of 256 tokens have some 1,300. */
  rerankTextCharsMax: 4_000,
  /** A number and an index for each passage; some endpoints send the texts back as well. */
  rerankReplyBytesMax: MiB,
  /** A reranker that takes longer costs its order, never the answer. */
  rerankMs: secondMs,
  rerankMsMax: 30 * secondMs,
  /** Candidates among which near-duplicates are looked for: each is compared with those kept. */
  diversityPoolMax: 64,
  /**
   * Chunks on each side of a found one that `context: "document"` may bring: more than a prompt has
   * room for.
   */
  contextChunksAroundMax: 8,
  /** Chunks that cold is asked for at once, so that `context` stays one bounded read. */
  contextColdChunksMax: 64,
  /** Terms of a question that `explain` names. */
  explainedTermsMax: 64,

  // --- the answer ----------------------------------------------------------------------------
  /** What `context` may bring to the sources of one question together. */
  promptCharsMax: 5_000,
  /** Sentences of an answer without a model: who quotes everything answers nothing. */
  extractiveSentencesMax: 3,
  /**
   * Lines of a list, a table or a procedure that answers as a whole: half of a recipe is no answer.
   * Longer ones are cut, for a reader wants an answer and not a page.
   */
  extractiveListLinesMax: 20,
  /** Of the lines of such a list together: twenty of sixty characters. */
  extractiveListCharsMax: 1_200,
  /** Of them together, unless the first alone is longer: a reader's glance. */
  extractiveCharsMax: 600,
  /** Longer "sentences" are tables and lists without a full stop. */
  extractiveSentenceCharsMax: 700,
  /** Answer text kept of a model that does not stop. */
  answerCharsMax: 16_000,
  /** Kept of a question's deadline for what follows the model: checks and the reply. */
  replyMs: 500,
  /** Words of a streamed answer are proved and sent so often at most: 20 reads a second. */
  answerPieceEveryMs: 50,
  /** One request to the language model. */
  modelRequestMs: 60 * secondMs,
  /** A host that does not even accept a connection will not answer in time. */
  modelConnectMs: 5 * secondMs,
  /** After a model's last word the connection is waited for so long, to be used again. */
  modelDrainMs: 100,
  /** One event of a model's stream; usual are a few hundred characters. */
  modelEventCharsMax: 256 * KiB,
  /** An OpenAI-compatible endpoint's error body that is read for the message. */
  modelErrorBytesMax: 4 * KiB,

  // --- what equal questions share ------------------------------------------------------------
  /**
   * How long a result or an answer is kept. Neither can be older than what it rests on, so this
   * bounds only what nobody tells a tenant's view: a cold shard that was restored, the time of day
   * in an answer.
   */
  questionKeptMs: 5 * minuteMs,
  /** A vector never changes: it is kept for as long as its question is likely to come again. */
  questionVectorKeptMs: 60 * minuteMs,
  /**
   * Of a node, and of one tenant a quarter: four that fill theirs leave the others what they use
   * (src/runtime/byte-cache.ts). Some 4,500 vectors of 384 dimensions with their questions.
   */
  questionVectorBytesMax: 8 * MiB,
  questionVectorBytesPerTenantMax: 2 * MiB,
  /** Some 3,000 results of five passages; one of fifty takes 150 KiB. */
  questionResultBytesMax: 32 * MiB,
  questionResultBytesPerTenantMax: 8 * MiB,
  /** Some 2,000 answers of 200 tokens. */
  questionAnswerBytesMax: 8 * MiB,
  questionAnswerBytesPerTenantMax: 2 * MiB,
} as const;

const { waitMsMax, deadlineMsDefault, deadlineMsMax } = questionLimits;

export const questionRelations: Relations = {
  "a question that waits for min_seq still gets an answer before the deadline": [
    atMost(waitMsMax, deadlineMsMax),
    atMost(waitMsMax, deadlineMsDefault),
    atMost(deadlineMsDefault, deadlineMsMax),
  ],
  "cold and the model have their share of the deadline": [
    below(questionLimits.coldSearchMs * (1 + questionLimits.coldRestartsMax), deadlineMsDefault),
    atMost(questionLimits.modelRequestMs, deadlineMsMax),
  ],
  "one tenant's history leaves a view to another": [
    below(questionLimits.asOfViewsPerTenantMax, questionLimits.asOfViewsMax),
  ],
  "a reranker and its fallback fit into a question's deadline": [
    below(questionLimits.rerankMs, questionLimits.deadlineMsDefault),
    atMost(questionLimits.rerankMs, questionLimits.rerankMsMax),
    below(questionLimits.rerankMsMax, deadlineMsMax),
  ],
  "what is compared for duplicates holds what a question may ask for": [
    atMost(questionLimits.topKMax, questionLimits.diversityPoolMax),
  ],
  "each shard finds more candidates than an answer may ask for": [
    atMost(questionLimits.topKMax, questionLimits.candidatesPerShard),
  ],
  "the largest result and the longest answer are kept, and are a part of their tenant's share": [
    // Texts of 256 tokens at ten characters, two bytes each, with what describes them.
    below(4 * questionLimits.topKMax * 8 * KiB, questionLimits.questionResultBytesPerTenantMax),
    below(8 * questionLimits.answerCharsMax, questionLimits.questionAnswerBytesPerTenantMax),
    atMost(questionLimits.questionKeptMs, questionLimits.questionVectorKeptMs),
  ],
  "a question at its limits, every character escaped, is within the bound of its bytes": [
    below(
      6 *
        (questionLimits.questionCharsMax +
          questionLimits.historyCharsMax +
          questionLimits.instructionsCharsMax) +
        96 * KiB,
      questionLimits.questionBytesMax,
    ),
  ],
};
