/**
 * Metrics of a process that has no API: one path, with the checks that the engine's has.
 *
 * Owns the listening socket. Never answers anything else.
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { FreshetError, toFreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Secret } from "../contract/links.ts";
import { hostAndPort } from "../contract/place.ts";
import { hostCheck, operatorCheck } from "./auth.ts";
import { explainListenError } from "./listen-error.ts";
import { metricsPage, type ShownMetrics } from "./metrics-page.ts";

export interface MetricsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: ShownMetrics;
  /** Whether API keys are configured: then only the token opens it. */
  readonly keys: boolean;
  readonly operatorToken: Secret | undefined;
  readonly hosts: readonly string[];
}

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

/** @throws Error with one line that says what to do when the address cannot be listened on */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { host, port } = options;
  const portSetting = "FRESHET_MERGE_METRICS_PORT";
  const checkHost = hostCheck(options);
  const checkOperator = operatorCheck({ keys: options.keys, token: options.operatorToken });
  const show = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      checkHost(request.headers);
      if (request.url !== "/metrics" || request.method !== "GET")
        throw new FreshetError("not_found");
      checkOperator(request.headers);
      const { text, contentType } = await metricsPage(options.metrics, request.headers.accept);
      response.writeHead(200, { "content-type": contentType }).end(text);
    } catch (thrown) {
      const { status, code } = toFreshetError(thrown);
      response.writeHead(status, { "content-type": "text/plain" }).end(`${code}\n`);
    }
  };
  const server = createServer(
    {
      headersTimeout: limits.httpHeadersMs,
      requestTimeout: limits.httpBodyMs,
      maxHeaderSize: limits.httpHeaderBytesMax,
    },
    (request, response) => {
      request.resume();
      void show(request, response);
    },
  );
  server.maxConnections = limits.metricsConnectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const told = explainListenError(error, { host, port, portSetting });
      reject(told instanceof Error ? told : error);
    });
    server.listen(port, host, resolve);
  });
  return {
    url: `http://${hostAndPort(host, (server.address() as AddressInfo).port)}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
