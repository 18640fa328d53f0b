/** When an operation that comes out of the log is processed: at once, or as its rate allows. */

import type { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Quotas } from "../../src/contract/quota.ts";
import type { KeptOperation } from "../directory/bytes.ts";

export interface WriterQuotas extends Pick<Quotas, "takeIn" | "limitsPublishing"> {
  /** Why the tenant may not store more, where no merge helps; undefined while it may. */
  refusalOfLogged(tenant: TenantId): FreshetError | undefined;
}

/** How long the next operation has to wait, milliseconds; it is charged now. */
export function waitMsFor(
  quotas: WriterQuotas,
  tenant: TenantId,
  { payload, tooLargeBytes }: KeptOperation,
): number {
  const bytes = tooLargeBytes ?? payload.byteLength;
  const isDelete = quotas.limitsPublishing({ tenant }) && looksLikeDelete(payload);
  return quotas.takeIn(tenant, { bytes, isDelete });
}

const decoder = new TextDecoder();

/** Only the wait depends on it: what it really is says the full parse, later. */
function looksLikeDelete(payload: Uint8Array): boolean {
  if (payload.byteLength > limits.quotaDeleteBytesMax) return false;
  const text = decoder.decode(payload);
  if (!text.includes("delete")) return false;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && "op" in value && value.op === "delete";
  } catch {
    return false;
  }
}
