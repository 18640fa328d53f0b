/**
 * The Model Context Protocol at `/mcp`, both eras: that of 2026-07-28, without sessions, and
 * clients of 2025, each request by itself. The same handler, identity and bounds as everywhere.
 *
 * Owns a protocol handler for each tenant that is listened to, and few others.
 *
 *   MP1  what a caller hears and reads is its own tenant's: handlers and buses are a tenant's. One
 *        whose key has groups reads what they let it, and hears nothing: changes name documents;
 *   MP2  a page of a browser under a foreign name is refused, whatever its Host says;
 *   MP3  a listener has nothing to finish: it ends as soon as the node stops, and one that does not
 *        read what it hears is cut, as any reader of events.
 */

import type { ServerResponse } from "node:http";
import { PassThrough, Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { mayAs } from "../../contract/api-key.ts";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { Check } from "../auth.ts";
import { abortWhenCallerLeaves } from "../caller.ts";
import type { Gate } from "../gate.ts";
import { checkOrigin } from "../origin.ts";
import { withoutNulls } from "./arguments.ts";
import type { Served, ServedOptions } from "./served.ts";

export interface McpRouteOptions extends ServedOptions {
  readonly gate: Gate;
  readonly checkHost: Check;
}

export const mcpPath = "/mcp";

export function addMcpRoute(app: FastifyInstance, options: McpRouteOptions): void {
  const { gate, checkHost } = options;
  const served = new Map<TenantId, Served>();
  const servedOf = async (tenant: TenantId): Promise<Served> => {
    // Loaded for the first request: most engines never have one.
    const { serve } = await import("./served.ts");
    const made = served.get(tenant) ?? serve(options, tenant);
    // Last asked, last to go; who is listened to stays.
    served.delete(tenant);
    served.set(tenant, made);
    for (const [other, { bus, protocol }] of served) {
      if (served.size <= limits.mcpTenantsMax) break;
      if (bus.isHeard || other === tenant) continue;
      served.delete(other);
      void protocol.close();
    }
    return made;
  };
  app.addHook("onClose", async () => {
    await Promise.all([...served.values()].map(({ protocol }) => protocol.close()));
  });
  app.route({
    // Without sessions and streams of the server's own, GET and DELETE are 405, which clients
    // expect before any 401: that would send them looking for a login.
    method: "POST",
    url: mcpPath,
    exposeHeadRoute: false,
    bodyLimit: limits.mcpBytesMax,
    // MP2.
    onRequest: [gate.admits("query"), async ({ headers }) => checkOrigin(headers, checkHost)],
    handler: async (request, reply) => {
      const { roles } = gate.identityOf(request);
      const { tenant, ...of } = gate.askerOf(request);
      const { protocol } = await servedOf(tenant);
      const scopes = mayAs({ roles }, "ingest") ? ["ingest"] : [];
      const caller = abortWhenCallerLeaves(reply.raw);
      const isEndless = isListening(request.body);
      const ended = (why: Error): void => caller.abort(why);
      gate.watch(request, reply, { role: "query", isEndless, ended });
      const response = await protocol.fetch(webRequestOf(request, caller.signal), {
        authInfo: { token: "", clientId: tenant, scopes, extra: of },
        ...(request.body === undefined ? {} : { parsedBody: withoutNulls(request.body) }),
      });
      const { bufferBytesMax } = options.sse;
      const onCut = (): void => caller.abort();
      return send(reply, response, isEndless ? { bufferBytesMax, onCut } : undefined);
    },
  });
}

function webRequestOf({ raw, method }: FastifyRequest, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw.headers)) {
    // The key has done its work at the gate.
    if (value === undefined || name === "authorization") continue;
    headers.set(name, [value].flat().join(", "));
  }
  // The library looks for both names, which a client that takes anything need not write.
  if (takesAnything(headers.get("accept"))) headers.set("accept", bothTypes);
  return new Request(`http://127.0.0.1${mcpPath}`, { method, headers, signal });
}

function isListening(body: unknown): boolean {
  if (typeof body !== "object" || body === null || !("method" in body)) return false;
  return body.method === "subscriptions/listen";
}

function send(
  reply: FastifyReply,
  { status, headers, body }: Response,
  bound?: Omit<BoundedOptions, "response">,
): FastifyReply {
  reply.code(status).headers(Object.fromEntries(headers));
  if (body === null) return reply.send();
  const { raw: response } = reply;
  const bytes = body as ReadableStream<Uint8Array>;
  return reply.send(bound ? bounded(bytes, { response, ...bound }) : Readable.fromWeb(bytes));
}

interface BoundedOptions {
  readonly response: ServerResponse;
  readonly bufferBytesMax: number;
  readonly onCut: () => void;
}

/** MP3. The library keeps what is not read, however much: so it is read at once, and counted. */
function bounded(
  body: ReadableStream<Uint8Array>,
  { response, bufferBytesMax, onCut }: BoundedOptions,
): Readable {
  const out = new PassThrough();
  const pass = async (): Promise<void> => {
    for await (const chunk of body) {
      if (out.destroyed) return;
      out.write(chunk);
      const waiting = out.writableLength + out.readableLength + response.writableLength;
      if (waiting <= bufferBytesMax) continue;
      onCut();
      response.destroy();
      return void out.destroy();
    }
    out.end();
  };
  pass().catch((thrown: Error) => out.destroy(thrown));
  return out;
}

const bothTypes = "application/json, text/event-stream";

function takesAnything(accept: string | null): boolean {
  return accept === null || accept.split(",").some((range) => /^\s*\*\/\*\s*(;|$)/.test(range));
}
