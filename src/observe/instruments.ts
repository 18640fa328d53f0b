/**
 * What each metric is called, labelled and bucketed; typed so that a name of the port cannot be
 * missing.
 */

import type { CounterLabels, GaugeLabels, HistogramLabels } from "../contract/observation.ts";

export interface Instrument<Label extends string = string> {
  readonly help: string;
  /** Checked against the port by the compiler; that none is missing, a test checks. */
  readonly labels: readonly Label[];
  /** Histograms only: upper bounds. */
  readonly buckets?: readonly number[] | undefined;
  /** Histograms only: a bucket names the trace of its latest measurement that has one. */
  readonly hasExemplars?: true | undefined;
}

type Instruments<Labels> = { readonly [Name in keyof Labels]: Instrument<Labels[Name] & string> };

/** Work inside the process: from a tenth of a millisecond. */
const fastSeconds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1];
/**
 * A hop to a server or a worker, and whole stories: 60 ms to visible is the promise, so it is a
 * bound.
 */
const hopSeconds = [
  0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60,
];
/** A question: alerts and objectives are about 300 ms, so it is a bound, with its neighbours. */
const questionSeconds = [
  0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1, 2, 5,
  10, 30, 60,
];
/** The canary: one second is the objective of freshness. */
const freshSeconds = [0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 5, 10, 30, 60];
/** A language model: from a cached prompt to one that is cut off. */
const slowSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];
const powersOfTwo = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => 2 ** (from + index));

export const counters: Instruments<CounterLabels> = {
  operations_total: { help: "operations by what became of them", labels: ["tenant", "outcome"] },
  questions_total: { help: "questions by outcome", labels: ["tenant", "outcome"] },
  question_cache_total: {
    help: "questions by whether what they need was kept of an equal one, or shared with it",
    labels: ["cache", "outcome"],
  },
  citations_total: {
    help: "markers of cited sentences by whether their source says the same",
    labels: ["support"],
  },
  searches_total: { help: "searches by what cold covered of them", labels: ["cold"] },
  evictions_total: {
    help: "times that a tenant's kept chunks were dropped for the room that they take",
    labels: ["tenant"],
  },
  loads_total: {
    help: "loads of tenants that were asked and not whole in memory",
    labels: ["outcome"],
  },
  embed_failures_total: { help: "embed batches that failed", labels: ["lane"] },
  language_model_errors_total: { help: "failed language model requests", labels: ["model"] },
  tenants_slept_total: { help: "idle tenants that gave up their memory", labels: [] },
  tenants_woken_total: { help: "tenants that slept and were started again", labels: [] },
  actor_restarts_total: { help: "actors started again after a crash", labels: ["actor"] },
  appends_refused_total: { help: "appends to CHUNKS that the fence refused", labels: ["reason"] },
  cold_errors_total: { help: "failed requests to the cold shard", labels: ["operation"] },
  rerank_errors_total: { help: "questions that the reranker did not rank", labels: ["outcome"] },
  questions_declined_total: {
    help: "questions that nothing found was relevant to",
    labels: [],
  },
  documents_isolated_total: {
    help: "documents suspected of ending their process, processed in one of their own",
    labels: ["tenant"],
  },
  documents_without_sparse_total: {
    help: "documents stored without sparse vectors, because their encoder failed",
    labels: [],
  },
  questions_without_sparse_total: {
    help: "questions ranked without the sparse signal, because its encoder failed",
    labels: [],
  },
  confirm_repaired_total: {
    help: "objects that cold had acknowledged and lost, found and written again by the second look at a merge",
    labels: ["tenant"],
  },
  scrub_objects_total: {
    help: "objects of the cold shard that scrubs deleted or wrote again",
    labels: ["tenant", "outcome"],
  },
  dead_letters_deferred_total: {
    help: "dead letters that their stream did not take and that are written later",
    labels: ["tenant"],
  },
  cold_refused_total: {
    help: "documents that the cold shard refused for good; each has a dead letter",
    labels: ["tenant"],
  },
  sweep_failures_total: {
    help: "tenants that a sweep passed over because of a failure of theirs",
    labels: ["step"],
  },
  payload_failures_total: {
    help: "payloads of DOCS that could not be sealed or opened",
    labels: ["reason"],
  },
  purged_total: { help: "messages that retention removed from a stream", labels: ["stream"] },
  records_quarantined_total: {
    help: "messages of the log that are foreign or not readable, each once a process",
    labels: ["stream"],
  },
  replies_refused_total: {
    help: "requests over NATS that were not worked on, because they have no inbox to answer to",
    labels: ["surface"],
  },
  audit_entries_lost_total: {
    help: "entries of the audit trail that had no room while the log was away",
    labels: [],
  },
  webhook_deliveries_total: {
    help: "events sent to webhooks by what became of them",
    labels: ["tenant", "outcome"],
  },
  source_events_total: {
    help: "events of change streams by what became of them",
    labels: ["source", "outcome"],
  },
  language_model_tokens_total: {
    help: "tokens of language models; estimates where the endpoint does not count",
    labels: ["model", "kind"],
  },
  language_model_cost_total: {
    help: "cost of language models by the prices that are set, in their currency",
    labels: ["model", "tenant"],
  },
  language_model_fallbacks_total: {
    help: "answers that not the first model endpoint wrote, by why it did not",
    labels: ["reason"],
  },
  canary_documents_total: {
    help: "documents of the canary by whether they were found in time",
    labels: ["partition", "outcome"],
  },
  canary_failures_total: {
    help: "steps of the canary that failed or took too long",
    labels: ["partition", "step"],
  },
  source_operations_total: {
    help: "operations that change streams brought to the log",
    labels: ["source"],
  },
  operation_bytes_total: {
    help: "bytes of operations that came out of the log",
    labels: ["tenant"],
  },
  model_tokens_total: {
    help: "tokens of language models, read and written",
    labels: ["tenant"],
  },
  model_seconds_total: {
    help: "seconds for which language models worked",
    labels: ["tenant"],
  },
  quota_refused_total: {
    help: "requests, documents and model answers that a quota did not let through",
    labels: ["tenant", "quota"],
  },
  quota_delayed_seconds_total: {
    help: "waits of operations from the log for the rate that their tenant may have",
    labels: ["tenant"],
  },
};

