/**
 * Everything that can be configured, from the environment only. The README's configuration table is
 * checked against `settings`, so a setting that is not documented, or documented wrongly, fails a test.
 */

import { hostname } from "node:os";
import type { z } from "zod";
import {
  apiKeys,
  bearerToken,
  hostNames,
  hostPort,
  oneOf,
  replicaCount,
  tenantWeights,
  text,
  url,
  whole,
} from "./config-schemas.ts";
import type { TenantId } from "./contract/ids.ts";
import { limits } from "./contract/limits.ts";
import type { EmbedProvider, Precision } from "./embedding/precision.ts";

export interface Config {
  readonly nats: { readonly url: string; readonly replicas: number };
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    readonly uiUrl: string | undefined;
  };
  readonly weaviate: {
    readonly url: string;
    readonly grpc: string;
    readonly apiKey: string | undefined;
  };
  readonly http: {
    readonly host: string;
    /** 0 lets the system choose. */
    readonly port: number;
    /** Key → its tenant. Empty means that nobody is asked for a key: loopback only. */
    readonly apiKeys: ReadonlyMap<string, TenantId>;
    /** Opens what names tenants; undefined: nothing does where keys are configured. */
    readonly operatorToken: string | undefined;
    /** Names of this deployment that the Host header may have. */
    readonly hosts: readonly string[];
  };
  /** What the command line sends. */
  readonly apiKey: string | undefined;
  /** An OpenAI-compatible endpoint; undefined means the local model, or extractive answers. */
  readonly languageModel:
    | { readonly url: string; readonly model: string; readonly apiKey: string | undefined }
    | undefined;
  readonly embedding: {
    /** The model's folder and graph; undefined means what `ops/start` put into the cache. */
    readonly modelDir: string | undefined;
    readonly graph: string | undefined;
    readonly provider: EmbedProvider;
    readonly precision: Precision | "auto";
    /** Threads of the embedding worker; undefined lets it choose from the cores. */
    readonly threads: number | undefined;
    /** An endpoint that embeds; undefined means a graph in this process. */
    readonly remote:
      | {
          readonly url: string;
          readonly model: string | undefined;
          readonly apiKey: string | undefined;
        }
      | undefined;
    /** Of a vector; undefined means what the model's `config.json` says. */
    readonly dimensions: number | undefined;
  };
  /** Shares of the embedder; a tenant that is not named has the weight 1. */
  readonly tenantWeights: ReadonlyMap<TenantId, number>;
  /** Without API keys, so many tenants come into being by publishing to them. */
  readonly tenantsMax: number;
  readonly partitions: number;
  readonly node: string;
  readonly cacheDir: string | undefined;
  readonly dataDir: string;
  readonly merge: {
    readonly sizeChunks: number;
    readonly ageMs: number;
    readonly graceMs: number;
    readonly confirmMs: number;
  };
  readonly replayWindowMs: number;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";
export type LogFormat = "auto" | "json" | "line";

export interface Setting {
  /** What holds when the variable is unset or empty; undefined when nothing does. */
  readonly fallback: string | undefined;
  readonly what: string;
  readonly schema: z.ZodType<unknown, string>;
}

const dayMs = 86_400_000;

function setting<Schema extends z.ZodType<unknown, string>>(
  fallback: string | undefined,
  schema: Schema,
  what: string,
) {
  return { fallback, schema, what };
}

