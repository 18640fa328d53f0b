/** What faces a caller or an operator: HTTP, the command line, health and metrics. */

import { clusterLimits } from "./cluster.ts";
import { coldLimits } from "./cold.ts";
import { documentLimits } from "./documents.ts";
import { publishingLimits } from "./publishing.ts";
import { questionLimits } from "./questions.ts";
import { atMost, below, type Relations } from "./relation.ts";
import { runtimeLimits } from "./runtime.ts";
import { KiB, MiB, minuteMs, secondMs } from "./units.ts";

export const surfaceLimits = {
  // --- Links ---------------------------------------------------------------------------------
  /** A secret's file is looked at no more often, and a certificate's no less often. */
  secretLookEveryMs: 1 * secondMs,
  certificateLookEveryMs: 5 * secondMs,
  /** One handshake that finds out why a connection over gRPC fails. */
  tlsProbeMs: 2 * secondMs,

  // --- HTTP ----------------------------------------------------------------------------------
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
  /**
   * An idle connection: above the 60 s that load balancers and pools of clients keep theirs. The
   * side that closes first should be the one that sends, or a request meets a closed connection.
   * While sockets are scarce idle ones are closed sooner (`src/gateway/idle-sockets.ts`).
   */
  httpKeepAliveMs: 75 * secondMs,
  /**
   * A body that was refused unread is read out and thrown away, so that its sender reads the
   * refusal instead of a reset connection; above these the connection is cut after all. Twice the
   * size of the largest body.
   */
  httpRefusedBodyBytesMax: 64 * MiB,
  httpRefusedBodyMs: 10 * secondMs,
  /** In a stop: a request may be on its way on a new connection (`src/gateway/idle-sockets.ts`). */
  httpUnusedSocketMs: 1 * secondMs,
  /** A socket without a byte for so long is cut; above the longest deadline of a question. */
  httpIdleSocketMs: 150 * secondMs,
  /** Publish requests at once; one tenant alone has half of them (`src/runtime/fair-shares.ts`). */
  httpPublishesInFlightMax: 128,
  /**
   * Bodies of these requests, of all tenants: a document at its declared length, of NDJSON the line
   * that is read and those in flight. Parsed and written again they take three times as much.
   */
  httpBodyBytesMax: 64 * MiB,
  /** A body that brings less, over so long a wait for it, is cut: others need its place. */
  httpBodyBytesPerSecondMin: 1 * KiB,
  httpBodyRateMs: 15 * secondMs,
  /** Lines of one NDJSON request: the reply names each. */
  ndjsonLinesMax: 50_000,
  /** Publishes of one NDJSON request that wait for their PubAck. */
  ndjsonInFlightMax: 64,
  /** A reader of a streamed answer that leaves so much unread is cut. */
  sseBufferBytesMax: 1 * MiB,
  sseHeartbeatMs: 10 * secondMs,
  /** Readers of event streams of one node; one tenant alone has half of them. */
  eventStreamsMax: 256,
  /** What a request for events that are there may take, where it would not wait for more. */
  eventsReadMs: 2 * secondMs,
  /** Records that a page of events is made of: headers, without bodies. */
  eventsPageMax: 256,
  /** Times in a row that the command line opens a stream of events which ends at once. */
  eventsRetriesMax: 30,
  /** A notice that was lost delays an event by so long. */
  eventsPollMs: 2 * secondMs,
  /** Questions and documents nest five deep at most; deeper input is an attack on recursion. */
  jsonDepthMax: 32,
  /** Of an MCP message: a document that an agent publishes, and its frame. */
  mcpBytesMax: 2 * MiB,
  /** Values in the arguments of one tool call: a filter's, or a document's metadata. */
  mcpToolElementsMax: 4_096,
  /** Tenants whose protocol handlers are kept though nobody listens; each is a few kilobytes. */
  mcpTenantsMax: 256,
  /** Pages that a list of resources is made of: those of a reader with groups may be empty. */
  mcpListPagesMax: 16,
  /** Streams of one tenant's changes, all of its agents together. */
  mcpSubscriptionsMax: 64,
  /** A chat request brings its whole conversation; what is asked is its last message. */
  chatBytesMax: 1 * MiB,
  chatMessagesMax: 1_000,
  /** Texts of one request for vectors: what clients of OpenAI's API send at most. */
  embeddingsInputsMax: 2_048,
  /** As many texts of two hundred tokens, as JSON. */
  embeddingsBytesMax: 2 * MiB,
  /** Requests for vectors at once. */
  embeddingsInFlightMax: 64,
  /** Their bodies, from before they are read: sixteen of the largest, of all tenants. */
  embeddingsBodyBytesMax: 32 * MiB,
  /** Their texts: short ones make small bodies, and vectors of the same size as any. */
  embeddingsTextsInFlightMax: 8_192,
  /** Their vectors in replies; a model with many dimensions has fewer texts in flight. */
  embeddingsReplyBytesMax: 128 * MiB,
  /** One number of a vector: eight as such, and some 22 as JSON. */
  embeddingsNumberBytes: 32,
  /** One caller alone, an engine for instance, gets four fifths of them. */
  embeddingsTimesFree: 4,
  /** Texts are made ready on the main thread, so much at a stretch: a millisecond or two. */
  embeddingsSliceChars: 8 * 1_024,
  /** Of one text: a model reads some two thousand characters of it. */
  embeddingsTextCharsMax: 32 * 1_024,
  idempotencyKeyCharsMax: 256,
  /** Keys of a key store: two for each tenant of the largest installation. */
  apiKeysMax: 20_000,
  /**
   * Groups of one credential. A token with more does not fit into the headers of a request
   * (`httpHeaderBytesMax`) unless their names are a few letters.
   */
  accessGroupsMax: 1_000,
  /** Of a key store that is read: 400 bytes a key, and more than twice that for notes, groups. */
  keyStoreBytesMax: 20 * MiB,
  /** A change of the key store holds after at most so long: one `stat` in between costs nothing. */
  keyStoreCheckMs: 2 * secondMs,
  /**
   * Commands that change keys or accounts at the same time: each holds its lock for some
   * milliseconds, with a push of accounts for a second. One that was killed leaves it for ever.
   */
  lockFileWaitMs: 3 * secondMs,
  lockFileRetryMs: 25,
  /** Of the note of an API key: a line in a list. */
  apiKeyNoteCharsMax: 200,
  /** Tokens of an identity provider: its clock and ours may differ by so much. */
  tokenClockSkewMs: 30 * secondMs,
  /** Signing keys of an identity provider are asked for again after so long, and if one is new. */
  tokenKeysCacheMs: 60 * minuteMs,
  tokenKeysMs: 5 * secondMs,
  /** Documents of a page of a listing. */
  documentPageDefault: 100,
  documentPageMax: 1_000,
  /**
   * Requests to cold for one page of what a credential with groups sees: a page is full unless so
   * many times a thousand objects held too little for it. Twenty take half a second.
   */
  documentPageWalksMax: 20,
  /** Pages that a node makes at once: each reads a thousand objects of cold at worst. */
  listingsInFlightMax: 16,
  /** Of a cursor: the id of an object. */
  listingCursorCharsMax: 64,
  /** Idempotency keys whose content is remembered, to tell a retry from a mistake. */
  idempotencyKeysMax: 10_000,
  /** What `Retry-After` says when nothing better is known. */
  retryAfterMs: secondMs,

  // --- command line --------------------------------------------------------------------------
  /** Publishes of an import that wait for their PubAck. */
  ingestInFlightMax: 64,
  /** An import stops waiting when no document became visible for so long. */
  ingestStallMs: 60 * secondMs,
  /** While an engine says that it is at work on them, an import waits so many times as long. */
  ingestStallsAtWork: 10,
  /** Dead letters of a page: what a person looks through, and what a program may ask for. */
  dlqListDefault: 50,
  /** Dead letters of one request over HTTP, to look at or to publish again. */
  dlqRequestMax: 200,
  /** Headers of what came since a letter that its replay reads: some seconds. */
  replayRecordsMax: 200_000,
  /** Requests of operators at once; a replay reads such headers. */
  operationsInFlightMax: 16,
  dlqListMax: 10_000,
  /** How often an import that waits looks whether all has been dealt with. */
  ingestPollMs: 10,
  /**
   * Pauses of an import while the log is full or away; `duplicateWindowMs` bounds them together.
   */
  ingestRetryMinMs: 50,
  ingestRetryMaxMs: 2 * secondMs,
  /** Events kept for publishes that have not returned yet: far more than can be in flight. */
  ingestEarlyEventsMax: 4_096,
  /** A file that is one value in memory: a PDF, a page, a list of documents. */
  ingestFileBytesMax: 32 * MiB,
  /** A list of patterns; a larger file is no such list. */
  ingestIgnoreFileBytesMax: 1 * MiB,
  /** Files that a run names for each reason why it left some out. */
  ingestProblemsShownMax: 20,
  /** Ends of names of files that are not read: a folder of temporary files has one for each. */
  ingestTypesCountedMax: 200,
  /** Of those, the most frequent, for a person; `--json` has all that are counted. */
  ingestTypesShownMax: 12,
  /** Documents that a preview, or a refusal to delete them, names. */
  ingestDeletesShownMax: 20,
  /** What the log holds that is not processed yet, read in pages of so many operations. */
  ingestTailPageOperations: 256,
  ingestTailPageBytesMax: 8 * MiB,
  /** The log is read again when it was merged or purged meanwhile; each merge takes longer. */
  ingestStateAttemptsMax: 5,
  /** Times that what was taken for a repetition, and is not what the log has, is sent again. */
  ingestRoundsMax: 3,
  /**
   * A mirror deletes this share of its scope, or so many documents, without being asked twice: more
   * is a wrong folder or a disk that is not there, more often than it is meant.
   */
  ingestDeleteSharePercent: 20,
  ingestDeleteFreelyMax: 10,
  /** Changes of files come in bursts: a pass begins when nothing came for so long. */
  ingestWatchQuietMs: 300,
  /** A pass begins after so long in any case: the system may drop notices, or have none. */
  ingestWatchEveryMs: 30 * secondMs,
  /** Folders that are watched; of the others only the pass in any case tells. */
  ingestWatchFoldersMax: 8_192,
  /** A file that changed less long ago is read again: the clock of some file systems is coarse. */
  ingestAtRestMs: 2 * secondMs,
  /** A server that does not answer the command line in this time is down. */
  cliConnectMs: 5 * secondMs,
  /** What `freshet top` reads of a page of metrics: that of a node with all its tenant labels. */
  topPageCharsMax: 16 * MiB,
  /** How long `freshet top` waits for a page. */
  topAnswerMs: 5 * secondMs,
  /** Replies that one file of `freshet verify` may hold: some 10,000, parsed in memory. */
  verifyFileBytesMax: 64 * MiB,

  // --- accounts on NATS ----------------------------------------------------------------------
  /** Of one tenant's account: far above what its programs have, far below what ends a server. */
  natsTenantConnectionsMax: 256,
  natsTenantSubscriptionsMax: 4_096,
  /** An answer may cross accounts for so long after its question; the server's own is 2 minutes. */
  natsAnswerMs: 150 * secondMs,
  /** Servers answer a pushed account within milliseconds. */
  natsPushMs: 5 * secondMs,

  // --- observability -------------------------------------------------------------------------
  /** Health checks of the services beside the engine: their spacing and their time-out. */
  healthEveryMs: 3 * secondMs,
  /** Tenants with a label of their own; all others are counted as `other`. */
  tenantLabelsMax: 100,
} as const;