export const histograms: Instruments<HistogramLabels> = {
  visible_seconds: {
    help: "from the DOCS timestamp to visible",
    labels: ["tenant"],
    buckets: hopSeconds,
    hasExemplars: true,
  },
  ingest_prepare_seconds: {
    help: "validating, redacting and chunking one document",
    labels: [],
    buckets: fastSeconds,
  },
  embed_batch_texts: {
    help: "texts in an embed batch",
    labels: ["lane"],
    buckets: powersOfTwo(0, 8),
  },
  embed_batch_padded_tokens: {
    help: "tokens of an embed batch with its padding",
    labels: ["lane"],
    buckets: powersOfTwo(3, 15),
  },
  embed_seconds: { help: "running an embed batch", labels: ["lane"], buckets: hopSeconds },
  append_seconds: { help: "appending a record to CHUNKS", labels: [], buckets: hopSeconds },
  hot_insert_seconds: {
    help: "inserting a document into the hot shard",
    labels: [],
    buckets: fastSeconds,
  },
  hot_search_seconds: { help: "searching the hot shard", labels: [], buckets: fastSeconds },
  cold_search_seconds: { help: "searching the cold shard", labels: [], buckets: hopSeconds },
  fusion_seconds: { help: "fusing the candidates", labels: [], buckets: fastSeconds },
  rerank_seconds: { help: "requests to the reranker", labels: [], buckets: hopSeconds },
  language_model_seconds: {
    help: "one answer of the language model",
    labels: ["model"],
    buckets: slowSeconds,
  },
  question_seconds: {
    help: "one question, whole",
    labels: ["tenant"],
    buckets: questionSeconds,
    hasExemplars: true,
  },
  language_model_first_token_seconds: {
    help: "from the request to the first word of the language model",
    labels: ["model"],
    buckets: slowSeconds,
  },
  cold_write_seconds: {
    help: "writing one page of a merge to the cold shard",
    labels: [],
    buckets: hopSeconds,
  },
  webhook_request_seconds: {
    help: "one request to a webhook, whatever became of it",
    labels: [],
    buckets: hopSeconds,
  },
  webhook_age_seconds: {
    help: "from the decision on an operation to its delivery to a webhook",
    labels: ["tenant"],
    buckets: freshSeconds,
  },
  canary_visible_seconds: {
    help: "from publishing a document of the canary to finding it",
    labels: ["partition"],
    buckets: freshSeconds,
  },
};

