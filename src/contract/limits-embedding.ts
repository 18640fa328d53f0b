/** Bounds of embedding, here or at an endpoint: part of `limits` (limits.ts), which is where they are read. */

const KiB = 1024;
const MiB = 1024 * KiB;
const secondMs = 1000;
const minuteMs = 60 * secondMs;

export const embeddingLimits = {
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
} as const;
