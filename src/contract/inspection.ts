/** What servers say of themselves when somebody looks whether all is well. Facts, no judgement. */

export interface NatsFacts {
  readonly version: string;
  /** Its `max_payload`, and the text of a document that fits in any case. */
  readonly payloadBytesMax: number;
  readonly documentTextBytesMax: number;
  /** Undefined: no JetStream for this account. */
  readonly jetStream:
    | {
        readonly storedBytes: number;
        /** Below zero: unlimited. */
        readonly storedBytesMax: number;
      }
    | undefined;
  readonly streams: readonly StreamFacts[];
  /** The server's clock less this machine's; undefined where no stream tells. */
  readonly clockOffsetMs: number | undefined;
}

export interface StreamFacts {
  readonly name: string;
  readonly isThere: boolean;
  readonly bytes: number;
  /** Below zero: unlimited. */
  readonly bytesMax: number;
  readonly replicas: number;
  readonly partitions: number | undefined;
  /** What is set otherwise than Freshet sets it, in words. */
  readonly differs: readonly string[];
}

export interface TemporalFacts {
  readonly version: string;
  readonly namespace: string;
  readonly hasNamespace: boolean;
  /** Of the merges' task queue. */
  readonly pollers: { readonly workflows: number; readonly activities: number };
}