export const gauges: Instruments<GaugeLabels> = {
  build_info: {
    help: "always 1: which Freshet runs here, on which Node",
    labels: ["version", "runtime"],
  },
  language_model_up: { help: "0 while a model endpoint rests after failures", labels: ["model"] },
  embed_servers: { help: "servers that embed for this node, by state", labels: ["state"] },
  question_cache_bytes: { help: "bytes that are kept for equal questions", labels: ["cache"] },
  ingest_lag_operations: { help: "operations known but not applied", labels: ["tenant"] },
  oldest_waiting_timestamp_seconds: {
    help: "when the next operation to be applied was published, unix time; 0 for none",
    labels: ["tenant"],
  },
  certificate_expires_timestamp_seconds: {
    help: "when a certificate ends, unix time",
    labels: ["file"],
  },
  embed_fallback: {
    help: "1 while the CPU embeds in place of the configured provider",
    labels: [],
  },
  queue_depth: { help: "messages that wait in a queue", labels: ["queue"] },
  hot_documents: { help: "documents in the hot shard", labels: ["tenant"] },
  hot_chunks: { help: "chunks in the hot shard", labels: ["tenant"] },
  hot_bytes: { help: "memory of the hot shard", labels: ["tenant"] },
  kept_chunks: { help: "merged chunks that memory keeps while there is room", labels: ["tenant"] },
  kept_bytes: {
    help: "memory that is kept while there is room, which `hot_bytes` is without",
    labels: ["tenant"],
  },
  resident: { help: "1 while every live document is in memory", labels: ["tenant"] },
  heads_bytes: { help: "memory of the heads, one entry a live document", labels: ["tenant"] },
  unmerged_chunks: { help: "chunks that are not in cold yet", labels: ["tenant"] },
  oldest_unmerged_timestamp_seconds: {
    help: "when the oldest unmerged record was applied, unix time; 0 for none",
    labels: ["tenant"],
  },
  watermark_position: { help: "position in CHUNKS up to which cold is true", labels: ["tenant"] },
  partitions_owned: { help: "1 while this node holds the lease", labels: ["partition"] },
  log_refused: { help: "1 while the log is not the one that was written", labels: [] },
  stream_bytes: { help: "bytes that a stream of the log holds", labels: ["stream"] },
  stream_bytes_max: { help: "bytes that a stream of the log may hold", labels: ["stream"] },
  merge_written_objects: { help: "objects written by the running merge", labels: ["tenant"] },
  merge_phase: { help: "1 for the phase that a merge is in", labels: ["tenant", "phase"] },
  scrub_lost_documents: {
    help: "live documents that the last scrub found in neither the cold shard nor the log",
    labels: ["tenant"],
  },
  api_key_used_timestamp_seconds: {
    help: "last use of a key of the key store at this node, unix time",
    labels: ["key"],
  },
  audit_entries_pending: {
    help: "entries of the audit trail that are not stored yet",
    labels: [],
  },
  source_lag_events: {
    help: "events of a change stream that are stored and not dealt with",
    labels: ["source"],
  },
  webhooks: { help: "webhooks by their status", labels: ["status"] },
  webhook_failing_timestamp_seconds: {
    help: "unix time since when an event does not get through to a webhook; 0 while all do",
    labels: ["webhook"],
  },
};
