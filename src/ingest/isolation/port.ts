/**
 * A place where a document can do no harm: a process of its own, which may die or hang of it.
 *
 * Suspicion is cheap and may be wrong (an operator who kills the engine again and again makes a suspect of whatever is
 * in hand), so it is never a verdict. A suspect is worked on in isolation instead, and its result is used. Only a
 * document that ends the isolated process again and again, each a fresh one that has just shown that it works, is
 * rejected.
 */

import type { TenantId } from "../../contract/ids.ts";
import type { Outcome } from "../../contract/outcome.ts";

export interface Isolation {
  /**
   * What becomes of the operation with this payload. One at a time, and tenants take turns.
   * @throws FreshetError embedding_unavailable (no isolated process starts, or the embedder is away),
   * embedding_failed (the model refuses the text), cancelled
   */
  process(payload: Uint8Array, signal: AbortSignal, tenant: TenantId): Promise<Outcome>;
  /** Ends the isolated process, if there is one. */
  close(): Promise<void>;
}
