/**
 * Everything that can be configured, from the environment only. The table in
 * ops/guides/configuration.md is checked against `settings` (settings.ts), so a setting that is not
 * documented, or documented wrongly, fails a test.
 */

import { hostname } from "node:os";
import { join } from "node:path";
import type { TenantId } from "../contract/ids.ts";
import type { Secret, TlsFiles, TracingSettings } from "../contract/links.ts";
import { withoutEnd } from "../contract/without-end.ts";
import {
  assembleLinks,
  complaintsOfLinks,
  complaintsOfServing,
  type Endpoint,
  type Links,
} from "./links.ts";
import { type LanguageModelLink, languageModelsOf } from "./models.ts";
import type { ModelServers, Setting } from "./schemas.ts";
import { settings } from "./settings.ts";
import { type Slip, slipsIn } from "./slips.ts";
import { isSecret, presentIn, secretIn, tlsIn, type Value, type Values } from "./values.ts";

interface EmbedLink {
  readonly apiKey: Secret | undefined;
  readonly tls: TlsFiles | undefined;
}

export interface Config extends Links {
  /** OpenAI-compatible endpoints in their order; none: answers are sentences of the sources. */
  readonly languageModels: readonly LanguageModelLink[];
  /** Equal questions share what they find, and the answer. */
  readonly answerCache: boolean;
  /** What groups see of documents without labels. */
  readonly aclDefault: Value<"FRESHET_ACL_DEFAULT">;
  /** Orders what a question found; undefined: nothing does. */
  readonly reranker: RerankLink | undefined;
  readonly declineIrrelevant: Value<"FRESHET_DECLINE_IRRELEVANT">;
  /** The model of the learned-sparse signal. */
  readonly sparse: Value<"FRESHET_SPARSE">;
  readonly embedding: {
    /** The model's folder and graph; undefined means what `ops/start` put into the cache. */
    readonly modelDir: string | undefined;
    readonly graph: string | undefined;
    readonly provider: Value<"FRESHET_EMBED_PROVIDER">;
    readonly fallback: Value<"FRESHET_EMBED_FALLBACK">;
    readonly precision: Value<"FRESHET_EMBED_PRECISION">;
    /** Threads of the embedding worker; undefined lets it choose from the cores. */
    readonly threads: number | undefined;
    /** Endpoints that embed; undefined means a graph in this process. One of the two is there. */
    readonly remote:
      | {
          /** With commas between. */
          readonly url: string | undefined;
          /** Of NATS. */
          readonly subject: string | undefined;
          readonly model: string | undefined;
        }
      | undefined;
    /** By model of a generation; one that is not named is computed in this process. */
    readonly generations: ReadonlyMap<string, ModelServers>;
    /** How any of them is spoken to. */
    readonly link: EmbedLink;
    /** Of a vector; undefined means what the model's `config.json` says. */
    readonly dimensions: number | undefined;
  };
  /** Of `freshet embed-server`. */
  readonly embedServer: { readonly port: number; readonly subject: string | undefined };
  /** Shares of the embedder; a tenant that is not named has the weight 1. */
  readonly tenantWeights: ReadonlyMap<TenantId, number>;
  /** Without API keys, so many tenants come into being by publishing to them. */
  readonly tenantsMax: number;
  /** What tenants and credentials may use; undefined where nothing is limited. */
  readonly quotasFile: string | undefined;
  /** Beside public ones, where webhooks may be sent. */
  readonly webhookNetworks: readonly string[];
  readonly partitions: number;
  /** How long a node that stops stays, so that others see it; 0: not at all. */
  readonly stopNoticeMs: number;
  readonly node: string;
  readonly cacheDir: string | undefined;
  readonly dataDir: string;
  /** Of the Ed25519 key that signs receipts; made when it is not there. */
  readonly receiptKeyFile: string;
  /** A tenant that nobody uses for so long sleeps; 0: never. */
  readonly tenantSleepMs: number;
  readonly merge: {
    readonly sizeChunks: number;
    readonly ageMs: number;
    readonly graceMs: number;
    readonly confirmMs: number;
    /** Undefined: merge workers without a version. */
    readonly versioning:
      | { readonly buildId: string | undefined; readonly becomesCurrent: boolean }
      | undefined;
  };
  /** Of hot memory, for what is merged; 0 keeps none. */
  readonly hotKeptBytes: number;
  readonly replayWindowMs: number;
  /** Secret of redaction, the same on all nodes; undefined means one that the log keeps. */
  readonly redactionKey: Secret | undefined;
  /** Wraps the keys of tenants; undefined: nothing is sealed or opened. */
  readonly payloadKey: Secret | undefined;
  /** The lane of names; undefined where it is off. */
  readonly names: { readonly modelDir: string | undefined } | undefined;
  readonly documentIds: Value<"FRESHET_DOCUMENT_IDS">;
  readonly audit: {
    /** Undefined: written where callers need keys or tokens. */
    readonly mode: Value<"FRESHET_AUDIT"> | undefined;
    readonly key: Secret | undefined;
  };
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  /** Undefined: nothing is traced. */
  readonly tracing: (TracingSettings & { readonly service: string | undefined }) | undefined;
  /** Whether this node measures its partitions with documents of its own. */
  readonly canary: boolean;
  /** What was meant as a setting, and is none. */
  readonly slips: readonly Slip[];
  /** Where a merge worker shows its metrics; undefined: nowhere. */
  readonly mergeMetricsPort: number | undefined;
}

