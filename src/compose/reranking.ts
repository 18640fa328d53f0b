/** The reranker of an engine, where one is set up. */

import type { Reranking } from "../../actors/question/ranking.ts";
import { createRemoteReranker } from "../retrieval/remote-reranker.ts";
import type { Foundation } from "./foundation.ts";
import type { Stack } from "./stack.ts";

export function openReranking({ config }: Foundation, stack: Stack): Reranking | undefined {
  if (config.reranker === undefined) return undefined;
  const { timeoutMs: deadlineMs, ...link } = config.reranker;
  const reranker = stack.push("reranker", createRemoteReranker(link), (part) => part.close());
  return { reranker, deadlineMs };
}
