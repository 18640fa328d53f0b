/**
 * `ops/start --observe`: what is on PATH of Prometheus, Jaeger and Grafana, beside the servers.
 *
 * Owns: their processes, on loopback, with data in the run's folder.
 *
 *   OB1  one that is not installed, or does not start, is reported and left out: the run is the
 *        same without it;
 *   OB2  Jaeger starts before the engines, which send to it; Prometheus after them, because its
 *        configuration names them.
 */
import { accessSync, constants, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { hostAndPort, nearHost } from "../../src/contract/place.ts";
import type { Environment } from "../setup/cache.ts";
import { plainEnvironment } from "./context.ts";
import { jaegerConfiguration, prometheusConfiguration, type Targets } from "./observe-config.ts";
import { freePort } from "./ports.ts";
import { logPath, type RunningServer, startServer } from "./supervise.ts";

const rulesFolder = fileURLToPath(new URL("../prometheus", import.meta.url));
const boardsFolder = fileURLToPath(new URL("../grafana/boards", import.meta.url));
const readyTimeoutMs = 30_000;
const graceS = 10;

export interface Observation {
  /** For the servers and processes that start after it. */
  readonly env: Environment;
  /** To be called once the engines run. */
  watch(engines: readonly string[]): Promise<void>;
  /** Name and address of what runs, for people. */
  readonly shown: readonly (readonly [name: string, url: string])[];
  stop(): Promise<void>;
}

interface ObserveOptions {
  readonly dataDir: string;
  readonly env: Environment;
  readonly say: (line: string) => void;
}

export async function startObservation(options: ObserveOptions): Promise<Observation> {
  const { env } = options;
  const running: RunningServer[] = [];
  const shown: (readonly [string, string])[] = [];
  const run = { ...options, running, shown };
  const [weaviatePort, mergePort] = [await freePort(), await freePort()];
  const collector = await optional(run, "jaeger", (program) => startJaeger(run, program));
  const given = (name: string, value: string) => env[name] || value;
  const own = {
    FRESHET_CANARY: given("FRESHET_CANARY", "on"),
    FRESHET_MERGE_METRICS_PORT: given("FRESHET_MERGE_METRICS_PORT", String(mergePort)),
    FRESHET_WEAVIATE_METRICS_PORT: given("FRESHET_WEAVIATE_METRICS_PORT", String(weaviatePort)),
    ...(collector === undefined
      ? {}
      : { OTEL_EXPORTER_OTLP_ENDPOINT: given("OTEL_EXPORTER_OTLP_ENDPOINT", collector) }),
  };
  const httpHost = env["FRESHET_HTTP_HOST"]?.trim() ?? "";
  const isForeign = (env["FRESHET_WEAVIATE_URL"] ?? "") !== "";
  return {
    env: { ...env, ...own },
    shown,
    async watch(engines) {
      const targets = {
        engines: engines.map((url) => new URL(url).host),
        mergeWorkers: [hostAndPort(nearHost(httpHost), own.FRESHET_MERGE_METRICS_PORT)],
        weaviate: isForeign ? [] : [`127.0.0.1:${own.FRESHET_WEAVIATE_METRICS_PORT}`],
        operatorToken: env["FRESHET_OPERATOR_TOKEN"] || undefined,
      };
      const prometheus = await optional(run, "prometheus", (program) =>
        startPrometheus(run, program, targets),
      );
      if (prometheus !== undefined) {
        await optional(run, "grafana", (program) => startGrafana(run, program, prometheus));
      }
    },
    async stop() {
      for (const server of running.splice(0).reverse()) await server.stop();
    },
  };
}

interface Run extends ObserveOptions {
  readonly running: RunningServer[];
  readonly shown: (readonly [string, string])[];
}

/** OB1. */
async function optional(
  { env, say }: Run,
  name: string,
  start: (program: string) => Promise<string>,
): Promise<string | undefined> {
  const program = onPath(env, name);
  if (program === undefined) {
    say(`--observe: there is no ${name} on PATH; continuing without it`);
    return undefined;
  }
  try {
    return await start(program);
  } catch (thrown) {
    say(`--observe: ${name} did not start: ${thrown instanceof Error ? thrown.message : thrown}`);
    return undefined;
  }
}

export function onPath(env: Environment, name: string): string | undefined {
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function startJaeger(run: Run, program: string): Promise<string> {
  const [otlp, ui, grpc] = [await freePort(), await freePort(), await freePort()];
  const config = jaegerConfiguration({ otlp, ui, grpc });
  const file = writeConfiguration(run, "jaeger", config);
  const url = `http://127.0.0.1:${ui}`;
  await launch(run, { name: "jaeger", program, url: `${url}/api/services` }, ["--config", file]);
  run.shown.push(["Jaeger", url]);
  return `http://127.0.0.1:${otlp}`;
}

async function startPrometheus(run: Run, program: string, targets: Targets): Promise<string> {
  const file = writeConfiguration(run, "prometheus", prometheusConfiguration(targets, rulesFolder));
  const url = `http://127.0.0.1:${await freePort()}`;
  await launch(run, { name: "prometheus", program, url: `${url}/-/ready` }, [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(run.dataDir, "prometheus", "data")}`,
    `--web.listen-address=${new URL(url).host}`,
    "--storage.tsdb.retention.time=2d",
    "--enable-feature=exemplar-storage",
  ]);
  run.shown.push(["Prometheus", url], ["alerts", `${url}/alerts`]);
  return url;
}

async function startGrafana(run: Run, program: string, prometheus: string): Promise<string> {
  const folder = join(run.dataDir, "grafana");
  const provisioning = join(folder, "provisioning");
  const sources = join(provisioning, "datasources");
  const dashboards = join(provisioning, "dashboards");
  for (const each of [sources, dashboards]) mkdirSync(each, { recursive: true });
  // Grafana reads JSON where it asks for YAML: the one is part of the other.
  const source = { name: "Prometheus", type: "prometheus", url: prometheus, isDefault: true };
  const provider = { name: "freshet", type: "file", options: { path: boardsFolder } };
  writeFileSync(
    join(sources, "freshet.yaml"),
    JSON.stringify({ apiVersion: 1, datasources: [{ ...source, access: "proxy" }] }),
  );
  writeFileSync(
    join(dashboards, "freshet.yaml"),
    JSON.stringify({ apiVersion: 1, providers: [provider] }),
  );
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const settings = {
    GF_SERVER_HTTP_ADDR: "127.0.0.1",
    GF_SERVER_HTTP_PORT: String(port),
    GF_PATHS_DATA: folder,
    GF_PATHS_PROVISIONING: provisioning,
    // On loopback, for people at this machine; nothing can be written without the password.
    GF_AUTH_ANONYMOUS_ENABLED: "true",
    GF_ANALYTICS_REPORTING_ENABLED: "false",
    GF_ANALYTICS_CHECK_FOR_UPDATES: "false",
  };
  await launch(run, { name: "grafana", program, url: `${url}/api/health`, settings }, ["server"]);
  run.shown.push(["Grafana", url]);
  return url;
}

/** Readable by its owner alone: it may hold the operator's token. */
function writeConfiguration({ dataDir }: Run, name: string, text: string): string {
  const folder = join(dataDir, name);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.yml`);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

interface Launched {
  readonly name: string;
  readonly program: string;
  /** Answers 200 once it is ready. */
  readonly url: string;
  readonly settings?: Readonly<Record<string, string>>;
}

async function launch(
  { dataDir, env, running }: Run,
  { name, program, url, settings }: Launched,
  parameters: readonly string[],
): Promise<void> {
  const server = await startServer({
    ...{ name, program, parameters, readyTimeoutMs, graceS },
    env: { ...plainEnvironment(env), ...settings },
    logFile: logPath(dataDir, name),
    cwd: join(dataDir, name),
    isReady: async () => (await fetch(url)).ok,
  });
  running.push(server);
}