export interface RerankLink extends Endpoint {
  readonly shape: Value<"FRESHET_RERANK_SHAPE">;
  readonly model: string | undefined;
  readonly timeoutMs: number;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";
export type LogFormat = "auto" | "json" | "line";

type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration is unusable; every line names one variable, and what it should be. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
    this.lines = lines;
  }
}

/**
 * Reads and checks the environment of an engine; an empty variable counts as unset.
 * @throws ConfigError with one line for each bad value; a line never repeats the value of a secret
 */
export function readConfig(env: Environment): Config {
  return read(env, complaintsOfServing, true);
}

/**
 * The same for a program that reads addresses only: it may name a host that an
 * engine here would refuse to listen on.
 * @throws ConfigError
 */
export function readClientConfig(env: Environment): Config {
  return read(env, () => [], false);
}

function read(
  env: Environment,
  complaints: (values: Values) => readonly string[],
  isServing: boolean,
): Config {
  const { values, lines: own } = readValues(env);
  const models = languageModelsOf(values, isServing);
  const together = [...models.lines, ...complaintsOfLinks(values), ...complaints(values)];
  if (values.FRESHET_LLM_URL !== undefined && values.FRESHET_LLM_MODEL === undefined) {
    together.push("FRESHET_LLM_MODEL: name the model that FRESHET_LLM_URL should run");
  }
  if (values.FRESHET_OIDC_ISSUER !== undefined && values.FRESHET_OIDC_AUDIENCE === undefined) {
    together.push(
      "FRESHET_OIDC_AUDIENCE: name the audience, or tokens for other services count here",
    );
  }
  // One that is wrong by itself counts as unset here: what would be missing then, is not.
  const wrong = new Set(own.map(nameIn));
  const lines = [...own, ...together.filter((line) => !wrong.has(nameIn(line)))];
  if (lines.length > 0) throw new ConfigError(lines);
  const slips = slipsIn(Object.keys(env));
  return { ...assemble(values), languageModels: models.links, slips };
}

/** Which variable a complaint is about. */
const nameIn = (line: string): string => /^\w+/.exec(line)?.[0] ?? "";

function readValues(env: Environment): { values: Values; lines: string[] } {
  const lines: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, { fallback, schema }] of Object.entries<Setting>(settings)) {
    const given = env[name]?.trim();
    const raw = given === undefined || given === "" ? fallback : given;
    if (raw === undefined) continue;
    const parsed = schema.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else lines.push(complaint(name, raw, schema));
  }
  return { values: values as Values, lines };
}

function complaint(name: string, raw: string, schema: Setting["schema"]): string {
  const expected = String(schema.meta()?.["expected"] ?? "another value");
  const mayBeSecret = isSecret(name) || raw.includes("@");
  const got = mayBeSecret ? "" : `, got ${JSON.stringify(raw.slice(0, 80))}`;
  return `${name}: expected ${expected}${got}`;
}

