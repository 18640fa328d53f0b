/**
 * What the moving parts report. Names are a closed set, so that a dashboard can not silently lose one;
 * a tenant label goes through a bounded set (`limits.tenantLabelsMax`), all others count as `other`.
 * No document text, question or id ever goes into a label or a log line (I10).
 */

export type CounterName =
  | "operations_total" // tenant, outcome: visible | deleted | superseded | rejected
  | "questions_total" // tenant, outcome: answered | no_results | error code
  | "embed_failures_total" // lane
  | "language_model_errors_total" // model
  | "actor_restarts_total" // actor
  | "appends_refused_total" // reason: fenced | behind
  | "cold_errors_total"; // operation

export type HistogramName =
  | "visible_seconds" // tenant: from the DOCS timestamp to visible
  | "ingest_prepare_seconds" // validate, redact, chunk
  | "embed_batch_texts"
  | "embed_batch_padded_tokens"
  | "embed_seconds" // lane
  | "append_seconds"
  | "hot_insert_seconds"
  | "hot_search_seconds"
  | "cold_search_seconds"
  | "fusion_seconds"
  | "language_model_seconds" // model
  | "question_seconds"; // tenant

export type GaugeName =
  | "ingest_lag_operations" // tenant: DOCS sequences known but not applied
  | "queue_depth" // queue
  | "hot_documents" // tenant
  | "hot_chunks" // tenant
  | "hot_bytes" // tenant
  | "unmerged_chunks" // tenant
  | "oldest_unmerged_seconds" // tenant
  | "watermark_position" // tenant
  | "partitions_owned"
  | "tenants_ready"
  | "merge_written_objects" // tenant, from the merge worker
  | "merge_phase"; // tenant, phase: 1 for the current one

export type Labels = Readonly<Record<string, string>>;

export interface Metrics {
  count(name: CounterName, labels?: Labels, by?: number): void;
  observe(name: HistogramName, value: number, labels?: Labels): void;
  set(name: GaugeName, value: number, labels?: Labels): void;
}

type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

export const silentMetrics: Metrics = { count: () => {}, observe: () => {}, set: () => {} };
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};
