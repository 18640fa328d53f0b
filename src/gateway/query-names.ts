/** Names in a query string that a route knows. */

import type { FastifyRequest } from "fastify";
import { FreshetError } from "../contract/errors.ts";

/**
 * A hook for routes that are read page by page. A name that is not known is refused, as a field of
 * a body is: with `since` in place of `after` a reader would begin elsewhere than it means to, and
 * lose events or read its first page for ever.
 */
export function takesOnly(...names: readonly string[]): (request: FastifyRequest) => Promise<void> {
  return async ({ query }) => {
    if (Object.keys(query as object).every((name) => names.includes(name))) return;
    const known = names.join(" and ");
    throw new FreshetError("invalid_request", `the query string takes ${known}, nothing else`);
  };
}
