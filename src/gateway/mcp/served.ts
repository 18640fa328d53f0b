/** The protocol of one tenant: its handler, and the bus that its listeners hear. */

import { createMcpHandler, type McpHttpHandler } from "@modelcontextprotocol/server";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { Asker } from "../../contract/service.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Handler } from "../handler.ts";
import { TenantEventBus } from "./event-bus.ts";
import { createMcpServer } from "./server.ts";

export interface ServedOptions {
  readonly handler: Handler;
  readonly clock: Clock;
  readonly version: string;
  /** Whether agents are offered `publish` and `delete`, where their key allows it. */
  readonly mcpWrites: boolean;
  readonly sse: { readonly bufferBytesMax: number; readonly heartbeatMs: number };
}

export interface Served {
  readonly bus: TenantEventBus;
  readonly protocol: McpHttpHandler;
}

export function serve(options: ServedOptions, tenant: TenantId): Served {
  const { handler, clock, version, mcpWrites, sse } = options;
  const bus = new TenantEventBus({ handler, clock, tenant });
  const protocol = createMcpHandler(
    ({ authInfo, era }) => {
      const mayWrite = mcpWrites && authInfo?.scopes.includes("ingest") === true;
      // Made by the route from the credential, never by the caller; nobody is not everybody.
      const of =
        authInfo === undefined ? { groups: [] } : (authInfo.extra as Omit<Asker, "tenant">);
      const asker = { ...of, tenant };
      const maySubscribe = era === "modern";
      return createMcpServer({ handler, asker, mayWrite, version, maySubscribe });
    },
    {
      bus,
      maxSubscriptions: limits.mcpSubscriptionsMax,
      keepAliveMs: sse.heartbeatMs,
      maxRequestBodySize: limits.mcpBytesMax,
    },
  );
  return { bus, protocol };
}
