/** The plainest client of each surface: what it sends and reads, and nothing beside. */

import { connect, createInbox, type NatsConnection } from "nats";
import { Agent, request } from "undici";
import type { TenantId } from "../../src/contract/ids.ts";

type Ask<Result> = (query: string) => Promise<Result>;

export interface Asking {
  readonly whole: Readonly<
    Record<"http" | "nats" | "chat" | "responses" | "mcp" | "dify", Ask<unknown>>
  >;
  /** Milliseconds to the first word. */
  readonly firstToken: Readonly<Record<"http" | "nats" | "chat" | "responses", Ask<number>>>;
}

export interface Clients {
  readonly asking: Asking;
  /** For the side that answers. */
  readonly serving: NatsConnection;
  close(): Promise<void>;
}

const mcpHeaders = {
  accept: "application/json, text/event-stream",
  "mcp-protocol-version": "2025-11-25",
};

export async function openClients(where: {
  readonly httpUrl: string;
  readonly natsUrl: string;
  readonly tenant: TenantId;
}): Promise<Clients> {
  const { httpUrl, natsUrl, tenant } = where;
  const dispatcher = new Agent({ connections: 1 });
  const [asks, serving] = await Promise.all([
    connect({ servers: natsUrl }),
    connect({ servers: natsUrl }),
  ]);
  const send = async (path: string, body: object, more: Record<string, string> = {}) => {
    const headers = { "content-type": "application/json", "x-tenant": tenant, ...more };
    const payload = JSON.stringify(body);
    const options = { method: "POST" as const, headers, body: payload, dispatcher };
    const reply = await request(`${httpUrl}${path}`, options);
    if (reply.statusCode !== 200) throw new Error(`${path}: ${await reply.body.text()}`);
    return reply.body;
  };
  const json = async (...args: Parameters<typeof send>) => (await send(...args)).json();
  const first = async (path: string, body: object, marks: string): Promise<number> => {
    const begunMs = performance.now();
    let firstMs: number | undefined;
    let text = "";
    for await (const chunk of await send(path, body)) {
      text += String(chunk);
      if (firstMs === undefined && text.includes(marks)) firstMs = performance.now() - begunMs;
    }
    if (firstMs === undefined) throw new Error(`${path}: no word came: ${text.slice(0, 300)}`);
    return firstMs;
  };
  const chat = (query: string) => ({
    model: "freshet",
    messages: [{ role: "user", content: query }],
  });
  const asking: Asking = {
    whole: {
      http: (query) => json("/answer", { query }),
      nats: async (query) => {
        const body = JSON.stringify({ query });
        const reply = await asks.request(`query.${tenant}`, body, { timeout: 10_000 });
        const { answer } = reply.json<{ answer?: string }>();
        if (answer === undefined) throw new Error(`no answer over NATS: ${reply.string()}`);
      },
      chat: (query) => json("/v1/chat/completions", chat(query)),
      responses: (query) => json("/v1/responses", { model: "freshet", input: query }),
      mcp: async (query) => {
        const params = { name: "answer", arguments: { query } };
        const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params };
        const text = await (await send("/mcp", call, mcpHeaders)).text();
        if (!text.includes("structuredContent")) throw new Error(`no answer of MCP: ${text}`);
      },
      dify: (query) =>
        json(
          "/retrieval",
          { knowledge_id: tenant, query, retrieval_setting: { top_k: 5, score_threshold: 0 } },
          { authorization: "Bearer any" },
        ),
    },
    firstToken: {
      http: (query) => first("/answer", { query, stream: true }, "event: delta"),
      nats: (query) => firstOverNats(asks, `query.${tenant}`, query),
      chat: (query) =>
        first("/v1/chat/completions", { ...chat(query), stream: true }, `"content":"The`),
      responses: (query) => {
        const body = { model: "freshet", input: query, stream: true };
        return first("/v1/responses", body, "event: response.output_text.delta");
      },
    },
  };
  const close = async (): Promise<void> => {
    await Promise.all([asks.close(), serving.close(), dispatcher.close()]);
  };
  return { asking, serving, close };
}

async function firstOverNats(
  connection: NatsConnection,
  subject: string,
  query: string,
): Promise<number> {
  const reply = createInbox();
  const pieces = connection.subscribe(reply);
  const begunMs = performance.now();
  connection.publish(subject, JSON.stringify({ query, stream: true }), { reply });
  let firstMs: number | undefined;
  for await (const piece of pieces) {
    const kind = piece.headers?.get("Freshet-Event");
    if (kind === "error") throw new Error(`NATS: ${piece.string()}`);
    if (kind === "delta") firstMs ??= performance.now() - begunMs;
    if (kind === "done") break;
  }
  pieces.unsubscribe();
  if (firstMs === undefined) throw new Error("no word came over NATS");
  return firstMs;
}
