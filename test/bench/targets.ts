/** What each row has to show. Pure: a row's name and numbers in, a verdict out. */

export interface Target {
  readonly direction: "at least" | "at most";
  readonly bound: number;
}

const atLeast = (bound: number): Target => ({ direction: "at least", bound });
const atMost = (bound: number): Target => ({ direction: "at most", bound });

/** By row name; a name that ends in a dot covers every row that starts with it. */
const targets: Readonly<Record<string, Target>> = {
  "acl.hot_vs_none.": atMost(1.3),
  "acl.cold_vs_none.": atMost(1.3),
  "acl.leaks": atMost(0),
  "leaks.found": atMost(0),
  "leaks.blind": atMost(0),
  "surfaces.over_handler_ms.http": atMost(2),
  "surfaces.over_handler_ms.nats": atMost(2),
  "surfaces.over_handler_ms.chat": atMost(4),
  "surfaces.over_handler_ms.responses": atMost(4),
  "surfaces.over_handler_ms.mcp": atMost(4),
  "surfaces.over_handler_ms.dify": atMost(4),
  "surfaces.first_token_over_question_ms.": atMost(5),
  "traces.off.": atMost(1.005),
  "traces.sampled.": atMost(1.02),
  "embed.worker_vs_raw": atLeast(0.95),
  "embed.int8_vs_fp32_batch": atLeast(1.6),
  "embed.int8_vs_fp32_query": atLeast(2),
  "embed.vs_packaged": atLeast(1.8),
  "text.worst_vs_prose": atMost(5),
  // 16 where the cost is the square of the length.
  "text.long_vs_short": atMost(3),
  "formats.unanswered": atMost(0),
  "formats.slow": atMost(0),
  "mirror.differences": atMost(0),
  "pipeline.vs_raw_embedding": atLeast(0.9),
  "pipeline.event_loop_p99_ms": atMost(10),
  "pipeline.event_loop_p99_ms_large": atMost(20),
  "freshness.idle_over_embedding_ms": atMost(5),
  "freshness.half_load_p99_vs_idle_p50": atMost(6),
  "query_embedding.saturated_p99_vs_idle_p50": atMost(3),
  "fairness.question_p99_ratio": atMost(2),
  // Their reference is what may be: 2 x the idle p99 and a batch of the embedder.
  "tenants.flood_visible.": atMost(1),
  "tenants.flood_question.": atMost(1),
  "growth.document_cpu_ms.": atMost(1.15),
  "growth.question_p50_ms.": atMost(2),
  "tenants.document_ms.": atMost(1.1),
  "tenants.document_cpu_ms.": atMost(1.1),
  "tenants.question_cpu_ms.": atMost(1.1),
  "tenants.question_p50_ms.": atMost(1.1),
  "tenants.idle_core_percent.": atMost(1),
  "reembed.question_p99_vs_idle": atMost(2),
  "reembed.mixed": atMost(0),
  "reembed.failed": atMost(0),
  "reembed.rollback_unequal": atMost(0),
  "hot.search_vs_hnswlib.": atMost(1.2),
  "hot.recall.": atLeast(0.98),
  "hot.write_vs_hnswlib": atMost(0.2),
  "hot.filtered_recall.": atLeast(0.98),
  "hot.filtered_vs_unfiltered.": atMost(2),
  "hot.idle_tenant_bytes": atMost(100_000),
  "hot.bytes_vs_raw": atMost(1.6),
  "cold.over_weaviate.": atMost(1.3),
  "heads.bytes_per_entry.": atMost(40),
  "merge.heads_bytes_per_change.": atMost(200),
  "recovery.ready_s": atMost(5),
  "recovery.replay_vs_ingest": atLeast(20),
  "recovery.embedded_again": atMost(0),
  "merge.throughput_vs_bare": atLeast(0.85),
  "mapper.operations_per_s.": atLeast(5_000),
  "placement.differences.": atMost(0),
  "redaction.recall": atLeast(0.97),
  "redaction.false_per_100.": atMost(0.5),
  "redaction.vs_embedding": atMost(0.03),
  "redaction.mail_addresses_left": atMost(0),
  "residency.different_answers": atMost(0),
  "residency.hits_vs_ideal_lru": atLeast(0.95),
  "quality.int8_vs_fp32": atLeast(0.99),
  "quality.placement_spread.": atMost(0.005),
  "quality.answer_span.": atLeast(0.8),
  "quality.answer_sentences.": atMost(3),
  "quality.answer_supported.": atLeast(1),
  "quality.answer_ms.": atMost(3),
  "quality.follow_up_loss.": atMost(0.03),
  "query.resident.p50_ms": atMost(4),
  "query.resident.max_qps": atLeast(400),
  "query.resident.max_qps_vs_raw": atLeast(0.6),
  "query.resident.open_500_p999_ms": atMost(250),
  // Its reference is what may be: 1.3 times Weaviate's own time and 3 ms.
  "query.cold.over_weaviate": atMost(1),
  "query.half.p99_vs_cold": atMost(1.2),
  "query.under_ingest_p99_vs_idle": atMost(3),
};

export type Verdict = "met" | "missed" | "skipped" | "no target";

export function targetOf(name: string): Target | undefined {
  const family = name.slice(0, name.lastIndexOf(".") + 1);
  return targets[name] ?? targets[family];
}

/** A target applies to the ratio, and to the value of a row that has no reference. */
export function verdictOf(row: {
  readonly name: string;
  readonly value: number | null;
  readonly ratio: number | null;
}): Verdict {
  const target = targetOf(row.name);
  if (target === undefined) return row.value === null ? "skipped" : "no target";
  const measured = row.ratio ?? row.value;
  if (measured === null) return "skipped";
  const met = target.direction === "at least" ? measured >= target.bound : measured <= target.bound;
  return met ? "met" : "missed";
}
