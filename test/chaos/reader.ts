/**
 * A reader: asks for whole buckets, through any engine, all the time, also while everything fails.
 *
 * Owns: what it has seen so far of each tenant. Never: judges a reply; the truth does.
 */

import type { TenantId } from "../../src/contract/ids.ts";
import type { Answer } from "../../src/contract/query.ts";
import type { Outcome } from "./burn-rate.ts";
import type { Observation } from "./check-answer.ts";
import type { History } from "./history.ts";
import { bucketName, bucketsPerTenant, makeQuestion, topK } from "./operations.ts";
import type { Random } from "./random.ts";

export interface ReaderOptions {
  readonly random: Random;
  readonly tenants: readonly TenantId[];
  readonly history: History;
  readonly engines: () => readonly { readonly name: string; readonly url: string }[];
  /** Newest acked operation of a tenant; 0 when there is none. */
  readonly lastAcked: (tenant: TenantId) => number;
  /** Highest `visible_seq` that any reader has heard of a tenant, and where that is kept. */
  readonly floors: Map<TenantId, number>;
  /** Where the log ends now, for replies that name no version. */
  readonly lastPublished: () => Promise<number>;
  readonly observe: (observation: Observation) => void;
  /** What became of each question, as the objective of answers sees it. */
  readonly replied: (outcome: Outcome) => void;
}

export type Reply =
  | { readonly kind: "answered"; readonly observation: Observation }
  | { readonly kind: "failed"; readonly code: string };

const waitMs = 3_000;
const deadlineMs = 5_000;
const requestMs = 7_000;

/** What a client has to live with while parts are down. Any other code is a fault of ours. */
const excused = new Set([
  "not_ready",
  "overloaded",
  "not_visible_yet",
  "too_stale",
  "deadline_exceeded",
  "log_unavailable",
  "cold_unavailable",
  "embedding_unavailable",
  "cancelled",
  // No typed reply at all: the process died or hangs.
  "no_reply",
]);

export interface Asked {
  readonly tenant: TenantId;
  readonly bucket: string;
  readonly minSeq: number;
  /** Asked for by `max_staleness_ms: 0`, without saying it. */
  readonly withoutToken?: boolean;
}

export function chooseQuestion({ random, tenants, lastAcked }: ReaderOptions): Asked {
  const tenant = random.pick(tenants);
  const minSeq = random.chance(0.3) ? lastAcked(tenant) : 0;
  const bucket = bucketName(random.int(0, bucketsPerTenant - 1));
  return { tenant, bucket, minSeq, withoutToken: random.chance(0.5) };
}

/** One question and what became of it; a reply that is no excuse goes into the history. */
export async function askOnce(options: ReaderOptions, asked: Asked): Promise<Reply> {
  const reply = await askAndJudge(options, asked);
  options.replied(outcomeOf(reply));
  return reply;
}

/** Whoever died counted nothing, or did, and a cancelled question is nobody's fault. */
function outcomeOf(reply: Reply): Outcome {
  if (reply.kind === "answered") return "good";
  return reply.code === "no_reply" || reply.code === "cancelled" ? "unknown" : "bad";
}

async function askAndJudge(options: ReaderOptions, asked: Asked): Promise<Reply> {
  const { random, history, engines, floors, observe } = options;
  const { name: node, url } = random.pick(engines());
  const { tenant, bucket, minSeq } = asked;
  const floor = floors.get(tenant) ?? 0;
  const answer = await request(url, asked, makeQuestion(random));
  const seen = { tenant, bucket, node, floor, minSeq, atMs: Date.now() };
  if ("code" in answer) {
    if (answer.code === "no_results") {
      const lastPublished = await options.lastPublished();
      const observation = { ...seen, result: { kind: "nothing" as const, lastPublished } };
      observe(observation);
      return { kind: "answered", observation };
    }
    if (!excused.has(answer.code)) {
      history.violation("answer", `${tenant}/${bucket} by ${node}: error ${answer.code}`);
    }
    return { kind: "failed", code: answer.code };
  }
  const { visible_seq: visible, coverage, sources } = answer;
  floors.set(tenant, Math.max(floors.get(tenant) ?? 0, visible));
  const observation: Observation = {
    ...seen,
    generation: answer.origin?.generation ?? 1,
    result: {
      kind: "found",
      visible,
      cold: coverage.cold,
      sources: sources.map(({ id, version, chunk, shard }) => ({ id, version, chunk, shard })),
    },
  };
  observe(observation);
  return { kind: "answered", observation };
}

async function request(
  url: string,
  { tenant, bucket, minSeq, withoutToken = false }: Asked,
  query: string,
): Promise<Answer | { readonly code: string }> {
  try {
    const response = await fetch(`${url}/answer`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-tenant": tenant },
      body: JSON.stringify({
        query,
        mode: "search",
        top_k: topK,
        filter: { "metadata.bucket": bucket },
        deadline_ms: deadlineMs,
        ...(minSeq === 0 ? {} : { wait_ms: waitMs }),
        ...(minSeq === 0 ? {} : withoutToken ? { max_staleness_ms: 0 } : { min_seq: minSeq }),
      }),
      signal: AbortSignal.timeout(requestMs),
    });
    const body = (await response.json()) as Answer & { readonly code?: string };
    return response.ok ? body : { code: String(body.code) };
  } catch {
    return { code: "no_reply" };
  }
}
