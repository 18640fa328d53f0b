/** The settings of each link to another server, and of this one's: addresses, TLS, secrets. */

import { limits } from "../contract/limits.ts";
import {
  apiKeys,
  bearerToken,
  buildId,
  hostPort,
  hostPorts,
  modelServers,
  natsUrls,
  oneOf,
  price,
  replicaCount,
  setting,
  text,
  url,
  urls,
  whole,
} from "./schemas.ts";

const subject = text
  .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/)
  .max(128)
  .meta({ expected: "a subject of NATS without wildcards, such as freshet.embed.minilm" });
const onOff = oneOf(["on", "off"]);
const file = text;

const secretFile = (name: string) =>
  setting(undefined, file, `file with \`${name}\`; read again when it changes`);

export const natsSettings = {
  FRESHET_NATS_URL: setting(
    "nats://127.0.0.1:4222",
    natsUrls,
    "NATS server with JetStream; several with commas between; `tls://` refuses one without TLS",
  ),
  FRESHET_NATS_CREDS_FILE: setting(
    undefined,
    file,
    "credentials file of NATS (JWT and seed); read again at each reconnect",
  ),
  FRESHET_NATS_NKEY_SEED: setting(
    undefined,
    text.regex(/^SU[A-Z2-7]{56}$/).meta({ expected: "an nkey seed of a user (SU...)" }),
    "nkey seed of a NATS user",
  ),
  FRESHET_NATS_NKEY_SEED_FILE: secretFile("FRESHET_NATS_NKEY_SEED"),
  FRESHET_NATS_USER: setting(undefined, text, "NATS user, with `FRESHET_NATS_PASSWORD`"),
  FRESHET_NATS_PASSWORD: setting(undefined, text, "password of `FRESHET_NATS_USER`"),
  FRESHET_NATS_PASSWORD_FILE: secretFile("FRESHET_NATS_PASSWORD"),
  FRESHET_NATS_TOKEN: setting(undefined, text, "token of a NATS server that asks for one"),
  FRESHET_NATS_TOKEN_FILE: secretFile("FRESHET_NATS_TOKEN"),
  FRESHET_NATS_REPLY_CREDS_FILE: setting(
    undefined,
    file,
    "credentials file of a NATS user of its own for what an engine answers, which may write inboxes only; unset means the user of all else",
  ),
  FRESHET_NATS_REPLY_NKEY_SEED: setting(
    undefined,
    text.regex(/^SU[A-Z2-7]{56}$/).meta({ expected: "an nkey seed of a user (SU...)" }),
    "nkey seed of that user, where it has no credentials file",
  ),
  FRESHET_NATS_REPLY_NKEY_SEED_FILE: secretFile("FRESHET_NATS_REPLY_NKEY_SEED"),
  FRESHET_NATS_TLS_CA_FILE: setting(
    undefined,
    file,
    "CA of NATS' certificate, PEM; unset means one that Node trusts. Any `FRESHET_NATS_TLS_*` makes TLS a must",
  ),
  FRESHET_NATS_TLS_CERT_FILE: setting(undefined, file, "client certificate for NATS, PEM"),
  FRESHET_NATS_TLS_KEY_FILE: setting(undefined, file, "its key, PEM"),
  FRESHET_NATS_TLS_SERVER_NAME: setting(
    undefined,
    text,
    "name in NATS' certificate; unset means any of the hosts in `FRESHET_NATS_URL`, also for servers that gossip adds",
  ),
  FRESHET_NATS_TLS_FIRST: setting(
    "off",
    onOff,
    "on: TLS before the first word, as a server with `handshake_first` wants it",
  ),
  FRESHET_NATS_GOSSIP: setting(
    "on",
    onOff,
    "on: also connect to servers of the cluster that NATS names; off: only to those of `FRESHET_NATS_URL`",
  ),
  FRESHET_STREAM_REPLICAS: setting(
    "1",
    replicaCount,
    "copies of each stream on a NATS cluster: 1, 3 or 5; more than an existing log has are added, fewer take none away",
  ),
} as const;

