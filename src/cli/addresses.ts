/** Where the engine is: what was typed, then the environment, then `.freshet/run.json`, then the defaults. */

import { ConfigError, readConfig } from "../config.ts";
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
  readonly apiKey: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws CliError usage when a flag or variable is no address */
export function resolveAddresses(
  flags: AddressFlags,
  env: Environment,
  runFile: RunFile | undefined = readRunFile(dataFolder(env)),
): Addresses {
  const config = readOrUsage(env);
  const isSet = (name: string) => (env[name] ?? "").trim() !== "";
  const choose = (flag: string | undefined, names: readonly string[], rest: [string, string | undefined]) => {
    const [fromEnvironment, fromRun] = rest;
    if (flag !== undefined) return flag;
    return names.some(isSet) ? fromEnvironment : (fromRun ?? fromEnvironment);
  };
  const { host, port } = config.http;
  const http = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const httpNames = ["FRESHET_HTTP_HOST", "FRESHET_HTTP_PORT"];
  const temporal = choose(
    flags.temporal,
    ["FRESHET_TEMPORAL_ADDRESS"],
    [config.temporal.address, runFile?.temporal.address],
  );
  const namespace = choose(
    undefined,
    ["FRESHET_TEMPORAL_NAMESPACE"],
    [config.temporal.namespace, runFile?.temporal.namespace],
  );
  return {
    http: httpUrl(choose(flags.url, httpNames, [http, runFile?.urls.http])),
    nats: choose(flags.nats, ["FRESHET_NATS_URL"], [config.nats.url, runFile?.urls.nats]),
    temporal: { address: temporal, namespace },
    temporalUi: config.temporal.uiUrl ?? runFile?.urls.temporal_ui,
    partitions: isSet("FRESHET_PARTITIONS")
      ? config.partitions
      : (runFile?.partitions ?? config.partitions),
    dataDir: dataFolder(env),
    apiKey: config.apiKey,
  };
}

/** The command line reads addresses only: that a server may not listen somewhere is not its concern. */
function readOrUsage(env: Environment) {
  try {
    return readConfig({
      ...env,
      FRESHET_API_KEYS: env["FRESHET_API_KEYS"] ?? "unused-0123456789=x",
    });
  } catch (error) {
    if (error instanceof ConfigError) throw usageError(error.message);
    throw error;
  }
}

function httpUrl(value: string): string {
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) {
    throw usageError(`${value} is no http:// address`);
  }
  return value.replace(/\/+$/, "");
}
