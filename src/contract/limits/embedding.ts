/** Embedding, here or at an endpoint. */

import { atMost, below, type Relations } from "./relation.ts";
import { runtimeLimits } from "./runtime.ts";
import { textLimits } from "./text.ts";
import { KiB, MiB, minuteMs, secondMs } from "./units.ts";

export const embeddingLimits = {
  /** On a CPU bigger batches are slower (they leave the cache): 16 texts of 128 tokens. */
  embedBatchPaddedTokensMax: 2_048,
  embedBatchItemsMax: 32,
  /**
   * Predicted time of a batch: this is what keeps batches small on a slow backend. A fresh document
   * waits for two at worst, one that runs and one that is sent: with its own 14 ms it stays below
   * six times those.
   */
  embedBatchPredictedMsMax: 30,
  /**
   * So long after requests of two tenants batches are kept small for both: one that publishes every
   * half a minute finds them so.
   */
  embedCompanyMs: minuteMs,
  /** How far the batcher looks for texts of like length: four batches of a GPU. */
  embedLookAheadMax: 512,
  /**
   * A text that has been its tenant's oldest for so long leads the next batch, so that no tenant
   * starves, whatever the weights. Some eighty turns of a CPU: a shorter time would overrule the
   * weights whenever many wait.
   */
  embedQueueAgeMaxMs: secondMs,
  embedRequestMs: 60 * secondMs,
  /**
   * Models that a process loads beside the engines' own, for tenants of another generation: each
   * takes some hundred MiB with its sessions, and few are in use at once.
   */
  encodersBesideMax: 2,
  /** A model that could not be loaded is not looked for again for so long. */
  encoderRetryMs: 30 * secondMs,
  /**
   * Failures in a row of one text, each followed by a control text that passed, until it counts as
   * refused. A document has `documentAttemptsMax` refusals: of an endpoint that fails every second
   * request, nine such pairs are luck of 1 in 10^5.
   */
  embedControlsMax: 3,
  /** A worker without an answer for so long hangs: batches take tens of milliseconds. */
  embedHangMs: minuteMs,
  /** One that has not said that it is ready hangs, too: a slow disk brings a graph in a minute. */
  embedStartMs: 5 * minuteMs,
  /**
   * TensorRT builds its engine within the first runs, for minutes: waits are so many times longer.
   */
  embedTensorRtTimeoutFactor: 10,
  /**
   * WebGPU translates and compiles each kernel at its first use, and again for sizes that are new:
   * seconds on a GPU, a minute on a driver that computes on the CPU.
   */
  embedWebGpuTimeoutFactor: 5,
  /** Threads that hang each keep a core until the process ends; it ends itself at so many. */
  embedHungThreadsMax: 2,
  /** Threads of one ingest run: above four the small batches of a CPU gain nothing. */
  embedThreadsMax: 4,
  /** Two batches keep the worker busy: one computes while the next is prepared. */
  embedBatchesInFlightMax: 2,
  /** One batch runs while the next waits in the thread's own queue, so that it never idles. */
  embedSentBatchesMax: 2,
  /** Texts queued in an embedder before senders wait: a few seconds of work on two cores. */
  embedQueueTextsMax: 1_024,
  /** Batches that wait for one worker; callers batch before, so a longer queue hides overload. */
  embedPendingBatchesMax: 256,
  /** A GPU is only busy with big batches: 128 texts of 128 tokens. */
  embedGpuBatchPaddedTokensMax: 16_384,
  embedGpuBatchItemsMax: 128,
  /** Texts of one request to a remote embedder: the default of text-embeddings-inference. */
  embedRemoteInputsMax: 32,
  /** A request's texts as JSON: servers and proxies take 1 to 2 MB. A longer text goes alone. */
  embedRemoteBodyBytesMax: 1 * MiB,
  /** One reply: 32 vectors of 4,096 dimensions are 3 MB as decimal numbers. */
  embedRemoteReplyBytesMax: 8 * MiB,
  /** An error's body is read so far that its connection can be used again, and thrown away. */
  embedRemoteErrorBytesMax: 16 * KiB,
  embedRemoteConnectMs: 5 * secondMs,
  /** One attempt; several must fit into `embedRequestMs`. */
  embedRemoteRequestMs: 15 * secondMs,
  /** Attempts of one request before its caller hears of it; the embedder actor waits longer. */
  embedRemoteAttemptsMax: 3,
  embedRemoteRetryMinMs: 100,
  embedRemoteRetryMaxMs: 2 * secondMs,
  /** A server that asks for a longer pause is obeyed by giving up. */
  embedRemoteRetryAfterMaxMs: 5 * secondMs,
  /** Requests at once: four keep a GPU host busy, whose own queue orders those of all engines. */
  embedRemoteIngestInFlightMax: 4,
  embedRemoteQueryInFlightMax: 16,
  /** Servers of one pool: a slip of configuration, or a subject that many answer, stays bounded. */
  embedPoolServersMax: 64,
  /** How often the pool looks at each of its servers. */
  embedPoolLookMs: 500,
  /**
   * A server that has requests and has said nothing for so long is asked whether it lives, and has
   * `embedPoolAliveMs` to say so: with the look before, its work is elsewhere within five seconds.
   */
  embedPoolSilentMs: 2 * secondMs,
  embedPoolAliveMs: 2 * secondMs,
  /** A server that was away is tried again between these; the longest is what a restart costs. */
  embedPoolRetryMinMs: 250,
  embedPoolRetryMaxMs: 2 * secondMs,
  /** One look at what a server computes, before it gets work. */
  embedPoolProbeMs: 5 * secondMs,
  /**
   * A server that does not name the model's fingerprint in each reply could have been replaced by
   * another one: so often it is asked again what it computes.
   */
  embedPoolReprobeMs: 10 * secondMs,
  /** All attempts of one request together, at all servers. */
  embedPoolRunMs: 40 * secondMs,
  /** How often servers are looked for on NATS, and how long they have to say who they are. */
  embedDiscoverEveryMs: 2 * secondMs,
  embedDiscoverMs: 500,
  /** So many servers on NATS are kept busy; how many there are is not known before. */
  embedNatsServersExpected: 4,
  /**
   * Of one request over NATS, whose messages are at most a megabyte unless it is
   * told otherwise.
   */
  embedNatsBodyBytesMax: 512 * KiB,
  /**
   * Terms of a chunk's sparse vector, the heaviest of some 230: 384 bytes, a quarter of its dense
   * one. What it costs the ranking is in ops/decisions/0063-a-learned-sparse-signal.md.
   */
  sparseTermsMax: 128,
  /**
   * A question is not kept longer by a signal that it can do without; a document is, by what may
   * wait before it in the queue.
   */
  sparseQuestionMs: 1 * secondMs,
  sparseDocumentMs: 30 * secondMs,
  /** The graph makes 120 KB of numbers a token: 60 MB. */
  sparseBatchPaddedTokensMax: 512,
  sparseBatchItemsMax: 16,
} as const;

