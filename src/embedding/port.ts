/**
 * Text to vectors: what the rest of Freshet sees of any embedder (in process, remote, or in
 * memory).
 */

/** One text with its token ids. An adapter uses whichever of the two its model takes. */
export interface EmbedInput {
  readonly text: string;
  /** Ids including [CLS] and [SEP]; at least one, at most `model.maxTokens`. */
  readonly tokens: Int32Array;
}

/**
 * A query never waits for an ingest batch, so each lane has its own worker and its own queue.
 */
export type Lane = "query" | "ingest";

export interface EmbeddingModel {
  readonly name: string;
  readonly dimensions: number;
  readonly maxTokens: number;
  /**
   * Names what computed a vector, down to the precision; it is kept with each record. Whether two
   * of them may be compared is decided by what they compute (model-probe.ts).
   */
  readonly fingerprint: string;
}

export interface EmbedOptions {
  readonly lane: Lane;
  /** An aborted call rejects with `cancelled` and its work is dropped where it has not begun. */
  readonly signal?: AbortSignal | undefined;
}

export type Embedder = Encoder<Float32Array>;

/** Of vectors of one kind. */
export interface Encoder<Vector> {
  readonly model: EmbeddingModel;

  /**
   * Vectors (dense ones finite and of unit length), one per input and in the order of the inputs.
   * A batch succeeds or fails as a whole. Errors (FreshetError): `embedding_failed` when the model
   * refuses the batch, `embedding_unavailable` while it restarts or after `close`, `overloaded`
   * when the lane's queue is full, `cancelled` on abort.
   */
  embed(batch: readonly EmbedInput[], options: EmbedOptions): Promise<Vector[]>;

  /**
   * Where it is in other processes: resolves while one of them may have work.
   * @throws FreshetError embedding_unavailable
   */
  ping?(): Promise<void>;

  /** Rejects what waits, lets what runs finish, and resolves once nothing is left running. */
  close(): Promise<void>;
}

/** Says what each token of a text is. */
export interface TokenClassifier {
  /** In the order of a token's values. */
  readonly labels: readonly string[];
  /** A value of every label, one token's after another's. @throws FreshetError embedding_failed */
  readonly classify: (tokens: Int32Array) => Promise<Float32Array>;
}

export interface ClassifierFiles {
  /** Holds `config.json` and `tokenizer.json`. */
  readonly modelDir: string;
  /** A graph made by `ops/model`. */
  readonly graphFile: string;
}
