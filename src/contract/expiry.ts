/**
 * When a document has expired. One rule for hot, cold, heads and merges: from `expiresAtMs` on,
 * that millisecond included, nothing shows it.
 */

import type { DocumentInfo } from "./record.ts";

export function hasExpired(
  { expiresAtMs }: Pick<DocumentInfo, "expiresAtMs">,
  nowMs: number,
): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= nowMs;
}
