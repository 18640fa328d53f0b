/** The bounds of what faces a caller or an operator: part of `limits` (limits.ts), which is where they are read. */

const KiB = 1024;
const MiB = 1024 * KiB;
const secondMs = 1000;
const minuteMs = 60 * secondMs;

export const surfaceLimits = {
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
  /** Publish requests worked on at once; one tenant alone has half of them (kernel/fair-shares.ts). */
  httpPublishesInFlightMax: 128,
  /**
   * Bodies of these requests, of all tenants: a document at its declared length, of NDJSON the line that is read and
   * those in flight. Parsed and written again they take three times as much.
   */
  httpBodyBytesMax: 64 * MiB,
  /** A body that brings less, over so long a time that was spent waiting for it, is cut: it holds a place of others. */
  httpBodyBytesPerSecondMin: 1 * KiB,
  httpBodyRateMs: 15 * secondMs,
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
