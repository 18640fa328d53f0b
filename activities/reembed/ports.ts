/** What the steps of a re-embedding need beside what merges have. */

import type { Generation } from "../../src/contract/generation.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { MergePorts } from "../context.ts";

/** A loaded model. Its texts are redacted already. */
export interface TextEncoder {
  /** Of vectors, kept with each record. */
  readonly fingerprint: string;
  /** `encodeProbe` of what it makes of a sentence. */
  readonly probe: string;
  /** @throws FreshetError embedding_failed, embedding_unavailable, cancelled */
  readonly encode: (
    texts: readonly string[],
    signal: AbortSignal | undefined,
  ) => Promise<readonly Float32Array[]>;
}

export interface ReembedPorts extends MergePorts {
  /**
   * Runs with the model, which is loaded when it is first used and closed some time after.
   * @throws FreshetError embedding_unavailable (not installed), model_mismatch
   */
  readonly withEncoder: <Result>(
    of: Pick<Generation, "model" | "probe">,
    work: (encoder: TextEncoder) => Promise<Result>,
  ) => Promise<Result>;
  readonly requestMerge: (name: TenantId) => Promise<void>;
  readonly cancelMerge: (name: TenantId) => Promise<unknown>;
  /** How long a turn may take; `limits.reembedTurnMs` by default. */
  readonly turnMs?: number | undefined;
}
