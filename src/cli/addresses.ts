/**
 * Where the engine is: what was typed, then the environment, then `.freshet/run.json`, then the
 * defaults.
 */

import { type Config, ConfigError, readClientConfig } from "../config/config.ts";
import type { Links } from "../config/links.ts";
import { hostAndPort, nearHost } from "../contract/place.ts";
import { withoutEnd } from "../contract/without-end.ts";
import { usageError } from "./exit.ts";
import { dataFolder, type RunFile, readRunFile } from "./run-file.ts";

export interface AddressFlags {
  readonly url?: string | undefined;
  readonly nats?: string | undefined;
  readonly temporal?: string | undefined;
}

export interface Addresses {
  readonly http: string;
  readonly nats: string;
  readonly temporal: { readonly address: string; readonly namespace: string };
  readonly temporalUi: string | undefined;
  readonly partitions: number;
  readonly dataDir: string;
  /** How the addresses are reached: credentials and TLS. */
  readonly links?: Pick<Links, "nats" | "temporal"> | undefined;
  readonly weaviate?: Links["weaviate"] | undefined;
  readonly api?: Links["api"] | undefined;
  /** Wraps the keys of tenants whose documents are sealed. */
  readonly payloadKey?: Config["payloadKey"];
  /** Whether, and under which key, commands that change something write it down. */
  readonly audit?: Config["audit"] | undefined;
  /** Reads files that have no text of their own. */
  readonly parser?: Links["parser"];
  /** Where webhooks may be sent beside public addresses. */
  readonly webhookNetworks?: readonly string[] | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws CliError usage when a flag or variable is no address */
export function resolveAddresses(
  flags: AddressFlags,
  env: Environment,
  runFile: RunFile | undefined = runFileFor(flags, env),
): Addresses {
  const config = readOrUsage(env);
  const isSet = isSetIn(env);
  /**
   * The configuration holds the default when its variables are unset: then what runs here goes
   * first.
   */
  const choose = <Value>(names: readonly string[], configured: Value, runs: Value | undefined) =>
    names.some(isSet) ? configured : (runs ?? configured);
  const { nats, temporal, partitions } = config;
  const http = choose(
    ["FRESHET_HTTP_HOST", "FRESHET_HTTP_PORT"],
    httpAddress(config, runFile),
    runFile?.urls.http,
  );
  const address = choose(["FRESHET_TEMPORAL_ADDRESS"], temporal.address, runFile?.temporal.address);
  return {
    http: checkedUrl(flags.url ?? http),
    nats: flags.nats ?? choose(["FRESHET_NATS_URL"], nats.url, runFile?.urls.nats),
    temporal: {
      address: flags.temporal ?? address,
      namespace: choose(
        ["FRESHET_TEMPORAL_NAMESPACE"],
        temporal.namespace,
        runFile?.temporal.namespace,
      ),
    },
    temporalUi: temporal.uiUrl ?? runFile?.urls.temporal_ui,
    partitions: choose(["FRESHET_PARTITIONS"], partitions, runFile?.partitions),
    dataDir: dataFolder(env),
    links: { nats, temporal },
    weaviate: weaviateAt(config.weaviate, isSet, runFile),
    api: config.api,
    payloadKey: config.payloadKey,
    audit: config.audit,
    parser: config.parser,
    webhookNetworks: config.webhookNetworks,
  };
}

const isSetIn =
  (env: Environment) =>
  (name: string): boolean =>
    (env[name] ?? "").trim() !== "";

/** Who says where things are does not need a file that somebody else may keep to himself. */
export function runFileFor(
  flags: AddressFlags,
  env: Environment,
  read = readRunFile,
): RunFile | undefined {
  try {
    return read(dataFolder(env));
  } catch (thrown) {
    const isTold = [flags.url, flags.nats, flags.temporal].some((flag) => flag !== undefined);
    const names = ["FRESHET_HTTP_HOST", "FRESHET_HTTP_PORT", "FRESHET_NATS_URL"];
    if (isTold || names.some(isSetIn(env))) return undefined;
    throw thrown;
  }
}

function weaviateAt(
  configured: Links["weaviate"],
  isSet: (name: string) => boolean,
  runFile: RunFile | undefined,
): Links["weaviate"] {
  const running = runFile?.weaviate;
  const isConfigured = isSet("FRESHET_WEAVIATE_URL") || isSet("FRESHET_WEAVIATE_GRPC");
  if (isConfigured || running === undefined) return configured;
  const { url, grpc, api_key: key } = running;
  return {
    ...configured,
    url,
    grpc,
    apiKey: configured.apiKey ?? (key === undefined ? undefined : () => key),
  };
}

/**
 * A port says nothing of TLS. A certificate to show or a CA to trust does, and what runs here on
 * that very port: `ops/start --secure` keeps its certificate from the shell that it is used from.
 */
function httpAddress({ http, api }: Pick<Config, "http" | "api">, runFile?: RunFile): string {
  const { host, port, tls } = http;
  const place = hostAndPort(nearHost(host), port);
  const runsSecure = runFile?.urls.http === `https://${place}`;
  const isSecure = (tls ?? api.tls) !== undefined || runsSecure;
  return `${isSecure ? "https" : "http"}://${place}`;
}

function readOrUsage(env: Environment) {
  try {
    return readClientConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) throw usageError(error.message);
    throw error;
  }
}

function checkedUrl(value: string): string {
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) {
    throw usageError(`${value} is no http:// address`);
  }
  return withoutEnd(value, "/");
}
