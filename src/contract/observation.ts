/**
 * What the moving parts report. Names are a closed set, so that a dashboard cannot silently lose
 * one; a tenant label goes through a bounded set (`limits.tenantLabelsMax`), all others count as
 * `other`. No document text, question or id ever goes into a label or a log line (I10).
 */

/** Counters and their labels; `never` is none. */
export interface CounterLabels {
  /** outcome: visible, deleted, superseded, rejected */
  readonly operations_total: "tenant" | "outcome";
  /** outcome: answered, or an error code */
  readonly questions_total: "tenant" | "outcome";
  /**
   * What questions share. cache: vectors, searches, answers; outcome: hit, shared (with an equal
   * question in flight), miss, off
   */
  readonly question_cache_total: "cache" | "outcome";
  /** Markers of cited sentences. support: supported, weak, unsupported */
  readonly citations_total: "support";
  /** cold: complete, empty, resident, timeout, unavailable, stale */
  readonly searches_total: "cold";
  /** Tenants whose kept rows were dropped for the room that they take. */
  readonly evictions_total: "tenant";
  /** Tenants that were loaded again. outcome: resident, incomplete, no_room, failed */
  readonly loads_total: "outcome";
  readonly embed_failures_total: "lane";
  readonly language_model_errors_total: "model";
  /** kind: prompt, completion; estimates where the endpoint does not count them. */
  readonly language_model_tokens_total: "model" | "kind";
  /** By the prices of the endpoints; only where they are set. */
  readonly language_model_cost_total: "model" | "tenant";
  /** Answers that not the first endpoint of the chain wrote. reason: as in `fallback` of a reply */
  readonly language_model_fallbacks_total: "reason";
  readonly actor_restarts_total: "actor";
  readonly tenants_slept_total: never;
  readonly tenants_woken_total: never;
  /** reason: fenced, behind */
  readonly appends_refused_total: "reason";
  readonly cold_errors_total: "operation";
  readonly rerank_errors_total: "outcome";
  readonly questions_declined_total: never;
  /** Documents that were suspected of ending their process, and processed where they cannot. */
  readonly documents_isolated_total: "tenant";
  /** Its encoder failed; they are ranked by the other signals. */
  readonly documents_without_sparse_total: never;
  readonly questions_without_sparse_total: never;
  /** Written again because the second look at a merge missed them. */
  readonly confirm_repaired_total: "tenant";
  /** outcome: deleted, repaired */
  readonly scrub_objects_total: "tenant" | "outcome";
  /** Dead letters that their stream did not take, left to a merge or to retention. */
  readonly dead_letters_deferred_total: "tenant";
  /** Documents that cold refused for good; each has a dead letter. */
  readonly cold_refused_total: "tenant";
  /**
   * Tenants that a sweep passed over because of a failure of theirs. step: merge, retention, scrub
   */
  readonly sweep_failures_total: "step";
  /** Messages that retention removed. */
  readonly purged_total: "stream";
  /** Payloads that could not be sealed or opened. reason: an error code */
  readonly payload_failures_total: "reason";
  /** Messages of the log that a reader could not use and passed over, each once a process. */
  readonly records_quarantined_total: "stream";
  /** surface: service, peer */
  readonly replies_refused_total: "surface";
  /** Entries of the audit trail that had no room while the log was away; the trail says so, too. */
  readonly audit_entries_lost_total: never;
  /** Events of change streams. outcome: mapped, skipped, failed */
  readonly source_events_total: "source" | "outcome";
  /** Events sent to webhooks. outcome: delivered, failed, gone */
  readonly webhook_deliveries_total: "tenant" | "outcome";
  /** Documents of the canary, each once. outcome: found, failed */
  readonly canary_documents_total: "partition" | "outcome";
  /** step: publish, find, delete */
  readonly canary_failures_total: "partition" | "step";
  /** Operations that sources have published. */
  readonly source_operations_total: "source";
  /** Payloads of operations that came out of the log. */
  readonly operation_bytes_total: "tenant";
  /** Tokens of language models, read and written. */
  readonly model_tokens_total: "tenant";
  /** For which language models worked. */
  readonly model_seconds_total: "tenant";
  /** What a quota did not let through. quota: a name of the file of quotas */
  readonly quota_refused_total: "tenant" | "quota";
  /** Waits of operations from the log for their tenant's rate. */
  readonly quota_delayed_seconds_total: "tenant";
}

