/**
 * Requests that nobody waits for. weaviate-client starts some beside those that it answers for, and when the server goes
 * away at that moment their failure ends the process as an unhandled rejection (seen under chaos, 3.14). Whoever did
 * wait has its own error; any other unhandled rejection still ends the process.
 */

import process from "node:process";

/** A failed `fetch`, as Node's own client rejects it: the only kind of failure that is let go. */
export function isStrayRequest(reason: unknown): boolean {
  return reason instanceof TypeError && /^(fetch failed|terminated)$/.test(reason.message);
}

/** Call once per process, before anything connects. */
export function surviveStrayRequests(): void {
  process.on("unhandledRejection", (reason) => {
    if (!isStrayRequest(reason)) throw reason;
    const cause = reason instanceof Error && reason.cause instanceof Error ? reason.cause : reason;
    process.stderr.write(`freshet: a request that nobody waits for failed: ${String(cause)}\n`);
  });
}