const { coldIdsPerRequestMax } = coldLimits;
const { httpDocumentBytesMax, docsMessageBytesMax, recordBytesMax } = documentLimits;

export const surfaceRelations: Relations = {
  "DOCS takes whatever HTTP takes, with its headers, and the server takes that": [
    atMost(httpDocumentBytesMax + surfaceLimits.idempotencyKeyCharsMax * 4, docsMessageBytesMax),
    atMost(docsMessageBytesMax, recordBytesMax),
  ],
  "no socket is cut under a question that is still within its deadline": [
    below(questionLimits.deadlineMsMax, surfaceLimits.httpIdleSocketMs),
    below(surfaceLimits.sseHeartbeatMs * 2, surfaceLimits.httpIdleSocketMs),
  ],
  "an idle connection outlives those of proxies, and ends before it counts as dead": [
    below(minuteMs, surfaceLimits.httpKeepAliveMs),
    below(surfaceLimits.httpKeepAliveMs, surfaceLimits.httpIdleSocketMs),
    below(surfaceLimits.httpUnusedSocketMs, runtimeLimits.stopMs),
  ],
  "a node that refuses questions still has sockets to say so": [
    below(
      questionLimits.questionsInFlightMax + surfaceLimits.httpPublishesInFlightMax,
      surfaceLimits.httpConnectionsMax,
    ),
  ],
  "a slow request is cut in order: headers, body, whole request": [
    atMost(surfaceLimits.httpHeadersMs, surfaceLimits.httpBodyMs),
    atMost(surfaceLimits.httpBodyMs, surfaceLimits.httpRequestMs),
    below(surfaceLimits.httpBodyRateMs, surfaceLimits.httpBodyMs),
  ],
  "an import keeps more early events than its publishes in flight can have": [
    below(surfaceLimits.ingestInFlightMax, surfaceLimits.ingestEarlyEventsMax),
  ],
  "a page of a listing is one request to cold": [
    atMost(surfaceLimits.documentPageDefault, surfaceLimits.documentPageMax),
    atMost(surfaceLimits.documentPageMax, coldIdsPerRequestMax),
  ],
  "an answer may cross accounts until its question is over": [
    below(questionLimits.deadlineMsMax + clusterLimits.peerMarginMs, surfaceLimits.natsAnswerMs),
  ],
  "a pass of a watched folder waits for the end of a burst, and not for ever": [
    below(surfaceLimits.ingestWatchQuietMs, surfaceLimits.ingestWatchEveryMs),
  ],
  "an import's pauses grow, and many fit into the duplicate window": [
    atMost(surfaceLimits.ingestRetryMinMs, surfaceLimits.ingestRetryMaxMs),
    below(surfaceLimits.ingestRetryMaxMs * 10, publishingLimits.duplicateWindowMs),
  ],
};
