/**
 * Posts events to endpoints, signed as Standard Webhooks says.
 *
 * Owns: a pool of connections. Never: follows a redirect, retries, keeps or repeats what a receiver
 * said, or connects to an address that was not checked (EN1).
 *
 *   WP1  a request is over within its time, whatever the receiver does;
 *   WP2  of a reply its status and `Retry-After` count; of its body a bounded part is read, and
 *        dropped.
 */

import { Webhook } from "standardwebhooks";
import type * as Undici from "undici";
import type { Agent, buildConnector, Dispatcher } from "undici";
import type { EndpointPost, EndpointReply, PostToEndpoint } from "../../contract/endpoint.ts";
import { limits } from "../../contract/limits.ts";
import { retryAfterMsOf } from "../../contract/retry-after.ts";
import { loadedLater } from "../../runtime/loaded-later.ts";
import { Addresses, AddressRefused, type Network } from "./addresses.ts";

const undici = loadedLater<typeof Undici>("undici");

export interface EndpointClientOptions {
  /** Beside public ones. */
  readonly networks?: readonly Network[] | undefined;
  readonly requestMs?: number | undefined;
  readonly userAgent?: string | undefined;
}

export interface EndpointClient {
  readonly post: PostToEndpoint;
  /** As `EndpointAdminParts.refusal`. */
  readonly refusal: (url: string) => string | undefined;
  close(): Promise<void>;
}

export function createEndpointClient(options: EndpointClientOptions = {}): EndpointClient {
  const addresses = new Addresses(options.networks);
  // Made for the first request: most processes send none.
  let agent: Agent | undefined;
  return {
    post: (post) => {
      agent ??= agentFor(addresses);
      return send(agent, addresses, { ...options, ...post });
    },
    refusal: (url) => addresses.refusal(url),
    close: async () => agent?.destroy(),
  };
}

function agentFor(addresses: Addresses): Agent {
  return new (undici().Agent)({
    connect: connectorOf(addresses),
    // Many webhooks, of several tenants, go to one host: none waits behind a slow one of another.
    // Each has one request at a time, so that their order holds.
    connections: limits.endpointsInFlightMax,
    pipelining: 1,
  });
}

/** One connector for each protocol: what may be reached depends on it. */
function connectorOf(addresses: Addresses): buildConnector.connector {
  const timeout = limits.endpointConnectMs;
  const { buildConnector } = undici();
  const secure = buildConnector({ timeout, lookup: addresses.lookup("https:") });
  const plain = buildConnector({ timeout, lookup: addresses.lookup("http:") });
  return (options, callback) => {
    const connect = options.protocol === "https:" ? secure : plain;
    connect(options, callback);
  };
}

type Sent = EndpointPost & Pick<EndpointClientOptions, "requestMs" | "userAgent">;

async function send(agent: Agent, addresses: Addresses, sent: Sent): Promise<EndpointReply> {
  const { url, signal, requestMs = limits.endpointRequestMs } = sent;
  // An address that is written down is not looked up.
  if (addresses.refusal(url) !== undefined) return { kind: "failed", reason: "address_refused" };
  const late = AbortSignal.timeout(requestMs);
  const within = signal === undefined ? late : AbortSignal.any([signal, late]);
  try {
    const { origin, pathname, search } = new URL(url);
    const { statusCode, headers, body } = await agent.request({
      ...{ origin, path: `${pathname}${search}`, method: "POST", signal: within },
      headers: headersOf(sent),
      body: sent.body,
      headersTimeout: requestMs,
      bodyTimeout: requestMs,
    });
    // The status decides; a body that does not end costs its connection, not the event.
    await body.dump({ limit: limits.endpointReplyBytesMax, signal: within }).catch(() => {});
    return replyOf(statusCode, headers, sent.atMs);
  } catch (thrown) {
    signal?.throwIfAborted();
    return { kind: "failed", reason: late.aborted ? "timeout" : reasonOf(thrown) };
  }
}

function headersOf({ id, atMs, body, secrets, userAgent }: Sent): Record<string, string> {
  return {
    "content-type": "application/json",
    "user-agent": userAgent ?? "Freshet",
    ...signatureOf({ id, atMs, body, secrets }),
  };
}

/** Every secret signs: a receiver that has the old one or the new one takes it. */
export function signatureOf({
  id,
  atMs,
  body,
  secrets,
}: Pick<EndpointPost, "id" | "atMs" | "body" | "secrets">): Record<string, string> {
  const at = new Date(atMs);
  const signatures = secrets.map((secret) => new Webhook(secret).sign(id, at, body));
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(atMs / 1_000)),
    "webhook-signature": signatures.join(" "),
  };
}

function replyOf(
  status: number,
  headers: Dispatcher.ResponseData["headers"],
  nowMs: number,
): EndpointReply {
  if (status >= 200 && status < 300) return { kind: "delivered", status };
  if (status === 410) return { kind: "gone", status };
  const isRedirect = status >= 300 && status < 400;
  const retryAfterMs = retryAfterMsOf(headers["retry-after"], nowMs);
  return {
    ...{ kind: "failed", status, reason: isRedirect ? `redirect ${status}` : `status ${status}` },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** Names only: the message of a vendor's error may hold what it was given. */
function reasonOf(thrown: unknown): string {
  let error: unknown = thrown;
  while (error instanceof Error) {
    if (error instanceof AddressRefused) return "address_refused";
    const code: unknown = "code" in error ? error.code : undefined;
    if (typeof code === "string") return named[code] ?? code.toLowerCase();
    // Several addresses of a name that were tried, one after the other.
    error = error instanceof AggregateError ? error.errors[0] : error.cause;
  }
  return "connection failed";
}

const named: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ENOTFOUND: "the name is not known",
  EAI_AGAIN: "the name could not be looked up",
  UND_ERR_CONNECT_TIMEOUT: "timeout",
  UND_ERR_HEADERS_TIMEOUT: "timeout",
  UND_ERR_SOCKET: "connection reset",
};