export interface HistogramLabels {
  /** From the DOCS timestamp to visible. */
  readonly visible_seconds: "tenant";
  /** Validate, redact, chunk. */
  readonly ingest_prepare_seconds: never;
  readonly embed_batch_texts: "lane";
  readonly embed_batch_padded_tokens: "lane";
  readonly embed_seconds: "lane";
  readonly append_seconds: never;
  readonly hot_insert_seconds: never;
  readonly hot_search_seconds: never;
  readonly cold_search_seconds: never;
  readonly fusion_seconds: never;
  readonly rerank_seconds: never;
  readonly language_model_seconds: "model";
  /** To the first word of an answer. */
  readonly language_model_first_token_seconds: "model";
  /** A page of a merge, written to cold. */
  readonly cold_write_seconds: never;
  /** From a publish of the canary to its first sight; a document a partition. */
  readonly canary_visible_seconds: "partition";
  readonly question_seconds: "tenant";
  /** One request to a webhook, whatever became of it. */
  readonly webhook_request_seconds: never;
  /** From the decision on an operation to its delivery to a webhook. */
  readonly webhook_age_seconds: "tenant";
}

export interface GaugeLabels {
  /** Always 1. runtime: the version of Node. */
  readonly build_info: "version" | "runtime";
  /** Servers that embed for this node. state: serving, away, stranger (computes another model) */
  readonly embed_servers: "state";
  readonly question_cache_bytes: "cache";
  /** 0 while a model endpoint rests after failures. */
  readonly language_model_up: "model";
  /** Operations taken in but not applied. */
  readonly ingest_lag_operations: "tenant";
  /**
   * Unix time at which the operation was published that is to be applied next; 0 while none waits:
   * an age would stand still where everything does.
   */
  readonly oldest_waiting_timestamp_seconds: "tenant";
  /** 1 while the CPU embeds in place of the configured provider. */
  readonly embed_fallback: never;
  readonly queue_depth: "queue";
  readonly hot_documents: "tenant";
  readonly hot_chunks: "tenant";
  readonly hot_bytes: "tenant";
  /** What cold has for good and memory keeps while there is room. */
  readonly kept_chunks: "tenant";
  readonly kept_bytes: "tenant";
  /** 1 while every live document is in memory: cold is not asked. */
  readonly resident: "tenant";
  readonly heads_bytes: "tenant";
  readonly unmerged_chunks: "tenant";
  /**
   * Unix time, 0 for none: an age would stand still while nothing happens, which is when it
   * matters.
   */
  readonly oldest_unmerged_timestamp_seconds: "tenant";
  readonly watermark_position: "tenant";
  /** 1 while this node holds its lease. */
  readonly partitions_owned: "partition";
  /** 1 while the log is not the one that was written. */
  readonly log_refused: never;
  /** Unix time at which a certificate that this process reads ends. */
  readonly certificate_expires_timestamp_seconds: "file";
  readonly stream_bytes: "stream";
  readonly stream_bytes_max: "stream";
  readonly merge_written_objects: "tenant";
  /** 1 for the current phase. */
  readonly merge_phase: "tenant" | "phase";
  readonly scrub_lost_documents: "tenant";
  /** Unix time of a key's last use at this node; keys of the key store, by id. */
  readonly api_key_used_timestamp_seconds: "key";
  /** Entries of the audit trail that are not stored yet. */
  readonly audit_entries_pending: never;
  /** Events that are stored and not dealt with. */
  readonly source_lag_events: "source";
  /** status: active, paused, disabled */
  readonly webhooks: "status";
  /** Unix time since when an event does not get through to a webhook; 0 while all do. */
  readonly webhook_failing_timestamp_seconds: "webhook";
}

export type CounterName = keyof CounterLabels;
export type HistogramName = keyof HistogramLabels;
export type GaugeName = keyof GaugeLabels;

/** With the trace that it was measured in, where there is one: an exemplar of its bucket. */
export type Measured = number | { readonly value: number; readonly traceId: string | undefined };

type LabelsOf<Name extends string> = Readonly<Record<Name, string>>;

export interface Metrics {
  count<Name extends CounterName>(
    name: Name,
    labels?: LabelsOf<CounterLabels[Name]>,
    by?: number,
  ): void;
  observe<Name extends HistogramName>(
    name: Name,
    value: Measured,
    labels?: LabelsOf<HistogramLabels[Name]>,
  ): void;
  /** Shows the series before its first observation, whose increase nobody could see else. */
  begin<Name extends HistogramName>(name: Name, labels?: LabelsOf<HistogramLabels[Name]>): void;
  set<Name extends GaugeName>(
    name: Name,
    value: number,
    labels?: LabelsOf<GaugeLabels[Name]>,
  ): void;
}

type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

export const silentMetrics: Metrics = {
  count: () => {},
  observe: () => {},
  begin: () => {},
  set: () => {},
};
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};
