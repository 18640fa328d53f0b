/**
 * Bodies that are not read: whether there is one, and reading out what was refused.
 *
 * A socket that is closed with unread bytes makes the system send a reset, and a reset makes the
 * client's system throw away the reply that it has received already: the sender of a large document
 * would see a broken connection instead of a 413. nginx calls the same "lingering close".
 */

import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { FreshetError } from "../contract/errors.ts";

export interface RefusedBodyBounds {
  readonly refusedBodyMs: number;
  readonly refusedBodyBytesMax: number;
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

const late = new WeakSet<IncomingMessage>();

/** Its reply waits no longer for the rest. */
export function leaveUnread(raw: IncomingMessage): void {
  late.add(raw);
}

/**
 * A reply to a request that is still being sent waits until that has come, within bounds; nothing
 * of it is kept.
 */
export function readOutRefusedBodies(app: FastifyInstance, bounds: RefusedBodyBounds): void {
  app.addHook("onSend", async ({ raw }, reply) => {
    if (!hasBody(raw) || raw.complete || raw.readableEnded) return;
    // One that is late is cut: waiting for it was the trouble.
    if (reply.statusCode === 408) return;
    if (late.has(raw)) return void reply.header("connection", "close");
    const isOut = await readOut(raw, bounds);
    // The framework announces a close wherever it stops reading; there is nothing to close for any
    // more.
    if (isOut) reply.removeHeader("connection");
    else reply.header("connection", "close");
  });
}

/** False when the body is above a bound: then the reply may be lost with the connection. */
function readOut(
  raw: IncomingMessage,
  { refusedBodyMs, refusedBodyBytesMax }: RefusedBodyBounds,
): Promise<boolean> {
  if (Number(raw.headers["content-length"] ?? 0) > refusedBodyBytesMax)
    return Promise.resolve(false);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), refusedBodyMs);
  let bytes = 0;
  const count = (chunk: Uint8Array): void => {
    bytes += chunk.byteLength;
    if (bytes > refusedBodyBytesMax) resolve(false);
  };
  raw.on("data", count);
  raw.once("end", () => resolve(true));
  raw.once("close", () => resolve(false));
  raw.resume();
  return promise.finally(() => {
    clearTimeout(timer);
    raw.off("data", count);
  });
}

/** A compressed body may be a bomb, and no client needs one yet. @throws FreshetError */
export function refuseEncodedBody({ headers }: Pick<FastifyRequest, "headers">): void {
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding.toLowerCase() !== "identity")
    throw new FreshetError("unsupported_media_type", "send the body without content-encoding");
  const transfer = headers["transfer-encoding"] ?? "chunked";
  if (transfer.toLowerCase() !== "chunked")
    throw new FreshetError("unsupported_media_type", "of transfer encodings only chunked is known");
}