export const temporalSettings = {
  FRESHET_TEMPORAL_ADDRESS: setting("127.0.0.1:7233", hostPort, "Temporal frontend"),
  FRESHET_TEMPORAL_NAMESPACE: setting("default", text, "Temporal namespace of the merge workflows"),
  FRESHET_TEMPORAL_UI_URL: setting(
    undefined,
    url("http", "https"),
    "Temporal UI, for links to workflows",
  ),
  FRESHET_MERGE_VERSIONING: setting(
    "off",
    oneOf(["off", "on", "auto"]),
    "on: merge workers register with Temporal as version `FRESHET_BUILD_ID`, and get work once `freshet workers current` says so; auto: a worker makes its version current when it starts",
  ),
  FRESHET_BUILD_ID: setting(
    undefined,
    buildId,
    "version of the merge workers, with `FRESHET_MERGE_VERSIONING`; unset means that of the package",
  ),
  FRESHET_TEMPORAL_CONFIG_FILE: setting(
    undefined,
    file,
    "`temporal.toml` of Temporal's own tools; its profile then says address, namespace, TLS and API key",
  ),
  FRESHET_TEMPORAL_PROFILE: setting("default", text, "profile in `FRESHET_TEMPORAL_CONFIG_FILE`"),
  FRESHET_TEMPORAL_API_KEY: setting(undefined, bearerToken, "API key of Temporal; implies TLS"),
  FRESHET_TEMPORAL_API_KEY_FILE: secretFile("FRESHET_TEMPORAL_API_KEY"),
  FRESHET_TEMPORAL_TLS: setting(
    undefined,
    onOff,
    "on or off; unset means on with an API key or any `FRESHET_TEMPORAL_TLS_*`",
  ),
  FRESHET_TEMPORAL_TLS_CA_FILE: setting(
    undefined,
    file,
    "CA of Temporal's certificate, PEM; unset means one that Node trusts",
  ),
  FRESHET_TEMPORAL_TLS_CERT_FILE: setting(undefined, file, "client certificate for Temporal, PEM"),
  FRESHET_TEMPORAL_TLS_KEY_FILE: setting(undefined, file, "its key, PEM"),
  FRESHET_TEMPORAL_TLS_SERVER_NAME: setting(
    undefined,
    text,
    "name in Temporal's certificate; unset means the host of `FRESHET_TEMPORAL_ADDRESS`",
  ),
} as const;

export const weaviateSettings = {
  FRESHET_WEAVIATE_URL: setting(
    "http://127.0.0.1:8080",
    urls("http", "https"),
    "Weaviate, the cold shard; `https://` means TLS for gRPC too; nodes of one cluster with commas between, the first that answers is used",
  ),
  FRESHET_WEAVIATE_GRPC: setting(
    "127.0.0.1:50051",
    hostPorts,
    "Weaviate's gRPC endpoint; of several nodes one for each URL, in their order",
  ),
  FRESHET_WEAVIATE_API_KEY: setting(
    undefined,
    bearerToken,
    "Weaviate's API key, where it asks for one",
  ),
  FRESHET_WEAVIATE_API_KEY_FILE: secretFile("FRESHET_WEAVIATE_API_KEY"),
  FRESHET_WEAVIATE_OIDC_SECRET: setting(
    undefined,
    text,
    "client secret for Weaviate's OIDC provider, instead of an API key",
  ),
  FRESHET_WEAVIATE_OIDC_SECRET_FILE: secretFile("FRESHET_WEAVIATE_OIDC_SECRET"),
  FRESHET_WEAVIATE_OIDC_SCOPES: setting(
    undefined,
    text,
    "scopes to ask it for, with blanks between",
  ),
  FRESHET_WEAVIATE_TLS_CA_FILE: setting(
    undefined,
    file,
    "CA of Weaviate's certificates, PEM, for REST and gRPC; unset means one that Node trusts",
  ),
  FRESHET_WEAVIATE_TLS_CERT_FILE: setting(
    undefined,
    file,
    "client certificate for Weaviate's REST interface, PEM; its gRPC asks for none",
  ),
  FRESHET_WEAVIATE_TLS_KEY_FILE: setting(undefined, file, "its key, PEM"),
} as const;

export const httpKeySettings = {
  FRESHET_API_KEYS: setting(
    undefined,
    apiKeys,
    "`key=tenant` pairs with commas between; without any, HTTP listens on loopback only and trusts `x-tenant`",
  ),
  FRESHET_API_KEYS_FILE: secretFile("FRESHET_API_KEYS"),
  FRESHET_OPERATOR_TOKEN: setting(
    undefined,
    bearerToken,
    "bearer token for `/metrics`, which names tenants; with API keys and without it nobody may read them",
  ),
  FRESHET_OPERATOR_TOKEN_FILE: secretFile("FRESHET_OPERATOR_TOKEN"),
  FRESHET_HTTP_TLS_CERT_FILE: setting(
    undefined,
    file,
    "certificate of the HTTP API, PEM, with those between it and its CA; a new one is used without a restart, once it is valid",
  ),
  FRESHET_HTTP_TLS_KEY_FILE: setting(undefined, file, "its key, PEM"),
  FRESHET_HTTP_TLS_CLIENT_CA_FILE: setting(
    undefined,
    file,
    "CA of the certificates that clients of the HTTP API must show, PEM; unset means that none is asked for",
  ),
  FRESHET_HTTP_PLAIN_TEXT: setting(
    "loopback",
    oneOf(["loopback", "anywhere"]),
    "`loopback`: off loopback HTTP wants a certificate; `anywhere`: it also listens without, behind a proxy that does the TLS",
  ),
  FRESHET_API_KEY: setting(
    undefined,
    bearerToken,
    "key that the command line sends to the HTTP API",
  ),
  FRESHET_API_KEY_FILE: secretFile("FRESHET_API_KEY"),
  FRESHET_API_TLS_CA_FILE: setting(
    undefined,
    file,
    "CA of the HTTP API's certificate, PEM, for the command line; unset means one that Node trusts",
  ),
  FRESHET_API_TLS_CERT_FILE: setting(
    undefined,
    file,
    "client certificate of the command line, PEM",
  ),
  FRESHET_API_TLS_KEY_FILE: setting(undefined, file, "its key, PEM"),
} as const;