/** One row of the README's table each: name, default, what it does. */
export const settings = {
  FRESHET_NATS_URL: setting(
    "nats://127.0.0.1:4222",
    url("nats", "tls", "ws", "wss"),
    "NATS server with JetStream; several with commas between",
  ),
  FRESHET_STREAM_REPLICAS: setting(
    "1",
    replicaCount,
    "copies of each stream on a NATS cluster: 1, 3 or 5; more than an existing log has are added, fewer take none away",
  ),
  FRESHET_TEMPORAL_ADDRESS: setting("127.0.0.1:7233", hostPort, "Temporal frontend"),
  FRESHET_TEMPORAL_NAMESPACE: setting("default", text, "Temporal namespace of the merge workflows"),
  FRESHET_TEMPORAL_UI_URL: setting(
    undefined,
    url("http", "https"),
    "Temporal UI, for links to workflows",
  ),
  FRESHET_WEAVIATE_URL: setting(
    "http://127.0.0.1:8080",
    url("http", "https"),
    "Weaviate, the cold shard",
  ),
  FRESHET_WEAVIATE_GRPC: setting("127.0.0.1:50051", hostPort, "Weaviate's gRPC endpoint"),
  FRESHET_WEAVIATE_API_KEY: setting(undefined, text, "Weaviate's API key, where it asks for one"),
  FRESHET_HTTP_HOST: setting("127.0.0.1", text, "address that the HTTP API listens on"),
  FRESHET_HTTP_PORT: setting(
    "8787",
    whole(0, 65_535),
    "port of the HTTP API; 0 lets the system choose",
  ),
  FRESHET_API_KEYS: setting(
    undefined,
    apiKeys,
    "`key=tenant` pairs with commas between; without any, HTTP listens on loopback only and trusts `x-tenant`",
  ),
  FRESHET_OPERATOR_TOKEN: setting(
    undefined,
    bearerToken,
    "bearer token for `/metrics`, which names tenants; with API keys and without it nobody may read them",
  ),
  FRESHET_HTTP_HOSTS: setting(
    undefined,
    hostNames,
    "host names under which operators reach the HTTP API, with commas between; loopback and addresses always work",
  ),
  FRESHET_API_KEY: setting(undefined, text, "key that the command line sends to the HTTP API"),
  FRESHET_LLM_URL: setting(
    undefined,
    url("http", "https"),
    "OpenAI-compatible endpoint, such as `http://127.0.0.1:11434/v1`; unset: the local model with `ops/start`, else extractive",
  ),
  FRESHET_LLM_MODEL: setting(undefined, text, "model name sent to `FRESHET_LLM_URL`"),
  FRESHET_LLM_API_KEY: setting(undefined, text, "bearer token for `FRESHET_LLM_URL`"),
  FRESHET_MODEL_DIR: setting(
    undefined,
    text,
    "folder of the embedding model (tokenizer and weights); unset means the cache",
  ),
  FRESHET_MODEL_GRAPH: setting(
    undefined,
    text,
    "embedding graph (.onnx) to run; unset means the newest of `FRESHET_EMBED_PRECISION` in the model's folder",
  ),
  FRESHET_EMBED_PROVIDER: setting(
    "cpu",
    oneOf(["cpu", "cuda", "tensorrt"]),
    "what runs the graph: cpu, cuda or tensorrt; one that is not there ends the start",
  ),
  FRESHET_EMBED_PRECISION: setting(
    "auto",
    oneOf(["auto", "fp32", "int8", "fp16"]),
    "arithmetic of the graph: fp32, int8, fp16, or auto: fp16 on a GPU, int8 on a CPU with VNNI, else fp32",
  ),
  FRESHET_EMBED_URL: setting(
    undefined,
    url("http", "https"),
    "endpoint that embeds instead of this process: base URL of an OpenAI-compatible API, such as `http://127.0.0.1:8080/v1`, or a `/embed` route of text-embeddings-inference",
  ),
  FRESHET_EMBED_MODEL: setting(
    undefined,
    text,
    "model name sent to `FRESHET_EMBED_URL`, where it serves several",
  ),
  FRESHET_EMBED_API_KEY: setting(undefined, bearerToken, "bearer token for `FRESHET_EMBED_URL`"),
  FRESHET_EMBED_DIMENSIONS: setting(
    undefined,
    whole(1, 16_384),
    "dimensions of a vector, the same for engine and merge worker; unset means what `config.json` in the model's folder says",
  ),
  FRESHET_PARTITIONS: setting(
    "8",
    whole(1, 1_024),
    "partitions of DOCS; fixed once the stream exists",
  ),
  FRESHET_NODE: setting(
    undefined,
    text
      .regex(/^[A-Za-z0-9_.-]+$/)
      .max(128)
      .meta({ expected: "letters, digits, _ . or -" }),
    "name of this node, unique in the deployment; unset means host name and process id",
  ),
  FRESHET_CACHE_DIR: setting(
    undefined,
    text,
    "where servers and models are kept; unset means `~/.cache/freshet`",
  ),
  FRESHET_DATA_DIR: setting(
    ".freshet",
    text,
    "data of the servers started here, `run.json`, ingest manifests",
  ),
  FRESHET_EMBED_THREADS: setting(
    undefined,
    whole(1, 256),
    "threads of the embedding worker on a CPU; unset means from the cores",
  ),
  FRESHET_TENANT_WEIGHTS: setting(
    undefined,
    tenantWeights,
    "`tenant=weight` pairs with commas between, from 1 to 100: shares of the embedder while it is busy; a tenant without one has 1",
  ),
  FRESHET_TENANTS_MAX: setting(
    String(limits.tenantsMax),
    whole(1, 1_000_000),
    "tenants of the installation; what is published to more of them is refused. With `FRESHET_API_KEYS` the keys say which there are",
  ),
  FRESHET_MERGE_SIZE_CHUNKS: setting(
    String(limits.mergeSizeChunks),
    whole(1, 10_000_000),
    "unmerged chunks of a tenant that start a merge",
  ),
  FRESHET_MERGE_AGE_MS: setting(
    String(limits.mergeAgeMs),
    whole(1_000, 7 * dayMs),
    "age of a tenant's oldest unmerged operation that starts a merge",
  ),
  FRESHET_MERGE_GRACE_MS: setting(
    String(limits.mergeGraceMs),
    whole(0, 10 * 60_000),
    "how long confirmed chunks stay hot, so that running questions finish",
  ),
  FRESHET_MERGE_CONFIRM_MS: setting(
    String(limits.mergeConfirmMs),
    whole(0, 60 * 60_000),
    "from a merge to the second look at what it wrote, until which it stays hot",
  ),
  FRESHET_REPLAY_WINDOW_MS: setting(
    String(limits.replayWindowMs),
    whole(2 * limits.duplicateWindowMs, 365 * dayMs),
    "how long DOCS and CHUNKS keep what is processed and merged; a lost cold shard can be rebuilt from no more",
  ),
  FRESHET_LOG_LEVEL: setting(
    "info",
    oneOf(["debug", "info", "warn", "error", "silent"]),
    "least severe log line that is written: debug, info, warn, error or silent",
  ),
  FRESHET_LOG_FORMAT: setting(
    "auto",
    oneOf(["auto", "json", "line"]),
    "`json`, `line` (one readable line), or `auto`: lines on a terminal",
  ),
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingName = keyof typeof settings;
type Values = {
  readonly [Name in SettingName]: z.output<(typeof settings)[Name]["schema"]> | undefined;
};
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
 * Reads and checks the environment; an empty variable counts as unset.
 * @throws ConfigError with one line for each bad value; a line never repeats the value of a secret
 */
export function readConfig(env: Environment): Config {
  const { values, lines } = readValues(env);
  const host = values.FRESHET_HTTP_HOST ?? "";
  const keys = values.FRESHET_API_KEYS ?? new Map<string, TenantId>();
  if (keys.size === 0 && !isLoopback(host)) {
    lines.push(
      "FRESHET_API_KEYS: set key=tenant pairs, or listen on loopback: FRESHET_HTTP_HOST is reachable from outside",
    );
  }
  if (values.FRESHET_LLM_URL !== undefined && values.FRESHET_LLM_MODEL === undefined) {
    lines.push("FRESHET_LLM_MODEL: name the model that FRESHET_LLM_URL should run");
  }
  if (lines.length > 0) throw new ConfigError(lines);
  return assemble(values);
}

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
  const secret = /KEY|TOKEN/.test(name);
  return `${name}: expected ${expected}${secret ? "" : `, got ${JSON.stringify(raw.slice(0, 80))}`}`;
}

