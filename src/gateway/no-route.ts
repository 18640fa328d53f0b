/**
 * What a request is told that no route takes: most often a base URL that is not quite right, so it
 * says what would be. In the form that the asker reads: OpenAI's, where its clients ask. Pure.
 */

import { FreshetError } from "../contract/errors.ts";

/** What OpenAI's API begins with; the engine has a part of it, and clients know all of it. */
const openAiNames =
  "assistants|audio|batches|chat|completions|containers|conversations|embeddings|evals|files|" +
  "fine_tuning|images|models|moderations|realtime|responses|threads|uploads|vector_stores|videos";
const openAiPath = new RegExp(`^/+(v1/+)*(${openAiNames})(/|$)`);
const withVersion = new RegExp(`^/v1/(${openAiNames})(/|$)`);

const bare = /^\/v1\/(answer|mcp|retrieval|healthz|readyz|metrics|docs|openapi\.json)$/;
const versioned =
  /^\/(documents|events|feedback|usage|status|merge|dead-letters|erases|webhooks|sources)(\/|$)/;

/** Whether it is a client of OpenAI's API that asks there. */
export function isOpenAiPath(url: string): boolean {
  return openAiPath.test(pathOf(url));
}

/** What listens there: an embed server has few of an engine's routes and names no others. */
export type Surface = "engine" | "embed server";

/** Never holds the path: it may name a document. */
export function noRoute(url: string, surface: Surface): FreshetError {
  const path = pathOf(url);
  const hint = slipIn(path) ?? (surface === "engine" ? hintOf(path) : embedServerHas);
  return new FreshetError("not_found", `there is no such route${hint}`);
}

const embedServerHas =
  ": an embed server has POST /v1/embeddings, GET /v1/models, /healthz and /metrics; an engine has the rest";

/** In a path that may be meant for a route of either. */
function slipIn(path: string): string | undefined {
  if (path.includes("//")) return ": it has two slashes in a row, and one is meant";
  if (path.length > 1 && path.endsWith("/")) return ": paths have no slash at their end";
  if (openAiPath.test(path) && !withVersion.test(path)) {
    return ": the base URL of OpenAI's clients ends with /v1, once";
  }
  return undefined;
}

function hintOf(path: string): string {
  if (/^\/v1\/responses\/./.test(path)) return ": responses are not kept";
  if (openAiPath.test(path)) {
    return ": of OpenAI's there are chat/completions, responses, embeddings, models and vector_stores/{tenant}/search";
  }
  if (bare.test(path)) return ": this one stands without /v1";
  if (versioned.test(path)) return ": this one begins with /v1";
  if (path.startsWith("/v1/documents/")) return ": a slash in a document's id is sent as %2F";
  return ", see /openapi.json";
}

/** A route that is there, with another method. */
export function otherMethod(url: string, methods: readonly string[]): FreshetError {
  const isAtEnd = pathOf(url).endsWith("/") && pathOf(url).length > 1;
  const slash = isAtEnd ? "; without the slash at its end it is another route" : "";
  return new FreshetError("method_not_allowed", `the route takes ${methods.join(", ")}${slash}`);
}

function pathOf(url: string): string {
  return url.replace(/^[a-z]+:\/\/[^/]*/i, "").split(/[?#]/, 1)[0] ?? "";
}