const {
  embedBatchPaddedTokensMax,
  embedBatchItemsMax,
  embedLookAheadMax,
  embedGpuBatchItemsMax,
  embedRequestMs,
  embedRemoteAttemptsMax,
  embedRemoteRetryAfterMaxMs,
  embedRemoteRequestMs,
  embedRemoteInputsMax,
} = embeddingLimits;
const attemptsMs = embedRemoteAttemptsMax * embedRemoteRequestMs;
const pausesMs = (embedRemoteAttemptsMax - 1) * embedRemoteRetryAfterMaxMs;
const bytesPerDecimal = 22;

export const embeddingRelations: Relations = {
  "an embed batch takes at least several of the longest chunks": [
    atMost(textLimits.chunkTokensMax * 4, embedBatchPaddedTokensMax),
    atMost(embedBatchItemsMax, embedLookAheadMax),
    atMost(embedLookAheadMax, runtimeLimits.embedderMailboxMax),
  ],
  "a batch for a GPU is bigger, and still within what the batcher looks at": [
    below(embedBatchPaddedTokensMax, embeddingLimits.embedGpuBatchPaddedTokensMax),
    below(embedBatchItemsMax, embedGpuBatchItemsMax),
    atMost(embedGpuBatchItemsMax, embedLookAheadMax),
  ],
  "all attempts of a remote request end before its texts are given up": [
    below(attemptsMs + pausesMs, embedRequestMs),
    atMost(embeddingLimits.embedRemoteRetryMaxMs, embedRemoteRetryAfterMaxMs),
    below(embeddingLimits.embedRemoteConnectMs, embedRemoteRequestMs),
  ],
  "a server that hangs loses its work within five seconds": [
    atMost(
      embeddingLimits.embedPoolSilentMs +
        embeddingLimits.embedPoolLookMs +
        embeddingLimits.embedPoolAliveMs,
      5 * secondMs,
    ),
    atMost(embeddingLimits.embedPoolRetryMinMs, embeddingLimits.embedPoolRetryMaxMs),
  ],
  "all attempts at a pool end before its texts are given up": [
    below(embeddingLimits.embedPoolRunMs, embedRequestMs),
    below(embedRemoteRequestMs, embeddingLimits.embedPoolRunMs),
    below(embeddingLimits.embedPoolProbeMs, embedRemoteRequestMs),
  ],
  "servers have said who they are before they are asked again": [
    below(embeddingLimits.embedDiscoverMs, embeddingLimits.embedDiscoverEveryMs),
  ],
  "a request over NATS is smaller than one over HTTP": [
    atMost(embeddingLimits.embedNatsBodyBytesMax, embeddingLimits.embedRemoteBodyBytesMax),
  ],
  "a remote reply has room for vectors that are ten times as wide": [
    below(embedRemoteInputsMax * 3_840 * bytesPerDecimal, embeddingLimits.embedRemoteReplyBytesMax),
    atMost(embedRemoteInputsMax, embedBatchItemsMax),
  ],
  "a batch is over long before its texts count as starving": [
    below(embeddingLimits.embedBatchPredictedMsMax * 10, embeddingLimits.embedQueueAgeMaxMs),
  ],
  "a text waits for a batch far shorter than for an answer": [
    below(embeddingLimits.embedQueueAgeMaxMs * 10, embedRequestMs),
  ],
};
