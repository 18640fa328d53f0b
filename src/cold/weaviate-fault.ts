/** What goes wrong with Weaviate, told apart by its wording: it has no codes. */

import { FreshetError } from "../contract/errors.ts";

/** The server answered, and the answer is that it has no such tenant (or no collection at all). */
export class UnknownTenantError extends Error {
  override readonly name = "UnknownTenantError";
}

/** The tenant is there but asleep. */
export class InactiveTenantError extends Error {
  override readonly name = "InactiveTenantError";
}

/**
 * The server, or the vendor's client, cannot take what the request says, however often it is sent.
 */
export class RequestRefusedError extends Error {
  override readonly name = "RequestRefusedError";
}

/** Weaviate did not answer, or not in time. */
export class NoAnswerError extends Error {
  override readonly name: string = "NoAnswerError";
}

/** Not in time: the node may be well, and wait for another one. */
export class LateError extends NoAnswerError {
  override readonly name = "LateError";
}

/** What a caller is told: the errors above, or that cold is away. */
export function translate(error: unknown): Error {
  if (error instanceof FreshetError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (isUnknownTenant(message)) return new UnknownTenantError(message, { cause: error });
  if (isInactiveTenant(message)) return new InactiveTenantError(message, { cause: error });
  if (isRefusedRequest(error)) return new RequestRefusedError(message, { cause: error });
  return new FreshetError("cold_unavailable", undefined, { cause: error });
}

/**
 * Weaviate 1.35 has no codes for these; the conformance suite notices when its wording changes. A
 * node of a cluster words an outage alike: what is "not found" there is the index or the shard of a
 * node that has just begun, said behind "explorer: get class:".
 */
export function isUnknownTenant(message: string): boolean {
  return /tenant not found|could not find class|class "?\w*"? ?not found(?! locally)/i.test(
    message,
  );
}

/**
 * A node of a cluster has not heard of the collection, or of the node that it asks for a tenant. It
 * will, a moment later.
 */
export function isCatchingUp(error: unknown): boolean {
  const text = error instanceof Error ? `${error.message} ${String(error.cause)}` : String(error);
  return /could not find index|non-existing index|not found locally|resolve node/i.test(text);
}

export function isInactiveTenant(message: string): boolean {
  return /tenant not active/i.test(message);
}

const clientRefusals = new Set(["WeaviateSerializationError", "WeaviateInvalidInputError"]);

/**
 * By the gRPC status that the vendor leaves in its message, and by what its client throws before it
 * sends. Half a character, for one, comes back as INTERNAL: the server cannot decode the request.
 */
export function isRefusedRequest(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (clientRefusals.has(error.name)) return true;
  return /INVALID_ARGUMENT|OUT_OF_RANGE|error unmarshalling request|message (with a size )?larger than/i.test(
    error.message,
  );
}

/**
 * It is our way to the node that broke. What a node says of its way to another one is an answer:
 * its other tenants are served.
 */
export function isConnectionError(error: unknown): boolean {
  if (error instanceof FreshetError) return false;
  if (error instanceof NoAnswerError) return true;
  if (error instanceof Error && / UNKNOWN: |status code: \d/.test(error.message)) return false;
  const text = error instanceof Error ? `${error.message} ${String(error.cause)}` : String(error);
  return /UNAVAILABLE|ECONNREFUSED|ECONNRESET|fetch failed|socket hang up|timed out|aborted|CANCELLED/i.test(
    text,
  );
}
