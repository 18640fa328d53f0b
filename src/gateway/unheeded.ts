/**
 * What a request that changes something asks for and would not get. Other APIs take a dry run or a
 * version in the query string, and HTTP has conditions (`If-Match`): a write that passed them over
 * would delete, erase or overwrite what its sender meant to keep, and say that all is well.
 */

import type { FastifyInstance } from "fastify";
import { FreshetError } from "../contract/errors.ts";
import { openAiPaths } from "./openai/routes.ts";
import { webhookPath } from "./webhook-route.ts";

const conditions = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];

/** Senders of webhooks add names of their own; OpenAI's clients name a version of its API. */
const foreignPaths: ReadonlySet<string> = new Set([webhookPath, ...Object.values(openAiPaths)]);

/** After a caller is known: strangers learn no more from it than before. */
export function refuseUnheeded(app: FastifyInstance): void {
  app.addHook("preParsing", async ({ method, routeOptions, headers, query }) => {
    const { url = "" } = routeOptions;
    if (method !== "POST" && method !== "DELETE") return;
    if (!url.startsWith("/v1/") || foreignPaths.has(url)) return;
    if (Object.keys(query as object).length > 0) {
      throw new FreshetError("invalid_request", "this request takes nothing in its query string");
    }
    const condition = conditions.find((name) => headers[name] !== undefined);
    if (condition === undefined) return;
    const says = `writes take no conditions (${condition}): the last operation on an id counts`;
    throw new FreshetError("invalid_request", says);
  });
}
