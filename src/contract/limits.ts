/**
 * Every bound of the system, with its unit and its reason. Nothing else in the code base may hold a
 * number that limits a queue, a retry, a cache, a time-out or a payload.
 */

import { embeddingLimits } from "./limits-embedding.ts";
import { memoryLimits } from "./limits-memory.ts";
import { mergeLimits } from "./limits-merges.ts";
import { publishingLimits } from "./limits-publishing.ts";
import { surfaceLimits } from "./limits-surfaces.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const secondMs = 1000;
const minuteMs = 60 * secondMs;

export const limits = {
  // --- documents -----------------------------------------------------------------------------
  /** Text of one document. The record that it makes (text, overlap, vectors) stays below `recordBytesMax`. */
  documentTextBytesMax: 256 * KiB,
  /**
   * A record is at worst this many times its text. A chunk of 256 tokens brings at least 190 new ones (the rest is
   * overlap, heading and two marks), of one byte each at worst, and makes 1,536 bytes of vector, 444 of text (every
   * byte escaped), 27 of JSON: 10.6 times; the remainder is 843 bytes of heading, repeated with every chunk. With
   * 4 MiB a record, 256 KiB of text still fit: (4 MiB - 128 KiB) / 15 = 264 KiB.
   */
  recordBytesPerTextByteMax: 15,
  /** NATS `max_payload` of the server that we ship; above 8 MiB the vendor advises against. */
  recordBytesMax: 4 * MiB,
  /** Room for headers, title and metadata in a payload. */
  recordOverheadBytesMax: 128 * KiB,
  titleCharsMax: 1_000,
  sourceCharsMax: 2_000,
  metadataKeysMax: 64,
  metadataKeyCharsMax: 64,
  metadataValueCharsMax: 1_000,
  metadataListMax: 32,
  /** Metadata as JSON: with title and source it must fit into `recordOverheadBytesMax`. */
  metadataBytesMax: 64 * KiB,
  /** An HTTP body of one document: its text with every character escaped as \uXXXX at worst, and its metadata. */
  httpDocumentBytesMax: 2 * MiB,
  /** An NDJSON body: bounded by what one request may hold in memory; longer imports send several. */
  httpNdjsonBytesMax: 32 * MiB,

  // --- chunks --------------------------------------------------------------------------------
  /** all-MiniLM-L6-v2 was trained on 256 tokens; a chunk with its heading and [CLS], [SEP] fits. */
  chunkTokensMax: 256,
  /** About one sentence: an answer that straddles a cut is whole on one side. */
  chunkOverlapTokens: 32,
  /** A heading path longer than this says little and eats the chunk. */
  headingTokensMax: 32,
  /** The model's own limit: it makes one [UNK] of a longer run of letters, so such a run is cut instead. */
  wordCharsMax: 100,
  /** Words whose token ids are remembered, about 10 MB: a corpus repeats its words. */
  tokenizerCacheWordsMax: 50_000,
  /**
   * Candidates for a phone number that are checked against the world's numbering plans (some 20 us each) in a text: so
   * many, and so many for each KiB of it. A text with more has all its candidates redacted unchecked: it is a phone
   * book, or made to cost.
   */
  redactionCandidatesMin: 32,
  redactionCandidatesPerKiBMax: 16,
  /** Words whose terms are remembered for lexical scoring, about 5 MB. */
  lexicalMemoryWordsMax: 30_000,

  /**
   * A document of so many bytes is prepared on the main thread: at worst 2 ms, as long as handing it over and back costs
   * a thread that has to be woken. A larger one goes to a thread of its own.
   */
  prepareInlineBytesMax: 4 * KiB,
  /** Threads that prepare documents, started when they are needed. One that hangs leaves another. */
  prepareThreadsMax: 2,
  /** They yield to the main thread and to questions, as embedding documents does. */
  prepareNiceness: 10,
  /** The largest document takes a tenth of a second; on a machine that is busy elsewhere ten times that. */
  prepareDeadlineMs: 10 * secondMs,
  /** A thread loads the tokenizer first. */
  prepareReadyMs: minuteMs,
  /** Heap of such a thread, MiB: the tokenizer takes 60, the largest payload with its words and chunks 150. */
  prepareHeapMiBMax: 512,
  /** Documents of one tenant that wait for a thread: all that it may have in hand, and as many isolated or void ones. */
  prepareWaitingPerTenantMax: 128,
  /** Chunks of a replayed record whose terms are counted in one go: 3 ms. */
  termsSliceChunks: 16,

  // --- questions -----------------------------------------------------------------------------
  questionCharsMax: 4_000,
  topKMax: 50,
  maxTokensMax: 2_048,
  /** The same for all texts of one question together: a millisecond of the main thread. */
  questionRedactionCandidatesMax: 32,
  /** After redacting so many characters of a question, others have their turn: half a millisecond at worst. */
  questionRedactionSliceChars: 2_000,
  /** Texts of a filter, all together: what is redacted, sent to cold and compared for one question. */
  filterCharsMax: 16 * KiB,
  filterClausesMax: 16,
  filterValuesMax: 64,
  /** The longest a question may wait for `min_seq`. */
  waitMsMax: 30 * secondMs,
  deadlineMsDefault: 30 * secondMs,
  deadlineMsMax: 120 * secondMs,
  /** A question as JSON: text and filter with every character escaped. Checked before it is parsed. */
  questionBytesMax: 256 * KiB,
  /** Questions that one node works on; as many again wait for their turn, the next is refused with 429. */
  questionsInFlightMax: 64,
  /** The cold shard's share of a question: past it the answer is hot only and `coverage.cold` says so. */
  coldSearchMs: 2 * secondMs,
  /** Candidates per shard before fusion: enough for relative-score fusion to see a spread of scores. */
  candidatesPerShard: 64,
  /** Cold is asked for more when heads hide stale hits; each round doubles, then the reply is what there is. */
  coldRefillRoundsMax: 3,
  /** If hot drops past the watermark that a question began with, cold is searched again, at most so often. */
  coldRestartsMax: 3,
  /** How often a question with `min_seq` looks for a tenant whose first document is on its way. */
  tenantPollMs: 20,
  /** How often a question that may wait looks for the owner of its tenant, while that changes hands. */
  ownerPollMs: 50,
  /** Context for the model: the local one has 2,048 tokens for prompt and answer together. */
  promptCharsMax: 5_000,
  /** Answer text kept of a model that does not stop. */
  answerCharsMax: 16_000,
  /** Kept of a question's deadline for what follows the model: checks and the reply. */
  replyMs: 500,
  /** Words of a streamed answer are proved and sent at most so often: 20 reads a second and question at worst. */
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

  // --- actors --------------------------------------------------------------------------------
  /** Operations of one tenant between the reader and its record; above it the tenant leaves the shared reader. */
  tenantQueueMax: 256,
  /** Tenants of a node that replay at once: enough to hide round trips, few enough for memory and consumers. */
  recoveriesInFlightMax: 16,
  /** Documents of one tenant that are prepared and embedded at once; order is restored before the append. */
  tenantInFlightMax: 64,
  /** Records that a merge-watcher or shard may have waiting; senders wait above it. */
  shardMailboxMax: 1_024,
  partitionMailboxMax: 1_024,
  embedderMailboxMax: 4_096,
  queryMailboxMax: 64,
  mergeTriggerMailboxMax: 1_024,
  /** Attempts to process a document before it is rejected with `document_failed`. */
  documentAttemptsMax: 3,
  /** An isolated process loads the model, as the engine does at its start. */
  isolationReadyMs: minuteMs,
  /**
   * An isolated process that says nothing for so long hangs. It speaks after each 32 texts: half a second of a slow CPU,
   * or one request to an endpoint with all its attempts (three of 15 s).
   */
  isolationSilenceMs: minuteMs,
  /** An isolated process that nobody has needed for so long is ended: it holds a model of its own. */
  isolationIdleMs: 10 * secondMs,
  /** Pauses between isolated processes of one document: memory that others hold may be free again. */
  isolationPauseMinMs: secondMs,
  isolationPauseMaxMs: 10 * secondMs,
  /** An engine whose main thread serves nothing for so long ends: its longest work is a fraction of a second. */
  mainStallMs: minuteMs,
  /** How often an isolated process looks whether its engine is still there. */
  isolationParentMs: 500,
  /** First and longest pause before an actor is started again, and how many within the window escalate. */
  restartBackoffMinMs: 100,
  restartBackoffMaxMs: 10 * secondMs,
  restartsMax: 8,
  restartWindowMs: minuteMs,
  /** A clean stop waits so long for actors to drain before it gives up on them. */
  stopMs: 10 * secondMs,

  ...embeddingLimits,
  ...memoryLimits,

  // --- log -----------------------------------------------------------------------------------
  /** A publish that gets no PubAck in this time is of unknown outcome. */
  publishAckMs: 5 * secondMs,
  /** How often an unknown append is resolved by reading back before the writer gives up its tenancy. */
  appendAttemptsMax: 5,
  /** A message of DOCS: the largest body of a document, and headers. nats-server refuses a larger one. */
  docsMessageBytesMax: 2 * MiB + 16 * KiB,
  docsBytesMax: 16 * 1024 * MiB,
  chunksBytesMax: 32 * 1024 * MiB,
  ...publishingLimits,
  /** Pieces of heads: 24 bytes a live document, twice while a merge swaps them; room for 40 million. */
  headsBytesMax: 2 * 1024 * MiB,
  /** Manifests: some hundred bytes a tenant and 80 for every 32,768 documents. */
  manifestsBytesMax: 256 * MiB,
  /** A server that has less disk gets streams of half the size, and half again, but not below this. */
  streamBytesMin: 16 * MiB,
  /**
   * A partition lease lives so long without renewal; renewals come at a third of it. One whose answer is lost
   * (`publishAckMs`) must leave time for the next: with 10 s a single lost answer ended the tenure.
   */
  leaseMs: 16 * secondMs,
  /** A read that proves a lease takes a fraction of a millisecond; without an answer it is sent again after this. */
  leaseProofAskAgainMs: secondMs,
  /** So long a question asks a silent log whether its node still is the owner: a restart of the server fits in. */
  leaseProofPatienceMs: 5 * secondMs,
  /** How often a node looks who else is there and what lies free: the pause of a partition that is handed over. */
  membershipLookEveryMs: 500,
  /** A node counts after it was seen for so long, about one renewal: one that dies at its start moves nothing. */
  membershipSettleMs: 5 * secondMs,
  /** Two lease times: whoever a partition belongs to and has not taken it by then will not. */
  partitionTakeAnywayMs: 32 * secondMs,
  /** Operations pulled at once: one pull holds at most this many documents in memory. */
  pullMax: 128,
  /** One pull waits so long for messages; the server says that it is alive every `pullHeartbeatMs` meanwhile. */
  pullExpiresMs: 10 * secondMs,
  /** Three missed in a row mean trouble. At most half of `pullExpiresMs`, as the server demands. */
  pullHeartbeatMs: 2 * secondMs,
  /**
   * A bounded read knows that what it waits for is stored: its consumer's copy, which lags by milliseconds under load,
   * gets this time for it, then another copy is asked.
   */
  boundedPullExpiresMs: 2 * secondMs,
  boundedPullHeartbeatMs: secondMs,
  /** Consumers in a row that fall short of what the leader has, until a bounded read gives up: about 6 s. */
  shortReadsMax: 4,
  /** Pulls in a row that end at once without a message, until the read ends with an error. */
  hastyPullsMax: 3,
  /** A leader of a cluster that says less than was seen is asked again for 4 s; its followers speak every second. */
  lostTailLooksMax: 10,
  lostTailLookEveryMs: 400,
  followerSilenceMs: 3 * secondMs,
  /** The server forgets a consumer that nobody pulls from; a reader that is busy with a page makes it wait. */
  consumerIdleMs: 2 * minuteMs,
  /** Pause of a reader between two attempts to continue, first and longest. */
  readRetryMinMs: 50,
  readRetryMaxMs: 2 * secondMs,
  /** A log that is replaced while its connection stays is noticed in this time: a look is a dozen small requests. */
  identityEveryMs: 10 * secondMs,
  /** The first connection to NATS: JetStream may still recover its streams. */
  natsConnectMs: 30 * secondMs,
  /** A link that is half open is noticed after two of these; the client's default is two minutes. */
  natsPingMs: 10 * secondMs,
  /** Pages of a tenant's CHUNKS range: records of up to 2 MB each are held at once. */
  rangePageMax: 64,
  /** The same in bytes: at least one record of `recordBytesMax`. */
  rangePageBytesMax: 8 * MiB,
  /** One heads piece: 24 bytes an entry, below `max_payload` of a stock server (1 MiB). */
  headsPieceEntriesMax: 32_768,
  /** Pieces that are read at once: some megabytes, and the round trips of a large tenant hidden. */
  headsPiecesInFlight: 8,
  /** Up to so many entries the heads are one run: 96 KiB to write, one piece to read. */
  headsOneRunEntriesMax: 4_096,
  /** Runs of a size before they become one: an entry is written once a tier, a reader reads at most seven runs of each. */
  headsRunsPerTier: 8,
  /** Runs smaller than this are of one size. */
  headsRunEntriesMin: 512,

  /** Tenants of one installation: two actors and 20 KB each on their node, and a shard of Weaviate. */
  tenantsMax: 10_000,
  /**
   * Messages that a manifest's subject keeps: so many minus one foreign messages in a row may be stored behind a
   * manifest before it is lost.
   */
  manifestHistoryMax: 4,
  /** Foreign messages at the end of CHUNKS that a start looks behind for its newest record. */
  newestWriterLooksMax: 8,
  /** Foreign or unreadable messages that a process remembers, to count and name each of them once. */
  quarantineRememberedMax: 1_000,
  /** Of those the newest are shown in a status. */
  quarantineShownMax: 20,
  /** A subject may be as long as a publisher chose: enough of it is kept to find it again. */
  quarantineSubjectCharsMax: 200,

  ...mergeLimits,
  ...surfaceLimits,
} as const;