/** Who may call the HTTP API, beside plain keys, and NATS. */
export const identitySettings = {
  FRESHET_TENANT_STORE: setting(
    undefined,
    text,
    "folder of the accounts, users and seeds on NATS that `freshet tenant` makes; unset means `tenants` in `FRESHET_DATA_DIR`",
  ),
  FRESHET_KEY_STORE: setting(
    undefined,
    text,
    "file of API keys with roles and expiry, which `freshet key` writes and engines read again when it changes; beside `FRESHET_API_KEYS`",
  ),
  FRESHET_OIDC_ISSUER: setting(
    undefined,
    url("http", "https"),
    "issuer of tokens (OpenID Connect) that are taken in place of API keys",
  ),
  FRESHET_OIDC_AUDIENCE: setting(
    undefined,
    text,
    "audience that a token must be meant for; needed with `FRESHET_OIDC_ISSUER`",
  ),
  FRESHET_OIDC_JWKS_URL: setting(
    undefined,
    url("http", "https"),
    "where the issuer's signing keys are; unset means that its discovery document says",
  ),
  FRESHET_OIDC_TENANT_CLAIM: setting("tenant", text, "claim of a token that names the tenant"),
  FRESHET_OIDC_ROLES_CLAIM: setting(
    "roles",
    text,
    "claim with the roles: a list, or a text with spaces between",
  ),
  FRESHET_OIDC_GROUPS_CLAIM: setting(
    undefined,
    text,
    "claim with the groups, which see only documents whose `acl` names one of them: a list, or the text of one. Set, a token without it has no groups; unset means `groups`, and a token without it sees everything of its tenant",
  ),
};

