/**
 * Any `/rerank` endpoint.
 *
 * Owns: a keep-alive pool of connections to it. Never: retries (the fused order stands in and costs
 * nothing), follows redirects, or lets a text into an error.
 *
 *   RR1  every failure is `model_unavailable`; its details hold a status or a reason, no text;
 *   RR2  an abort of the caller ends the request, and is `cancelled`;
 *   RR3  request and reply are bounded in bytes, and a reply that is not whole is a failure.
 */

import type * as Undici from "undici";
import type { Agent, Dispatcher } from "undici";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Secret, TlsFiles } from "../contract/links.ts";
import { cutText } from "../contract/well-formed.ts";
import { withoutEnd } from "../contract/without-end.ts";
import { loadedLater } from "../runtime/loaded-later.ts";
import { explainTls } from "../runtime/tls-fault.ts";
import { readTlsFiles } from "../runtime/tls-files.ts";
import type { Reranker, RerankRequest } from "./rerank-port.ts";
import { type RerankShape, rerankBody, scoresOf } from "./rerank-wire.ts";

const undici = loadedLater<typeof Undici>("undici");

export interface RemoteRerankerOptions {
  /** Of the endpoint itself, or of what its `/rerank` is under. */
  readonly url: string;
  readonly shape: RerankShape;
  readonly model?: string | undefined;
  readonly apiKey?: Secret | undefined;
  readonly tls?: TlsFiles | undefined;
}

export function createRemoteReranker(options: RemoteRerankerOptions): Reranker {
  const agent = new (undici().Agent)({
    connections: limits.questionsInFlightMax,
    ...connecting(options),
    headersTimeout: limits.rerankMsMax,
    bodyTimeout: limits.rerankMsMax,
  });
  return {
    name: options.model ?? options.shape,
    scores: (request) => scores(options, agent, request),
    close: () => agent.destroy(),
  };
}

/** With files of its own each new connection reads them, so that they may be replaced. */
function connecting({ tls }: RemoteRerankerOptions): Agent.Options {
  const timeout = limits.modelConnectMs;
  if (tls === undefined) return { connectTimeout: timeout };
  return {
    connect: (options, callback) =>
      undici().buildConnector({ ...readTlsFiles(tls), timeout })(options, callback),
  };
}

async function scores(
  options: RemoteRerankerOptions,
  agent: Agent,
  { query, texts, signal }: RerankRequest,
): Promise<readonly number[]> {
  if (signal.aborted) throw new FreshetError("cancelled");
  const cut = texts.map((text) => cutText(text, limits.rerankTextCharsMax));
  const { shape, model } = options;
  try {
    const reply = await exchange(options, agent, {
      body: rerankBody(shape, { query, texts: cut, model }),
      signal,
    });
    const read = scoresOf(shape, reply, texts.length);
    if ("fault" in read) throw unavailable({ reason: read.fault });
    return read.scores;
  } catch (thrown) {
    if (signal.aborted) throw new FreshetError("cancelled");
    if (thrown instanceof FreshetError) throw thrown;
    const link = { where: "", tls: options.tls, settings: "FRESHET_RERANK_TLS" };
    throw unavailable({ reason: explainTls(thrown, link)?.trim() ?? reasonOf(thrown) });
  }
}

async function exchange(
  { url, apiKey }: RemoteRerankerOptions,
  agent: Agent,
  { body, signal }: { readonly body: string; readonly signal: AbortSignal },
): Promise<string> {
  const { origin, pathname, search } = endpointOf(url);
  const response = await agent.request({
    ...{ origin, path: pathname + search, method: "POST", body, signal },
    headers: {
      "content-type": "application/json",
      accept: "application/json",
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey()}` }),
    },
  });
  if (response.statusCode === 200) return readBody(response.body);
  await response.body.dump({ limit: limits.modelErrorBytesMax });
  throw unavailable({ status: response.statusCode });
}

/** A base URL is taken as well as the route itself. */
function endpointOf(url: string): URL {
  const given = new URL(url);
  const path = withoutEnd(given.pathname, "/");
  given.pathname = path.endsWith("/rerank") ? path : `${path}/rerank`;
  return given;
}

async function readBody(body: Dispatcher.ResponseData["body"]): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early destroys the body, and with it the connection.
  for await (const part of body as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > limits.rerankReplyBytesMax) throw unavailable({ reason: "is too large" });
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function unavailable(details: Readonly<Record<string, string | number>>): FreshetError {
  return new FreshetError("model_unavailable", "the reranker is not there", { details });
}

/** The name of a failed connection (`ECONNREFUSED`), never a message. */
function reasonOf(thrown: unknown): string {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" && /^[A-Z0-9_]{1,64}$/.test(code) ? code : "connection";
}
