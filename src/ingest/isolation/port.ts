/**
 * A place where a document can do no harm: a process that may die or hang because of it.
 *
 * Suspicion may be wrong (an operator who kills the engine again and again makes a suspect of
 * whatever is in hand), so it decides nothing. A suspect is processed in isolation instead, and the
 * result is used. Only a document that ends several isolated processes, each of which had just
 * shown that it works, is rejected.
 */

import type { TenantId } from "../../contract/ids.ts";
import type { Outcome } from "../../contract/outcome.ts";

export interface Isolation {
  /**
   * What becomes of the operation with this payload. One at a time, and tenants take turns.
   * @throws FreshetError embedding_unavailable (no isolated process starts, or the embedder is
   * away), embedding_failed (the model refuses the text), cancelled
   */
  process(payload: Uint8Array, signal: AbortSignal, tenant: TenantId): Promise<Outcome>;
  /** Ends the isolated process, if there is one. */
  close(): Promise<void>;
}
