/** What Prometheus and Jaeger are configured with. Pure. */
import { stringify } from "yaml";

export interface Targets {
  /** host:port of each. */
  readonly engines: readonly string[];
  readonly mergeWorkers: readonly string[];
  readonly weaviate: readonly string[];
  /** Opens the engines' metrics where it is set. */
  readonly operatorToken?: string | undefined;
}

/** Folder of the recording and alert rules. */
export function prometheusConfiguration(targets: Targets, rulesFolder: string): string {
  const { operatorToken } = targets;
  const authorization =
    operatorToken === undefined ? {} : { authorization: { credentials: operatorToken } };
  const job = (name: string, hosts: readonly string[], more: object = {}) =>
    hosts.length === 0
      ? []
      : [{ job_name: name, ...more, static_configs: [{ targets: [...hosts] }] }];
  return stringify({
    global: { scrape_interval: "5s", evaluation_interval: "15s" },
    rule_files: [`${rulesFolder}/recording.yml`, `${rulesFolder}/alerts.yml`],
    scrape_configs: [
      ...job("freshet", targets.engines, authorization),
      ...job("freshet-merge-worker", targets.mergeWorkers, authorization),
      ...job("weaviate", targets.weaviate),
    ],
  });
}

export interface JaegerPorts {
  readonly otlp: number;
  readonly ui: number;
  readonly grpc: number;
}

/** All in memory, all on loopback: traces of a run, gone with it. */
export function jaegerConfiguration({ otlp, ui, grpc }: JaegerPorts): string {
  const storage = "memory";
  const at = (port: number) => ({ endpoint: `127.0.0.1:${port}` });
  return stringify({
    service: {
      extensions: ["jaeger_storage", "jaeger_query"],
      pipelines: { traces: { receivers: ["otlp"], exporters: ["jaeger_storage_exporter"] } },
      telemetry: { metrics: { level: "none" }, logs: { level: "warn" } },
    },
    extensions: {
      jaeger_query: { storage: { traces: storage }, http: at(ui), grpc: at(grpc) },
      jaeger_storage: { backends: { [storage]: { memory: { max_traces: 20_000 } } } },
    },
    receivers: { otlp: { protocols: { http: at(otlp) } } },
    exporters: { jaeger_storage_exporter: { trace_storage: storage } },
  });
}
