/** One MCP server for one caller: its tenant's tools, and its documents as resources. */

import {
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  ResourceTemplate,
} from "@modelcontextprotocol/server";
import { limits } from "../../contract/limits.ts";
import type { Asker } from "../../contract/service.ts";
import type { Handler } from "../handler.ts";
import { documentIn, documentUri, fetchDocument } from "./documents.ts";
import { addTools } from "./tools.ts";

export interface McpServerOptions {
  readonly handler: Handler;
  readonly asker: Asker;
  readonly mayWrite: boolean;
  readonly version: string;
  /** Clients of 2025 have another way to subscribe, which needs sessions. */
  readonly maySubscribe: boolean;
}

const instructions =
  "Documents that change all the time. Ask with search or answer; cite by title and url. " +
  "A document that was read can be listened to: its resource says when it has changed.";

export function createMcpServer(options: McpServerOptions): McpServer {
  const { handler, asker, version, maySubscribe } = options;
  const { tenant } = asker;
  const server = new McpServer(
    { name: "freshet", title: "Freshet", version },
    {
      instructions,
      capabilities: {
        tools: {},
        resources: { subscribe: maySubscribe && asker.groups === undefined },
      },
      maxToolInputElements: limits.mcpToolElementsMax,
    },
  );
  addTools(server, options);
  const documents = new ResourceTemplate(`${documentUri(tenant, "")}{id}`, {
    list: async ({ mcpReq: { signal } }) => {
      const ids = await someDocuments({ handler, asker, signal });
      return { resources: ids.map((id) => ({ uri: documentUri(tenant, id), name: id })) };
    },
  });
  server.registerResource(
    "document",
    documents,
    {
      title: "Document",
      description: "a live document of this tenant, as text",
      mimeType: "text/markdown",
      // It may change in the next second, and it is the caller's own.
      cacheHint: { ttlMs: 0, cacheScope: "private" },
    },
    async (uri, _variables, { mcpReq: { signal } }) => {
      const id = documentIn(uri.href, tenant);
      if (id === undefined) {
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, "no document of this tenant");
      }
      const { text } = await fetchDocument({ handler, asker, id, signal }).catch((thrown) => {
        // The library tells a client the words of any other error, also of one that is ours alone.
        const { status, message } = handler.explain(thrown);
        const { InvalidParams, InternalError } = ProtocolErrorCode;
        throw new ProtocolError(status < 500 ? InvalidParams : InternalError, message);
      });
      return { contents: [{ uri: uri.href, mimeType: "text/markdown", text }] };
    },
  );
  return server;
}

/** Pages may be empty before the last one: those of memory are, once all of a tenant is merged. */
async function someDocuments({
  handler,
  asker,
  signal,
}: Pick<McpServerOptions, "handler" | "asker"> & { readonly signal: AbortSignal }): Promise<
  readonly string[]
> {
  const most = limits.documentPageDefault;
  const ids = new Set<string>();
  let after: string | undefined;
  for (let pages = 0; pages < limits.mcpListPagesMax && ids.size < most; pages += 1) {
    signal.throwIfAborted();
    const page = await handler.documents(asker, { after, limit: String(most - ids.size) });
    for (const { id } of page.documents) ids.add(id);
    if (page.next === null) break;
    after = page.next;
  }
  return [...ids];
}
