/** Where documents are prepared: what the engine sees of it. */

import type { DocumentId, TenantId } from "../../contract/ids.ts";
import type { Prepared } from "../prepared.ts";

export interface PrepareJob {
  readonly tenant: TenantId;
  readonly payload: Uint8Array;
  readonly documentTextBytesMax: number;
  /** Called as soon as the document's id is known, before anything is done with its text. */
  readonly named: (id: DocumentId) => void;
}

export interface Preparation {
  /**
   * @throws FreshetError one that `isLost` (embedding/failures.ts) when the document's thread died or took too long:
   * the document may be the reason; `embedding_unavailable` when no thread starts; `overloaded` when too many of the
   * tenant's documents wait; `cancelled`; whatever preparing throws
   */
  prepare(job: PrepareJob, signal: AbortSignal): Promise<Prepared>;
  /** Ends its threads; whoever waits is refused. */
  close(): Promise<void>;
}
