/** What the wiring computes: pure, no actor among it. */

import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { RecordChunk } from "../../src/contract/record.ts";
import { FairShares } from "../../src/runtime/fair-shares.ts";
import type { TenantViewMessage } from "../messages.ts";
import type { TenantLimits } from "../tenant-writer/writer.ts";

export const backoff = {
  backoffMinMs: limits.restartBackoffMinMs,
  backoffMaxMs: limits.restartBackoffMaxMs,
};

export const tenantLimits: TenantLimits = {
  inFlightMax: limits.tenantInFlightMax,
  attemptsMax: limits.documentAttemptsMax,
  pullMax: limits.pullMax,
  duplicateWindowMs: limits.duplicateWindowMs,
  messageIdsPerTenantMax: limits.messageIdsPerTenantMax,
  deadLettersWaitingMax: limits.deadLettersWaitingMax,
  deadLetterRetryMaxMs: limits.deadLetterRetryMaxMs,
  backoff,
};

/**
 * A weight of zero would stop its tenant once it had its first turn; an infinite one would stop all
 * others.
 */
export function checkWeights(weights: ReadonlyMap<TenantId, number> = new Map()): void {
  for (const [tenant, weight] of weights) {
    if (Number.isFinite(weight) && weight > 0) continue;
    throw new RangeError(`the weight of tenant ${tenant} is not a number above zero`);
  }
}

/** What a message to a tenant view holds: nearly all of it is the record that it brings. */
export function recordBytes(message: TenantViewMessage): number {
  if (message.type === "loaded") return bytesOf(message.documents.flatMap(({ chunks }) => chunks));
  if (message.type !== "replay" && message.type !== "apply") return 0;
  const { record } = message;
  return record.kind === "upsert" ? bytesOf(record.body.chunks) : 0;
}

function bytesOf(chunks: readonly RecordChunk[]): number {
  return chunks.reduce(
    (sum, { text, vector, sparse }) =>
      sum + 2 * text.length + vector.byteLength + (sparse?.byteLength ?? 0),
    0,
  );
}

/** Another number at each call: a state of a view is told from every other of its node (V7). */
export function revisions(): () => number {
  let last = 0;
  return () => {
    last += 1;
    return last;
  };
}

/** `tenant/acme` counts as `tenant`: a metric label must not grow with the tenants. */
export function kindOf(actor: string): string {
  return actor.split("/", 1)[0] ?? actor;
}

/** Questions that run on a node, and as many that wait. */
export function questionShares(): FairShares {
  const total = limits.questionsInFlightMax;
  return new FairShares({ total, waitingMax: total });
}
