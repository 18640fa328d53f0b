/**
 * Whether several tenants use an embedder, and what a batch may take then. Pure.
 *
 * A text that comes meets the batches that were handed over and goes in the next one. While its
 * tenant is alone it can only wait for itself, and large batches save overhead. With others there,
 * all of these together take the time of one batch: so a flood makes nobody wait for more (I9).
 */

import { limits } from "../contract/limits.ts";
import type { BatchLimits } from "./batching.ts";

export interface Company {
  /** Whose request came last. */
  readonly tenant: string | undefined;
  readonly untilMs: number;
}

export const noCompany: Company = { tenant: undefined, untilMs: Number.NEGATIVE_INFINITY };

/** After a request has come. */
export function joinedBy(company: Company, tenant: string, nowMs: number): Company {
  const isAnother = company.tenant !== undefined && company.tenant !== tenant;
  return { tenant, untilMs: isAnother ? nowMs + limits.embedCompanyMs : company.untilMs };
}

export interface Backend {
  readonly batchesInFlightMax: number;
  readonly batchesAtOnceMax: number;
}

export function limitsIn(
  company: Company,
  batch: BatchLimits,
  { batchesInFlightMax, batchesAtOnceMax, nowMs }: Backend & { readonly nowMs: number },
): BatchLimits {
  if (nowMs >= company.untilMs) return batch;
  const oneAfterTheOther = Math.ceil(batchesInFlightMax / batchesAtOnceMax) + 1;
  return { ...batch, predictedMsMax: batch.predictedMsMax / oneAfterTheOther };
}
