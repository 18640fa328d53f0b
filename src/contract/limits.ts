/**
 * Every bound of the system, with its unit and its reason. Nothing else in the code base may hold a
 * number that limits a queue, a retry, a cache, a time-out or a payload.
 */

import { publishingLimits } from "./limits-publishing.ts";

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
  /** Words whose terms are remembered for lexical scoring, about 5 MB. */
  lexicalMemoryWordsMax: 30_000,

  // --- questions -----------------------------------------------------------------------------
  questionCharsMax: 4_000,
  topKMax: 50,
  maxTokensMax: 2_048,
  filterClausesMax: 16,
  filterValuesMax: 64,
  /** The longest a question may wait for `min_seq`. */
  waitMsMax: 30 * secondMs,
  deadlineMsDefault: 30 * secondMs,
  deadlineMsMax: 120 * secondMs,
  /** Questions that one node works on; the next is refused with 429 instead of queued unseen. */
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

  // --- embedding -----------------------------------------------------------------------------
  /** On a CPU bigger batches are slower (they leave the cache): 16 texts of 128 tokens. */
  embedBatchPaddedTokensMax: 2_048,
  embedBatchItemsMax: 32,
  /**
   * Predicted time of a batch: this is what keeps batches small on a slow backend. A fresh document waits for two at
   * worst, one that runs and one that is sent: with its own 14 ms it stays below six times those.
   */
  embedBatchPredictedMsMax: 30,
  /** How far the batcher looks for texts of like length: four full batches of a GPU; beyond, padding hardly shrinks. */
  embedLookAheadMax: 512,
  /**
   * A text that has been its tenant's oldest for so long leads the next batch, so that nobody starves, whatever
   * the weights. Some eighty turns of a CPU: a shorter time would overrule the weights whenever many wait.
   */
  embedQueueAgeMaxMs: secondMs,
  embedRequestMs: 60 * secondMs,
  /**
   * Failures in a row of one text, each followed by a control text that passed, until it counts as refused. A document
   * has `documentAttemptsMax` refusals: of an endpoint that fails every second request, nine such pairs are luck of 1 in 10^5.
   */
  embedControlsMax: 3,
  /** A worker that has not answered a batch for so long hangs: batches take tens of milliseconds. */
  embedHangMs: minuteMs,
  /** TensorRT builds its engine within the first runs, for minutes: what waits for it waits so many times longer. */
  embedTensorRtPatience: 10,
  /** Threads that hang each keep a core until the process ends; it ends itself at so many. */
  embedHungThreadsMax: 2,
  /** Threads of one ingest run: above four the small batches of a CPU gain nothing. */
  embedThreadsMax: 4,
  /** Two batches keep the worker busy: one computes while the next is prepared. */
  embedBatchesInFlightMax: 2,
  /** Texts queued in an embedder before senders wait: a few seconds of work on two cores. */
  embedQueueTextsMax: 1_024,
  /** Batches that wait for one embedding worker; callers batch before, so a longer queue hides overload. */
  embedPendingBatchesMax: 256,
  /** A GPU is only busy with big batches: 128 texts of 128 tokens. */
  embedGpuBatchPaddedTokensMax: 16_384,
  embedGpuBatchItemsMax: 128,
  /** Texts of one request to a remote embedder: what text-embeddings-inference takes unless told otherwise. */
  embedRemoteInputsMax: 32,
  /** One request's texts as JSON: servers and proxies take 1 to 2 MB. A longer single text goes alone. */
  embedRemoteBodyBytesMax: 1 * MiB,
  /** One reply: 32 vectors of 4,096 dimensions are 3 MB as decimal numbers. */
  embedRemoteReplyBytesMax: 8 * MiB,
  /** An error's body is read so far that its connection can be used again, and thrown away. */
  embedRemoteErrorBytesMax: 16 * KiB,
  embedRemoteConnectMs: 5 * secondMs,
  /** One attempt; several must fit into `embedRequestMs`. */
  embedRemoteRequestMs: 15 * secondMs,
  /** Attempts of one request before its caller hears of it; the embedder actor waits longer, with all its texts. */
  embedRemoteAttemptsMax: 3,
  embedRemoteRetryMinMs: 100,
  embedRemoteRetryMaxMs: 2 * secondMs,
  /** A server that asks for a longer pause is obeyed by giving up. */
  embedRemoteRetryAfterMaxMs: 5 * secondMs,
  /** Requests at once: four keep a GPU host busy, whose own queue orders those of all engines. */
  embedRemoteIngestInFlightMax: 4,
  embedRemoteQueryInFlightMax: 16,

  // --- hot shard -----------------------------------------------------------------------------
  /** Below this many chunks an exact scan beats walking a graph. */
  hotFlatMax: 4_096,
  /** Memory of all hot shards of a node; at the bound publishers are refused until merges make room. */
  hotBytesPerNodeMax: 2_048 * MiB,
  hotBytesPerTenantMax: 512 * MiB,
  /** Largest tenants of a full node that are merged for room: as many as one merge worker merges at once. */
  pressureTenantsMax: 4,
  /** Vectors and graphs of a node: twice `hotBytesPerNodeMax`, as a build copies its rows, and all that 32 bits address. */
  hotArenaBytesMax: 4_096 * MiB,
  /** Fields that a shard keeps an index of, for filters: as many as one filter may name. */
  hotFilterFieldsMax: 16,

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
  rangePageBytesMax: 16 * MiB,
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

  // --- merges --------------------------------------------------------------------------------
  /** Unmerged chunks of a tenant that start a merge by size. */
  mergeSizeChunks: 2_048,
  /** Age of a tenant's oldest unmerged record that starts a merge. */
  mergeAgeMs: 15 * minuteMs,
  /** How often the sweep looks for tenants that are due by age. */
  mergeSweepEveryMs: minuteMs,
  /** A node asks Temporal for a tenant's merge at most so often; signals in between say nothing new. */
  mergeRequestEveryMs: 10 * secondMs,
  /** Records of one merge: bounds the workflow's activities and what a retry repeats. */
  mergeRecordsMax: 4_096,
  /** Objects of one merge page: eight in flight hide the client's 500 ms sleep. */
  mergePageObjects: 250,
  mergePagesInFlight: 8,
  /** Between commit and drop: questions that began with the old watermark finish on hot. */
  mergeGraceMs: 5 * secondMs,
  /** Before what a record supersedes in cold is deleted: above an append's unresolved time and `leaseMs` together. */
  mergeSettleMs: 90 * secondMs,
  /**
   * From a commit to the second look at what it merged, until which hot keeps it: above `mergeHeartbeatMs` and
   * `coldRequestMs` together, after which no earlier attempt that was told of its end has a request on its way.
   */
  mergeConfirmMs: 90 * secondMs,
  /** A tenant's cold shard is compared with its log so often. */
  scrubEveryMs: 24 * 60 * minuteMs,
  /** Objects that one activity of a scrub walks: some seconds, and the history of 100 million is 2,000 of them. */
  scrubWindowObjects: 50_000,
  /** Merges wait so long for a scrub; hot has room for it. Then they go first. */
  scrubExclusiveMs: 2 * minuteMs,
  /** Ids of one delete or read-back request: below Weaviate's QUERY_MAXIMUM_RESULTS of 10,000. */
  coldIdsPerRequestMax: 1_000,
  coldRequestMs: 30 * secondMs,
  /** Weaviate answers a readiness probe at once or is not there. */
  coldConnectMs: 3 * secondMs,
  /** A slower operation is accompanied by readiness probes: the client's own retries take half a minute to give up. */
  coldProbeEveryMs: secondMs,
  /** While Weaviate is down it is asked again after these pauses; in between callers are refused at once. */
  coldReconnectMinMs: 100,
  coldReconnectMaxMs: 2 * secondMs,
  /** A tenant's marker is looked for so often while questions come: so late is a lost cold shard declared. */
  coldMarkerEveryMs: 10 * secondMs,
  /** Hits fetched at most when a filter can not be told to Weaviate whole and is checked here. */
  coldOverFetchMax: 4_096,
  /** Objects of one document that are looked at for stale versions; Weaviate's QUERY_MAXIMUM_RESULTS. */
  coldDocumentObjectsMax: 10_000,
  /** Tenants that are remembered as existing in Weaviate; above it the memory starts anew. */
  coldTenantsCachedMax: 10_000,
  /** Merges of one entity workflow run before it continues as new: history stays below 10,000 events. */
  mergesPerRunMax: 50,
  /** So long a dead letter can be sent again, and a cold shard that lost data be rebuilt: it outlasts a weekend. */
  replayWindowMs: 72 * 60 * minuteMs,
  /** How often retention looks: each time costs some requests a tenant. */
  retentionEveryMs: 60 * minuteMs,
  /** Tenants that one call of retention looks at: some seconds of work, and what a retry repeats. */
  retentionTenantsMax: 500,
  /** Tenants signalled by one sweep activity call. */
  sweepTenantsMax: 10_000,
  /** Objects of one merge: bounds its time together with `mergeRecordsMax`. */
  mergeChunksMax: 65_536,
  /**
   * Objects that one write activity writes before it reports: progress is seen and a retry repeats no more. Each window
   * ends by waiting for its last pages with fewer in flight: with 2,048 that cost a third of a merge's speed.
   */
  mergeWindowObjects: 8_192,
  /** A merge is verified and rewritten at most so often before it is planned again. */
  mergePassesMax: 3,
  /**
   * A worker that is silent for so long is dead: its activity starts elsewhere. A healthy one may stand still between
   * two beats for the difference (a garbage collection, a million heads being sorted) without becoming a zombie.
   */
  mergeHeartbeatMs: 30 * secondMs,
  /** How often it beats; the SDK would hold beats back for 0.8 of the time above. */
  mergeHeartbeatEveryMs: 5 * secondMs,
  /** One attempt of a merge activity: far above a window's writes at the slowest cold that was measured. */
  mergeActivityMs: 10 * minuteMs,
  /** Attempts inside Temporal before the workflow itself says what is wrong and waits longer. */
  mergeActivityAttemptsMax: 4,
  mergeRetryMinMs: secondMs,
  mergeRetryMaxMs: 5 * minuteMs,
  /** A merge workflow without work completes after this; the next signal starts it again. */
  mergeIdleMs: 10 * secondMs,
  /** The longest an operator's `force` waits for its outcome. */
  mergeForceMs: 10 * minuteMs,
  /** The longest that any other update of a merge workflow waits: a preview reads log and cold. */
  mergeUpdateMs: minuteMs,
  /** Activities that one merge worker runs at once, of different tenants. */
  mergesInFlightMax: 4,
  /** Running activities may end by themselves so long when the worker stops; then they are cancelled. */
  mergeShutdownMs: secondMs,
  /** The longest pause before a worker without Temporal tries again. */
  temporalReconnectMaxMs: 15 * secondMs,
  /** One request to Temporal's frontend. */
  temporalRequestMs: 5 * secondMs,

  // --- surfaces ------------------------------------------------------------------------------
  /** Sockets of one node; beyond it the system refuses new ones. */
  httpConnectionsMax: 1_024,
  /** After so many requests a keep-alive socket is closed, so that load spreads again. */
  httpRequestsPerSocketMax: 10_000,
  httpHeaderBytesMax: 16 * KiB,
  httpHeadersMs: 10 * secondMs,
  /** A JSON body arrives in this time; slow bodies are an attack or a dead link. */
  httpBodyMs: 30 * secondMs,
  /** A whole request, for long NDJSON imports; single documents and questions have `httpBodyMs`. */
  httpRequestMs: 5 * minuteMs,
  httpKeepAliveMs: 5 * secondMs,
  /**
   * A body that was refused unread is read out and thrown away, so that its sender reads the refusal instead of a
   * reset connection; above these the connection is cut after all. Twice what the largest body may have.
   */
  httpRefusedBodyBytesMax: 64 * MiB,
  httpRefusedBodyMs: 10 * secondMs,
  /** A socket without a byte for so long is cut; above the longest deadline of a question. */
  httpIdleSocketMs: 150 * secondMs,
  /** Publish requests worked on at once: each may hold a body of `httpDocumentBytesMax`. */
  httpPublishesInFlightMax: 128,
  /** Lines of one NDJSON request: the reply names each. */
  ndjsonLinesMax: 50_000,
  /** Publishes of one NDJSON request that wait for their PubAck. */
  ndjsonInFlightMax: 64,
  /** A reader of a streamed answer that leaves so much unread is cut. */
  sseBufferBytesMax: 1 * MiB,
  sseHeartbeatMs: 10 * secondMs,
  /** Questions and documents nest five deep at most; deeper input is an attack on recursion. */
  jsonDepthMax: 32,
  idempotencyKeyCharsMax: 256,
  /** Idempotency keys whose content is remembered, to tell a retry from a mistake. */
  idempotencyKeysMax: 10_000,
  /** What `Retry-After` says when nothing better is known. */
  retryAfterMs: secondMs,

  // --- command line --------------------------------------------------------------------------
  /** Publishes of an import that wait for their PubAck. */
  ingestInFlightMax: 64,
  /** An import stops waiting when no document became visible for so long. */
  ingestStallMs: 60 * secondMs,
  /** Dead letters of one page on the command line: about what a person looks through, and what a program may ask for. */
  dlqListDefault: 50,
  dlqListMax: 10_000,
  /** A server that does not answer the command line in this time is down. */
  cliConnectMs: 5 * secondMs,

  /** Background health checks of the services beside the engine: their spacing and their time-out. */
  healthEveryMs: 3 * secondMs,

  /** How much longer than the question's deadline a peer is waited for, and how long for a look-up. */
  peerMarginMs: 2 * secondMs,
  /** Whoever waits for a peer's answer says so at this spacing, */
  peerBeatMs: 500,
  /** and is gone for that peer after so long without: four beats, so that a busy machine is not taken for a dead one. */
  peerSilenceMs: 2 * secondMs,

  // --- observability -------------------------------------------------------------------------
  /** Tenants with a label of their own; all others are counted as `other`. */
  tenantLabelsMax: 100,
} as const;
