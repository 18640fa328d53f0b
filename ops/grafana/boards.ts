/** The boards: what is asked of Prometheus, and under which words it is shown. */

export type Unit = "s" | "bytes" | "ops" | "percentunit" | "short" | "dateTimeAsIso";

export interface Query {
  readonly expr: string;
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  /** What to conclude from it. */
  readonly says: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** A line that it should stay under. */
  readonly bound?: number | undefined;
}

export interface Board {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** Users alone: the canary's questions are its own. */
const users = 'tenant!="canary"';

function quantile(of: number, metric: string, by: { where?: string; label?: string } = {}): string {
  const { where = "", label } = by;
  const kept = label === undefined ? "le" : `le, ${label}`;
  return `histogram_quantile(${of}, sum by (${kept}) (rate(${metric}_bucket{${where}}[$__rate_interval])))`;
}

function quantiles(metric: string, where = ""): readonly Query[] {
  return [0.5, 0.95, 0.99].map((of) => ({
    expr: quantile(of, metric, { where }),
    legend: `p${of * 100}`,
  }));
}

function rate(metric: string, label?: string): Query {
  const by = label === undefined ? "" : ` by (${label})`;
  return {
    expr: `sum${by} (rate(${metric}[$__rate_interval]))`,
    legend: label === undefined ? metric.replace(/\{.*/, "") : `{{${label}}}`,
  };
}

const by = (expr: string, label: string): Query => ({ expr, legend: `{{${label}}}` });

const freshness: Board = {
  uid: "freshet-freshness",
  title: "Freshet: freshness",
  panels: [
    {
      title: "Canary: publish to found",
      says: "What a user would see. The objective: 99 % within one second.",
      unit: "s",
      bound: 1,
      queries: quantiles("freshet_canary_visible_seconds"),
    },
    {
      title: "Error budget of freshness",
      says: "Share of the canary's documents that came late or never; an alert fires at the line.",
      unit: "percentunit",
      bound: 0.144,
      queries: ["5m", "1h", "6h"].map((window) => ({
        expr: `freshet:freshness_errors:ratio_${window}`,
        legend: window,
      })),
    },
    {
      title: "Canary: failures",
      says: "By the step that failed: publish is the log, find the engine, delete the heads.",
      unit: "ops",
      queries: [rate("freshet_canary_failures_total", "step")],
    },
    {
      title: "Log to visible",
      says: "Every document, from the time that DOCS stored it.",
      unit: "s",
      bound: 0.06,
      queries: quantiles("freshet_visible_seconds", users),
    },
    {
      title: "Lag",
      says: "How long the operation waits that is next; zero while none does.",
      unit: "s",
      bound: 60,
      queries: [by("topk(10, freshet:ingest_lag_seconds)", "tenant")],
    },
    {
      title: "Waiting operations",
      says: "Known to their writer and not applied.",
      unit: "short",
      queries: [by("topk(10, freshet_ingest_lag_operations)", "tenant")],
    },
    {
      title: "Operations by outcome",
      says: "Rejected ones have a dead letter each.",
      unit: "ops",
      queries: [rate("freshet_operations_total", "outcome")],
    },
    {
      title: "Where the time goes",
      says: "p95 of each stage of a document.",
      unit: "s",
      queries: [
        ...["ingest_prepare", "append", "hot_insert"].map((stage) => ({
          expr: quantile(0.95, `freshet_${stage}_seconds`),
          legend: stage,
        })),
        {
          expr: quantile(0.95, "freshet_embed_seconds", { label: "lane" }),
          legend: "embed {{lane}}",
        },
      ],
    },
    {
      title: "Batches",
      says: "Texts of a batch: small ones under load say that the embedder is not the bottleneck.",
      unit: "short",
      queries: [
        { expr: quantile(0.5, "freshet_embed_batch_texts", { label: "lane" }), legend: "{{lane}}" },
      ],
    },
    {
      title: "Embed failures",
      says: "Share of the batches; an alert fires at the line.",
      unit: "percentunit",
      bound: 0.01,
      queries: [{ expr: "freshet:embed_errors:ratio_5m", legend: "failed" }],
    },
  ],
};

const questions: Board = {
  uid: "freshet-questions",
  title: "Freshet: questions",
  panels: [
    {
      title: "Question, whole",
      says: "With a language model most of it is the model's. Exemplars lead to traces.",
      unit: "s",
      bound: 0.3,
      queries: quantiles("freshet_question_seconds", users),
    },
    {
      title: "Error budget of answers",
      says: "Share of the questions that ended with an error of ours.",
      unit: "percentunit",
      bound: 0.072,
      queries: ["5m", "1h", "6h"].map((window) => ({
        expr: `freshet:answer_errors:ratio_${window}`,
        legend: window,
      })),
    },
    {
      title: "Questions by outcome",
      says: "Everything but answered is an error code.",
      unit: "ops",
      queries: [rate(`freshet_questions_total{${users}}`, "outcome")],
    },
    {
      title: "Where the time goes",
      says: "p95 of each stage of a question.",
      unit: "s",
      queries: ["hot_search", "cold_search", "fusion"].map((stage) => ({
        expr: quantile(0.95, `freshet_${stage}_seconds`),
        legend: stage,
      })),
    },
    {
      title: "Coverage of cold",
      says: "timeout, unavailable and stale are answers over less than everything.",
      unit: "ops",
      queries: [rate("freshet_searches_total", "cold")],
    },
    {
      title: "Kept for equal questions",
      says: "Hits cost neither a search nor a model.",
      unit: "ops",
      queries: [
        {
          expr: "sum by (cache, outcome) (rate(freshet_question_cache_total[$__rate_interval]))",
          legend: "{{cache}} {{outcome}}",
        },
      ],
    },
    {
      title: "Language model",
      says: "To the first word, and whole.",
      unit: "s",
      queries: [
        {
          expr: quantile(0.95, "freshet_language_model_first_token_seconds"),
          legend: "first word",
        },
        { expr: quantile(0.95, "freshet_language_model_seconds"), legend: "whole" },
      ],
    },
    {
      title: "Tokens",
      says: "What is paid for.",
      unit: "ops",
      queries: [
        {
          expr: "sum by (model, kind) (rate(freshet_language_model_tokens_total[$__rate_interval]))",
          legend: "{{model}} {{kind}}",
        },
      ],
    },
    {
      title: "Language model: errors",
      says: "The next endpoint answers, in the end sentences of the sources.",
      unit: "percentunit",
      queries: [by("freshet:language_model_errors:ratio_5m", "model")],
    },
    {
      title: "Cost of 1,000 questions",
      says: "Of the last hour, in the currency of the prices that are set.",
      unit: "short",
      queries: [{ expr: "freshet:cost_per_1000_questions:1h", legend: "cost" }],
    },
    {
      title: "Answers by another writer",
      says: "That not the first model endpoint wrote, by why it did not.",
      unit: "ops",
      queries: [
        {
          expr: "sum by (reason) (rate(freshet_language_model_fallbacks_total[$__rate_interval]))",
          legend: "{{reason}}",
        },
      ],
    },
  ],
};

const merges: Board = {
  uid: "freshet-merges",
  title: "Freshet: merges and storage",
  panels: [
    {
      title: "Oldest unmerged",
      says: "An alert fires after an hour.",
      unit: "s",
      bound: 3_600,
      queries: [by("topk(10, freshet:unmerged_age_seconds)", "tenant")],
    },
    {
      title: "Phase",
      says: "Which tenants are being merged, and how far they are.",
      unit: "short",
      queries: [
        { expr: "freshet_merge_phase == 1", legend: "{{tenant}} {{phase}}" },
        { expr: "freshet_merge_written_objects", legend: "{{tenant}} written" },
      ],
    },
    {
      title: "Cold writes",
      says: "One page of a merge.",
      unit: "s",
      queries: quantiles("freshet_cold_write_seconds"),
    },
    {
      title: "Cold errors",
      says: "Failed requests to Weaviate.",
      unit: "ops",
      queries: [rate("freshet_cold_errors_total", "operation")],
    },
    {
      title: "Streams",
      says: "How full. At one publishers are refused.",
      unit: "percentunit",
      bound: 0.8,
      queries: [by("max by (stream) (freshet_stream_bytes / freshet_stream_bytes_max)", "stream")],
    },
    {
      title: "Lost, refused, repaired",
      says: "Lost documents are in neither cold nor log.",
      unit: "short",
      queries: [
        { expr: "sum (freshet_scrub_lost_documents)", legend: "lost" },
        { expr: "sum (increase(freshet_cold_refused_total[1h]))", legend: "refused" },
        { expr: "sum (increase(freshet_confirm_repaired_total[1h]))", legend: "repaired" },
      ],
    },
    {
      title: "Weaviate's cores",
      says: "Cores in use; an alert fires at 80 % of all.",
      unit: "short",
      queries: [
        by(
          'sum by (instance) (rate(process_cpu_seconds_total{job="weaviate"}[$__rate_interval]))',
          "instance",
        ),
      ],
    },
  ],
};

const nodes: Board = {
  uid: "freshet-nodes",
  title: "Freshet: nodes",
  panels: [
    {
      title: "Partitions",
      says: "Held by each node; together they should be all.",
      unit: "short",
      queries: [by("sum by (instance) (freshet_partitions_owned)", "instance")],
    },
    {
      title: "Hot memory",
      says: "What is not merged, and what is kept while there is room.",
      unit: "bytes",
      queries: [
        { expr: "sum by (instance) (freshet_hot_bytes)", legend: "{{instance}} hot" },
        { expr: "sum by (instance) (freshet_kept_bytes)", legend: "{{instance}} kept" },
      ],
    },
    {
      title: "Resident memory",
      says: "Of the whole process.",
      unit: "bytes",
      queries: [by("freshet_process_resident_memory_bytes", "instance")],
    },
    {
      title: "Event loop",
      says: "The longest delay since the last scrape: everything in the process waited so long.",
      unit: "s",
      queries: [by('freshet_event_loop_delay_seconds{quantile="1"}', "instance")],
    },
    {
      title: "Restarts",
      says: "Actors that failed and began anew.",
      unit: "ops",
      queries: [rate("freshet_actor_restarts_total", "actor")],
    },
    {
      title: "Certificates",
      says: "When they end.",
      unit: "dateTimeAsIso",
      queries: [by("min by (file) (freshet_certificate_expires_timestamp_seconds) * 1000", "file")],
    },
  ],
};

export const boards: readonly Board[] = [freshness, questions, merges, nodes];
