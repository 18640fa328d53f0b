/**
 * One request to an embedding endpoint, from first byte to last; bounded in time and size, never
 * repeated here.
 */

import type { Dispatcher } from "undici";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { TlsFiles } from "../contract/links.ts";
import { saysPlainOnTls } from "../contract/plain-on-tls.ts";
import type { Clock } from "../runtime/clock.ts";
import { Deadline } from "../runtime/deadline.ts";
import { explainTls } from "../runtime/tls-fault.ts";
import { type Failure, failureOfStatus, misconfigured } from "./remote-failure.ts";
import { unusable } from "./remote-wire.ts";

export interface RemoteRequest {
  readonly path: string;
  readonly body: string;
  readonly apiKey: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly tls: TlsFiles | undefined;
}

type Answer = { readonly kind: "body"; readonly text: string } | Failure;

/** The body of a reply with status 200, or what went wrong. @throws FreshetError cancelled */
export async function post(
  pool: Dispatcher,
  request: RemoteRequest,
  clock: Clock,
): Promise<Answer> {
  const { signal: caller } = request;
  const deadline = new Deadline(clock, limits.embedRemoteRequestMs, caller);
  try {
    return await exchange(pool, { ...request, signal: deadline.signal }, clock);
  } catch (thrown) {
    if (caller?.aborted === true) throw new FreshetError("cancelled");
    if (deadline.isOver) return { kind: "unanswered", reason: "timeout" };
    const link = { where: "", tls: request.tls, settings: "FRESHET_EMBED_TLS" };
    const why = explainTls(thrown, link)?.trim();
    if (why !== undefined) return misconfigured(why);
    return { kind: "down", reason: reasonOf(thrown), retryAfterMs: undefined };
  } finally {
    deadline.clear();
  }
}

async function exchange(
  pool: Dispatcher,
  { path, body, apiKey, signal }: RemoteRequest,
  clock: Clock,
): Promise<Answer> {
  const response = await pool.request({
    path,
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json",
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
    body,
    signal: signal ?? null,
  });
  const { statusCode, headers } = response;
  if (statusCode === 200) return readBody(response.body);
  const begin = await beginOf(response.body);
  if (statusCode === 400 && saysPlainOnTls(begin)) {
    // Says nothing about the texts: a refusal of them could cost a document.
    return misconfigured("takes TLS: begin FRESHET_EMBED_URL with https://");
  }
  const retryAfter = headers["retry-after"];
  return failureOfStatus(
    statusCode,
    typeof retryAfter === "string" ? retryAfter : undefined,
    clock.nowMs(),
  );
}

/** As much of an error's body as is ever read. */
async function beginOf(body: Dispatcher.ResponseData["body"]): Promise<string> {
  let text = "";
  for await (const part of body as AsyncIterable<Uint8Array>) {
    text += Buffer.from(part).toString("latin1");
    if (text.length > limits.embedRemoteErrorBytesMax) break;
  }
  return text;
}

async function readBody(body: Dispatcher.ResponseData["body"]): Promise<Answer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early destroys the body, and with it the connection.
  for await (const part of body as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > limits.embedRemoteReplyBytesMax) return unusable("is too large");
    parts.push(part);
  }
  return { kind: "body", text: Buffer.concat(parts).toString("utf8") };
}

/** The name of a failed connection (`ECONNREFUSED`), never a message. */
function reasonOf(thrown: unknown): string {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" && /^[A-Z0-9_]{1,64}$/.test(code) ? code : "connection";
}
