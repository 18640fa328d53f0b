/** A model that reads question and passage together and says how well they fit. */

export interface RerankRequest {
  /** Redacted. */
  readonly query: string;
  /** Redacted, as they are stored; at most `limits.rerankCandidates`, or as many as are shown. */
  readonly texts: readonly string[];
  readonly signal: AbortSignal;
}

export interface Reranker {
  /** What it calls itself in logs. */
  readonly name: string;
  /**
   * A number for each text, in their order; higher is better. All of them or none: a ranking of
   * half of the passages would put the other half anywhere.
   * @throws FreshetError model_unavailable, cancelled when the signal aborts
   */
  scores(request: RerankRequest): Promise<readonly number[]>;
  close(): Promise<void>;
}