export const modelSettings = {
  FRESHET_LLM_URL: setting(
    undefined,
    url("http", "https"),
    "OpenAI-compatible endpoint, such as `http://127.0.0.1:11434/v1`; unset: answers are sentences of the sources; `ops/start --llm local` runs a small model",
  ),
  FRESHET_LLM_MODEL: setting(undefined, text, "model name sent to `FRESHET_LLM_URL`"),
  FRESHET_LLM_API_KEY: setting(undefined, bearerToken, "bearer token for `FRESHET_LLM_URL`"),
  FRESHET_LLM_API_KEY_FILE: secretFile("FRESHET_LLM_API_KEY"),
  FRESHET_LLM_TLS_CA_FILE: setting(undefined, file, "CA of its certificate, PEM"),
  FRESHET_LLM_TLS_CERT_FILE: setting(undefined, file, "client certificate for it, PEM"),
  FRESHET_LLM_TLS_KEY_FILE: setting(undefined, file, "its key, PEM"),
  FRESHET_LLM_FILE: setting(
    undefined,
    file,
    "JSON file of endpoints that are asked, in their order, while those before them are away ([models](models.md)); read once, at the start",
  ),
  FRESHET_LLM_REQUEST_MS: setting(
    String(limits.modelRequestMs),
    whole(100, limits.modelRequestMs),
    "how long one request to `FRESHET_LLM_URL` may take",
  ),
  FRESHET_LLM_FIRST_TOKEN_MS: setting(
    undefined,
    whole(10, limits.modelRequestMs),
    `how long it may be silent; then the next endpoint is asked. Unset means ${limits.modelFirstTokenMs} where there is a next one, else \`FRESHET_LLM_REQUEST_MS\``,
  ),
  FRESHET_LLM_CONTEXT_TOKENS: setting(
    String(limits.contextTokens),
    whole(limits.contextTokensMin, limits.contextTokensMax),
    "its context window, prompt and answer together; no prompt is longer, whatever stands in it",
  ),
  FRESHET_LLM_PROMPT_TOKENS: setting(
    String(limits.promptTokens),
    whole(1, limits.contextTokensMax),
    "what a prompt should take of it, by its own count: more sources, and whole ones, cost more",
  ),
  FRESHET_LLM_PRICE: setting(
    undefined,
    price,
    "its price for 1,000 tokens, read and written, such as `0.00015/0.0006`; unset: replies and metrics have no cost",
  ),
  FRESHET_RERANK_URL: setting(
    undefined,
    url("http", "https"),
    "endpoint that orders what a question found: a `/rerank` route, or what it is under; unset: the fused order stands",
  ),
  FRESHET_RERANK_SHAPE: setting(
    "cohere",
    oneOf(["cohere", "tei"]),
    "what `FRESHET_RERANK_URL` speaks: `cohere` (Cohere, Jina, vLLM, infinity, llama.cpp), or `tei` (text-embeddings-inference)",
  ),
  FRESHET_RERANK_MODEL: setting(
    undefined,
    text,
    "model name sent to `FRESHET_RERANK_URL`, where it serves several",
  ),
  FRESHET_RERANK_TIMEOUT_MS: setting(
    String(limits.rerankMs),
    whole(10, limits.rerankMsMax),
    "how long a question waits for it; then the fused order stands, and `coverage.rerank` says so",
  ),
  FRESHET_RERANK_API_KEY: setting(undefined, bearerToken, "bearer token for `FRESHET_RERANK_URL`"),
  FRESHET_RERANK_API_KEY_FILE: secretFile("FRESHET_RERANK_API_KEY"),
  FRESHET_RERANK_TLS_CA_FILE: setting(undefined, file, "CA of its certificate, PEM"),
  FRESHET_RERANK_TLS_CERT_FILE: setting(undefined, file, "client certificate for it, PEM"),
  FRESHET_RERANK_TLS_KEY_FILE: setting(undefined, file, "its key, PEM"),
  FRESHET_PARSER_URL: setting(
    undefined,
    url("http", "https"),
    "docling-serve, which reads PDF files without a text layer for `freshet ingest`; unset: they are skipped as `scan`",
  ),
  FRESHET_PARSER_API_KEY: setting(undefined, bearerToken, "key for `FRESHET_PARSER_URL`"),
  FRESHET_PARSER_API_KEY_FILE: secretFile("FRESHET_PARSER_API_KEY"),
  FRESHET_PARSER_TLS_CA_FILE: setting(undefined, file, "CA of its certificate, PEM"),
  FRESHET_PARSER_TLS_CERT_FILE: setting(undefined, file, "client certificate for it, PEM"),
  FRESHET_PARSER_TLS_KEY_FILE: setting(undefined, file, "its key, PEM"),
} as const;

export const embedderLinkSettings = {
  FRESHET_EMBED_URL: setting(
    undefined,
    urls("http", "https"),
    "endpoint that embeds instead of this process: base URL of an OpenAI-compatible API, such as `http://127.0.0.1:8788/v1` of `freshet embed-server`, or a `/embed` route of text-embeddings-inference; several of one model with commas between share the work",
  ),
  FRESHET_EMBED_SUBJECT: setting(
    undefined,
    subject,
    "subject of NATS below which embed servers answer, instead of `FRESHET_EMBED_URL`",
  ),
  FRESHET_EMBED_GENERATIONS: setting(
    undefined,
    modelServers,
    "embed servers of the models that tenants are re-embedded by, instead of these processes: `bge-small-en-v1.5=http://10.0.0.5:8788/v1;e5-small-v2=nats:freshet.embed.e5`; with the key and TLS of `FRESHET_EMBED_URL`. The same on all nodes and merge workers",
  ),
  FRESHET_EMBED_SERVER_PORT: setting(
    "8788",
    whole(0, 65_535),
    "port on `FRESHET_HTTP_HOST` that `freshet embed-server` listens on; 0 lets the system choose",
  ),
  FRESHET_EMBED_SERVER_SUBJECT: setting(
    undefined,
    subject,
    "subject of NATS below which `freshet embed-server` also answers; unset: HTTP alone",
  ),
  FRESHET_EMBED_MODEL: setting(
    undefined,
    text,
    "model name sent to `FRESHET_EMBED_URL`, where it serves several",
  ),
  FRESHET_EMBED_API_KEY: setting(undefined, bearerToken, "bearer token for `FRESHET_EMBED_URL`"),
  FRESHET_EMBED_API_KEY_FILE: secretFile("FRESHET_EMBED_API_KEY"),
  FRESHET_EMBED_TLS_CA_FILE: setting(undefined, file, "CA of its certificate, PEM"),
  FRESHET_EMBED_TLS_CERT_FILE: setting(undefined, file, "client certificate for it, PEM"),
  FRESHET_EMBED_TLS_KEY_FILE: setting(undefined, file, "its key, PEM"),
} as const;
