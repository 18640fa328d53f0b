/** Pure: the event that tells a publisher what became of an operation. */

import type { DocumentEvent } from "../../src/contract/events.ts";
import { hasExpired } from "../../src/contract/expiry.ts";
import type { PlacedRecord } from "../../src/contract/record.ts";

/**
 * The event of an applied record; undefined for a fence, which answers no operation. A document
 * that has expired before it could be shown is gone, as one that was deleted.
 */
export function eventOf(
  record: PlacedRecord,
  { nowMs, publishedAtMs }: { readonly nowMs: number; readonly publishedAtMs: number },
): DocumentEvent | undefined {
  const ms = Math.max(0, nowMs - publishedAtMs);
  const seq = record.version;
  switch (record.kind) {
    case "upsert":
      return {
        ...{ id: record.documentId, seq, ms },
        status: hasExpired(record.body.info, nowMs) ? "deleted" : "visible",
      };
    case "delete":
      return { id: record.documentId, seq, status: "deleted", ms };
    case "reject": {
      const { documentId: id, reason, message } = record;
      return { id, seq, status: "rejected", reason, message, ms };
    }
    case "duplicate":
      return { id: null, seq, status: "superseded", ms };
    case "fence":
      return undefined;
  }
}
