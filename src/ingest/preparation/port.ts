/** Where documents are prepared, as the engine sees it. */

import type { DocumentId, TenantId } from "../../contract/ids.ts";
import type { Prepared } from "../prepare-payload.ts";

export interface PrepareJob {
  readonly tenant: TenantId;
  readonly payload: Uint8Array;
  readonly documentTextBytesMax: number;
  /** Called as soon as the document's id is known, before anything is done with its text. */
  readonly named: (id: DocumentId) => void;
}

export interface Preparation {
  /**
   * @throws FreshetError one that `isLost` (embedding/failures.ts) when the document's thread died
   * or took too long: the document may be the reason; `embedding_unavailable` when no thread
   * starts; `overloaded` when too many of the tenant's documents wait; `cancelled`; what preparing
   * throws
   */
  prepare(job: PrepareJob, signal: AbortSignal): Promise<Prepared>;
  /** Ends its threads; what waits is refused with `cancelled`. */
  close(): Promise<void>;
}