/** A value with a fallback is there: `readValues` filled it or complained. */
function presentIn(values: Values) {
  return <Name extends SettingName>(name: Name) => values[name] as Exclude<Values[Name], undefined>;
}

function assemble(values: Values): Config {
  const present = presentIn(values);
  const languageUrl = values.FRESHET_LLM_URL;
  const languageName = values.FRESHET_LLM_MODEL;
  return {
    nats: { url: present("FRESHET_NATS_URL"), replicas: present("FRESHET_STREAM_REPLICAS") },
    temporal: {
      address: present("FRESHET_TEMPORAL_ADDRESS"),
      namespace: present("FRESHET_TEMPORAL_NAMESPACE"),
      uiUrl: values.FRESHET_TEMPORAL_UI_URL,
    },
    weaviate: {
      url: present("FRESHET_WEAVIATE_URL"),
      grpc: present("FRESHET_WEAVIATE_GRPC"),
      apiKey: values.FRESHET_WEAVIATE_API_KEY,
    },
    http: {
      host: present("FRESHET_HTTP_HOST"),
      port: present("FRESHET_HTTP_PORT"),
      apiKeys: values.FRESHET_API_KEYS ?? new Map(),
      operatorToken: values.FRESHET_OPERATOR_TOKEN,
      hosts: values.FRESHET_HTTP_HOSTS ?? [],
    },
    apiKey: values.FRESHET_API_KEY,
    languageModel:
      languageUrl === undefined || languageName === undefined
        ? undefined
        : { url: languageUrl, model: languageName, apiKey: values.FRESHET_LLM_API_KEY },
    embedding: assembleEmbedding(values),
    tenantWeights: values.FRESHET_TENANT_WEIGHTS ?? new Map(),
    tenantsMax: present("FRESHET_TENANTS_MAX"),
    partitions: present("FRESHET_PARTITIONS"),
    node: values.FRESHET_NODE ?? `${hostname()}-${process.pid}`,
    cacheDir: values.FRESHET_CACHE_DIR,
    dataDir: present("FRESHET_DATA_DIR"),
    merge: {
      sizeChunks: present("FRESHET_MERGE_SIZE_CHUNKS"),
      ageMs: present("FRESHET_MERGE_AGE_MS"),
      graceMs: present("FRESHET_MERGE_GRACE_MS"),
      confirmMs: present("FRESHET_MERGE_CONFIRM_MS"),
    },
    replayWindowMs: present("FRESHET_REPLAY_WINDOW_MS"),
    log: { level: present("FRESHET_LOG_LEVEL"), format: present("FRESHET_LOG_FORMAT") },
  };
}

function assembleEmbedding(values: Values): Config["embedding"] {
  const present = presentIn(values);
  const remoteUrl = values.FRESHET_EMBED_URL;
  return {
    modelDir: values.FRESHET_MODEL_DIR,
    graph: values.FRESHET_MODEL_GRAPH,
    provider: present("FRESHET_EMBED_PROVIDER"),
    precision: present("FRESHET_EMBED_PRECISION"),
    threads: values.FRESHET_EMBED_THREADS,
    remote:
      remoteUrl === undefined
        ? undefined
        : {
            url: remoteUrl,
            model: values.FRESHET_EMBED_MODEL,
            apiKey: values.FRESHET_EMBED_API_KEY,
          },
    dimensions: values.FRESHET_EMBED_DIMENSIONS,
  };
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The README's table, in the order of `settings`. */
export function settingsTable(): string {
  const rows = Object.entries<Setting>(settings).map(
    ([name, { fallback, what }]) =>
      `| \`${name}\` | ${fallback === undefined ? "" : `\`${fallback}\``} | ${what} |`,
  );
  return ["| Variable | Default | What it does |", "| --- | --- | --- |", ...rows].join("\n");
}