function assemble(values: Values): Omit<Config, "languageModels" | "slips"> {
  const present = presentIn(values);
  return {
    ...assembleLinks(values),
    answerCache: present("FRESHET_ANSWER_CACHE") === "on",
    aclDefault: present("FRESHET_ACL_DEFAULT"),
    reranker: assembleReranker(values),
    declineIrrelevant: present("FRESHET_DECLINE_IRRELEVANT"),
    sparse: present("FRESHET_SPARSE"),
    embedding: assembleEmbedding(values),
    embedServer: {
      port: present("FRESHET_EMBED_SERVER_PORT"),
      subject: values.FRESHET_EMBED_SERVER_SUBJECT,
    },
    tenantWeights: values.FRESHET_TENANT_WEIGHTS ?? new Map(),
    tenantsMax: present("FRESHET_TENANTS_MAX"),
    quotasFile: values.FRESHET_QUOTAS_FILE,
    webhookNetworks: values.FRESHET_WEBHOOK_NETWORKS ?? [],
    partitions: present("FRESHET_PARTITIONS"),
    stopNoticeMs: present("FRESHET_STOP_NOTICE_MS"),
    node: values.FRESHET_NODE ?? defaultNode(present("FRESHET_HTTP_PORT")),
    cacheDir: values.FRESHET_CACHE_DIR,
    dataDir: present("FRESHET_DATA_DIR"),
    receiptKeyFile:
      values.FRESHET_RECEIPT_KEY_FILE ?? join(present("FRESHET_DATA_DIR"), "receipt-key.pem"),
    tenantSleepMs: present("FRESHET_TENANT_SLEEP_MS"),
    merge: {
      sizeChunks: present("FRESHET_MERGE_SIZE_CHUNKS"),
      ageMs: present("FRESHET_MERGE_AGE_MS"),
      graceMs: present("FRESHET_MERGE_GRACE_MS"),
      confirmMs: present("FRESHET_MERGE_CONFIRM_MS"),
      versioning: assembleVersioning(values),
    },
    hotKeptBytes: present("FRESHET_HOT_KEPT_BYTES"),
    replayWindowMs: present("FRESHET_REPLAY_WINDOW_MS"),
    redactionKey: secretIn(values, "FRESHET_REDACTION_KEY"),
    payloadKey: secretIn(values, "FRESHET_PAYLOAD_KEY"),
    names:
      present("FRESHET_REDACT_NAMES") === "off"
        ? undefined
        : { modelDir: values.FRESHET_NAMES_MODEL_DIR },
    documentIds: present("FRESHET_DOCUMENT_IDS"),
    audit: { mode: values.FRESHET_AUDIT, key: secretIn(values, "FRESHET_AUDIT_KEY") },
    log: { level: present("FRESHET_LOG_LEVEL"), format: present("FRESHET_LOG_FORMAT") },
    tracing: assembleTracing(values),
    canary: present("FRESHET_CANARY") === "on",
    mergeMetricsPort: values.FRESHET_MERGE_METRICS_PORT,
  };
}

function assembleVersioning(values: Values): Config["merge"]["versioning"] {
  const mode = presentIn(values)("FRESHET_MERGE_VERSIONING");
  if (mode === "off") return undefined;
  return { buildId: values.FRESHET_BUILD_ID, becomesCurrent: mode === "auto" };
}

function assembleTracing(values: Values): Config["tracing"] {
  const present = presentIn(values);
  const base = values.OTEL_EXPORTER_OTLP_ENDPOINT;
  const url =
    values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ??
    (base === undefined ? undefined : `${withoutEnd(base, "/")}/v1/traces`);
  if (url === undefined) return undefined;
  return {
    url,
    sampler: present("OTEL_TRACES_SAMPLER"),
    ratio: present("OTEL_TRACES_SAMPLER_ARG"),
    service: values.OTEL_SERVICE_NAME,
  };
}

/**
 * Stable over restarts, so that an engine takes its own dead lease at once; two engines of a host
 * differ in port.
 */
function defaultNode(port: number): string {
  return `${hostname()}-${port === 0 ? process.pid : port}`;
}

function assembleReranker(values: Values): RerankLink | undefined {
  const url = values.FRESHET_RERANK_URL;
  if (url === undefined) return undefined;
  const present = presentIn(values);
  return {
    url,
    shape: present("FRESHET_RERANK_SHAPE"),
    model: values.FRESHET_RERANK_MODEL,
    timeoutMs: present("FRESHET_RERANK_TIMEOUT_MS"),
    apiKey: secretIn(values, "FRESHET_RERANK_API_KEY"),
    tls: tlsIn(values, "FRESHET_RERANK_TLS"),
  };
}

function assembleEmbedding(values: Values): Config["embedding"] {
  const present = presentIn(values);
  const [url, subject] = [values.FRESHET_EMBED_URL, values.FRESHET_EMBED_SUBJECT];
  return {
    modelDir: values.FRESHET_MODEL_DIR,
    graph: values.FRESHET_MODEL_GRAPH,
    provider: present("FRESHET_EMBED_PROVIDER"),
    fallback: present("FRESHET_EMBED_FALLBACK"),
    precision: present("FRESHET_EMBED_PRECISION"),
    threads: values.FRESHET_EMBED_THREADS,
    remote:
      url === undefined && subject === undefined
        ? undefined
        : {
            url,
            subject,
            model: values.FRESHET_EMBED_MODEL,
          },
    generations: values.FRESHET_EMBED_GENERATIONS ?? new Map(),
    link: {
      apiKey: secretIn(values, "FRESHET_EMBED_API_KEY"),
      tls: tlsIn(values, "FRESHET_EMBED_TLS"),
    },
    dimensions: values.FRESHET_EMBED_DIMENSIONS,
  };
}
