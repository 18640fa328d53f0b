/** Temporal's development server (SQLite, with the Web UI): runs the merges. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { plainEnvironment, type ServerContext, startOnPorts } from "./context.ts";
import { logPath, type RunningServer, startServer } from "./supervise.ts";

export interface TemporalAddress {
  /** host:port of the gRPC front end. */
  readonly address: string;
  readonly namespace: string;
  readonly uiUrl: string;
  /** Started here, with nobody else's workers. */
  readonly isOwn: boolean;
}

export const defaultNamespace = "freshet";

/** What people filter merges by in the UI (design, section 4). */
const searchAttributes = [
  "FreshetTenant=Keyword",
  "FreshetPhase=Keyword",
  "FreshetFrom=Int",
  "FreshetTo=Int",
  "FreshetChunks=Int",
];

/** The first start creates the database schema; on two busy cores that takes a while. */
const readyTimeoutMs = 120_000;
const checkTimeoutMs = 3_000;
const graceS = 15;

export interface TemporalPorts {
  readonly port: number;
  readonly uiPort: number;
  readonly httpPort: number;
  readonly metricsPort: number;
}

/** The command line, each option with its reason. Pure. */
export function temporalParameters(
  ports: TemporalPorts,
  files: {
    readonly database: string;
    readonly namespaces: readonly string[];
    readonly taskQueuePartitions?: 1 | undefined;
  },
): string[] {
  return [
    ...["server", "start-dev"],
    // Neither a file nor variables of the user's own Temporal set-up may change this server.
    ...["--disable-config-file", "--disable-config-env"],
    // Merges continue after a restart: without a file the server forgets them.
    ...["--db-filename", files.database],
    // Loopback only: the development server has no authentication.
    ...["--ip", "127.0.0.1", "--ui-ip", "127.0.0.1"],
    ...["--port", String(ports.port), "--ui-port", String(ports.uiPort)],
    // Both would be random otherwise; chosen here, they cannot collide with the other servers.
    ...["--http-port", String(ports.httpPort), "--metrics-port", String(ports.metricsPort)],
    ...files.namespaces.flatMap((namespace) => ["--namespace", namespace]),
    ...searchAttributes.flatMap((attribute) => ["--search-attribute", attribute]),
    ...partitionSettings(files.taskQueuePartitions),
    // The UI must work without the internet, and asks for no news.
    "--ui-disable-news-fetch",
    ...["--log-level", "warn"],
  ];
}

function partitionSettings(count: 1 | undefined): string[] {
  if (count === undefined) return [];
  return ["Read", "Write"].flatMap((what) => [
    "--dynamic-config-value",
    `matching.numTaskqueue${what}Partitions=${count}`,
  ]);
}

export async function startTemporal(
  context: ServerContext,
  program: string,
): Promise<{ server: RunningServer; address: TemporalAddress }> {
  const requests = [
    { name: "temporal", variable: "FRESHET_TEMPORAL_PORT" },
    { name: "temporalUi", variable: "FRESHET_TEMPORAL_UI_PORT" },
    { name: "temporalHttp", variable: "FRESHET_TEMPORAL_HTTP_PORT" },
    { name: "temporalMetrics", variable: "FRESHET_TEMPORAL_METRICS_PORT" },
  ];
  const directory = join(context.dataDir, "temporal");
  mkdirSync(directory, { recursive: true });
  const namespace = namespaceFrom(context.env);
  const namespaces = [namespace, ...(context.namespaces ?? [])];
  return startOnPorts(context, requests, async (ports) => {
    const address = `127.0.0.1:${ports("temporal")}`;
    const uiUrl = `http://127.0.0.1:${ports("temporalUi")}`;
    const server = await startServer({
      name: "temporal",
      program,
      parameters: temporalParameters(
        {
          port: ports("temporal"),
          uiPort: ports("temporalUi"),
          httpPort: ports("temporalHttp"),
          metricsPort: ports("temporalMetrics"),
        },
        {
          database: join(directory, "temporal.db"),
          namespaces,
          taskQueuePartitions: context.taskQueuePartitions,
        },
      ),
      env: plainEnvironment(context.env),
      logFile: logPath(context.dataDir, "temporal"),
      cwd: directory,
      readyTimeoutMs,
      graceS,
      isReady: () => isTemporalReady(address, namespace),
    });
    return { server, address: { address, namespace, uiUrl, isOwn: true } };
  });
}

export function namespaceFrom(env: Readonly<Record<string, string | undefined>>): string {
  const configured = env["FRESHET_TEMPORAL_NAMESPACE"];
  return configured === undefined || configured === "" ? defaultNamespace : configured;
}

/** True when the namespace exists and both its history and its visibility store answer. */
export async function isTemporalReady(address: string, namespace: string): Promise<boolean> {
  // Loaded on first use: the client is large, and a run with external servers may not need it.
  const { Connection } = await import("@temporalio/client");
  const connection = await Connection.connect({ address, connectTimeout: checkTimeoutMs });
  try {
    await connection.withDeadline(Date.now() + checkTimeoutMs, async () => {
      await connection.workflowService.describeNamespace({ namespace });
      await connection.workflowService.countWorkflowExecutions({ namespace });
    });
    return true;
  } finally {
    await connection.close();
  }
}
