/** Each variable of the environment: what it means, what holds without it, and what it may be. */

import { dayMs, hourMs, minuteMs } from "../contract/limits/units.ts";
import { limits } from "../contract/limits.ts";
import {
  embedderLinkSettings,
  httpKeySettings,
  identitySettings,
  modelSettings,
  natsSettings,
  temporalSettings,
  weaviateSettings,
} from "./link-settings.ts";
import { observationSettings } from "./observation-settings.ts";
import {
  hostNames,
  networks,
  oneOf,
  type Setting,
  setting,
  tenantWeights,
  text,
  whole,
} from "./schemas.ts";

/** One row each of the table in ops/guides/configuration.md: name, default, what it does. */
export const settings = {
  ...natsSettings,
  ...temporalSettings,
  ...weaviateSettings,
  FRESHET_HTTP_HOST: setting("127.0.0.1", text, "address that the HTTP API listens on"),
  FRESHET_HTTP_PORT: setting(
    "8787",
    whole(0, 65_535),
    "port of the HTTP API; 0 lets the system choose",
  ),
  FRESHET_HTTP_HOSTS: setting(
    undefined,
    hostNames,
    "host names under which operators reach the HTTP API, with commas between; loopback and addresses always work",
  ),
  FRESHET_MCP_WRITES: setting(
    "off",
    oneOf(["on", "off"]),
    "whether agents over `/mcp` are offered the tools `publish` and `delete`, where their key has the role: on or off",
  ),
  FRESHET_WEBHOOK_NETWORKS: setting(
    undefined,
    networks,
    "networks that are not public and that webhooks may be sent to all the same, also over plain `http://`: for engines, merge workers and `freshet webhook`; unset: none",
  ),
  ...httpKeySettings,
  ...identitySettings,
  FRESHET_ACL_DEFAULT: setting(
    "allow",
    oneOf(["allow", "deny"]),
    "what a credential with groups sees of documents without `acl`: `allow`: all of them; `deny`: none. The same on all nodes",
  ),
  ...modelSettings,
  FRESHET_AUDIT: setting(
    undefined,
    oneOf(["stream", "off"]),
    "whether who did what is written down: `stream`, in the stream AUDIT, or `off`; unset means `stream` where callers need keys or tokens",
  ),
  FRESHET_AUDIT_KEY: setting(
    undefined,
    text.min(32).meta({ expected: "at least 32 characters" }),
    "seals the audit trail and names documents in it; the same on all nodes and for `freshet audit`, at least 32 characters; unset means plain hashes",
  ),
  FRESHET_AUDIT_KEY_FILE: setting(
    undefined,
    text,
    "file with `FRESHET_AUDIT_KEY`; read once, at the start",
  ),
  FRESHET_ANSWER_CACHE: setting(
    "on",
    oneOf(["on", "off"]),
    "whether equal questions share vectors, search results and answers: on or off",
  ),
  FRESHET_DECLINE_IRRELEVANT: setting(
    "auto",
    oneOf(["auto", "on", "off"]),
    "whether an answer is refused (`no_results`) when nothing that was found is about the question: on, off, or auto: on with the embedding model for which that is measured, all-MiniLM-L6-v2",
  ),
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
    oneOf(["cpu", "cuda", "tensorrt", "webgpu"]),
    "what runs the graph: cpu, cuda, tensorrt or webgpu; one that is not there ends the start",
  ),
  FRESHET_EMBED_FALLBACK: setting(
    "none",
    oneOf(["none", "cpu"]),
    "what embeds where `FRESHET_EMBED_PROVIDER` cannot be used at the start: none, which ends it, or cpu, which is logged and shown by `freshet_embed_fallback`",
  ),
  FRESHET_EMBED_PRECISION: setting(
    "auto",
    oneOf(["auto", "fp32", "int8", "fp16"]),
    "arithmetic of the graph: fp32, int8, fp16, or auto: fp16 on a GPU, int8 on a CPU with VNNI, else fp32",
  ),
  FRESHET_SPARSE: setting(
    "off",
    oneOf(["off", "splade-tiny"]),
    "a third signal of the ranking, weights of words that a model learned: `splade-tiny` (`ops/setup/main.ts --sparse` installs it), or off. What is ingested meanwhile has it; what was before is ranked by the other two until it is published again. The same on all nodes",
  ),
  ...embedderLinkSettings,
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
    "name of this node, unique in the deployment; unset means host name and HTTP port, so that a restarted engine is the same node",
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
  FRESHET_QUOTAS_FILE: setting(
    undefined,
    text,
    "JSON file of quotas for tenants and credentials, the same on all nodes, read again when it changes ([quotas](quotas.md)); unset: nothing is limited",
  ),
  FRESHET_STOP_NOTICE_MS: setting(
    String(limits.stopNoticeMs),
    whole(0, minuteMs),
    "how long a node that stops beside others says that it is not ready, gives its partitions away and still answers, before it closes; above what a balancer needs to see it; 0 closes at once",
  ),
  FRESHET_TENANT_SLEEP_MS: setting(
    String(limits.tenantSleepMs),
    whole(0, 365 * dayMs),
    "a tenant that nobody asks or writes to for so long, and whose documents are merged, gives up its memory until it is used again; 0: never",
  ),
  FRESHET_RECEIPT_KEY_FILE: setting(
    undefined,
    text,
    "file of the Ed25519 key (PEM) with which merge workers sign receipts of erases, the same for all of them; unset means `receipt-key.pem` in the data folder, which the first one makes",
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
    whole(0, 10 * minuteMs),
    "how long confirmed chunks stay hot, so that running questions finish",
  ),
  FRESHET_MERGE_CONFIRM_MS: setting(
    String(limits.mergeConfirmMs),
    whole(0, hourMs),
    "from a merge to the second look at what it wrote, until which it stays hot",
  ),
  FRESHET_HOT_KEPT_BYTES: setting(
    String(limits.hotBytesPerNodeMax),
    whole(0, limits.hotBytesPerNodeMax),
    "memory of a node for chunks that are merged, within what publishers leave of its hot memory: tenants that fit are answered without Weaviate; 0 keeps none",
  ),
  FRESHET_REPLAY_WINDOW_MS: setting(
    String(limits.replayWindowMs),
    whole(2 * limits.duplicateWindowMs, 365 * dayMs),
    "how long DOCS and CHUNKS keep what is processed and merged; a lost cold shard can be rebuilt from no more",
  ),
  FRESHET_REDACTION_KEY: setting(
    undefined,
    text.min(32).meta({ expected: "at least 32 characters" }),
    "secret under which values are redacted, the same on all nodes and for as long as the log lives; unset means one that the first engine makes and the log keeps",
  ),
  FRESHET_REDACTION_KEY_FILE: setting(
    undefined,
    text,
    "file with `FRESHET_REDACTION_KEY`; read once, at the start",
  ),
  FRESHET_PAYLOAD_KEY: setting(
    undefined,
    text
      .regex(/^\S{32,}(?:\s+\S{32,}){0,7}$/)
      .meta({ expected: "secrets of at least 32 characters, each on a line" }),
    "secrets that wrap the keys of tenants whose documents DOCS holds sealed, the same on all nodes, merge workers and for `freshet`: the first one wraps, all of them open ([tenants](tenants.md#sealed-documents)); unset: nothing is sealed",
  ),
  FRESHET_PAYLOAD_KEY_FILE: setting(
    undefined,
    text,
    "file with `FRESHET_PAYLOAD_KEY`; read once, at the start",
  ),
  FRESHET_REDACT_NAMES: setting(
    "off",
    oneOf(["off", "model"]),
    "`model`: names of people and postal addresses are replaced as well, by a model that costs more than embedding and misses some; `off`: they stay. The same on all nodes",
  ),
  FRESHET_NAMES_MODEL_DIR: setting(
    undefined,
    text,
    "folder of the model of names; unset means what `ops/start` put into the cache",
  ),
  FRESHET_DOCUMENT_IDS: setting(
    "keep",
    oneOf(["keep", "refuse"]),
    "`keep`: ids are stored as they are, whatever they hold; `refuse`: a document is rejected whose id, or one of whose labels, holds personal data. The same on all nodes",
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
  ...observationSettings,
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingName = keyof typeof settings;

/** The guide's table, in the order of `settings`. */
export function settingsTable(): string {
  const rows = Object.entries<Setting>(settings).map(
    ([name, { fallback, what }]) =>
      `| \`${name}\` | ${fallback === undefined ? "" : `\`${fallback}\``} | ${what} |`,
  );
  return ["| Variable | Default | What it does |", "| --- | --- | --- |", ...rows].join("\n");
}
