/**
 * What the hot shard needs of an approximate index: built once, off the main thread, then only read.
 * Vectors that reach it went through `checkVector`.
 */

export interface Graph {
  /** Vectors in it; labels are 0 … size-1 in the order that they were given. */
  readonly size: number;
  /** Native memory, estimated. */
  readonly bytes: number;
  /** Labels of about the `k` nearest, best first; synchronous. */
  nearest(vector: Float32Array, k: number): readonly number[];
}

/** Vectors to build from, without a copy: `places[i]` of `blocks[blockOf[i]]` has label i. */
export interface GraphInput {
  readonly dimensions: number;
  /** Over SharedArrayBuffer; the places named here do not change during the build. */
  readonly blocks: readonly Float32Array[];
  readonly blockOf: Uint32Array;
  readonly places: Uint32Array;
}

export interface GraphJob {
  /** Called when the build's turn comes: until then a waiting job holds no vectors. Null: not needed any more. */
  readonly input: () => GraphInput | null;
  /** One of these is called once, unless the job was cancelled or not needed. */
  readonly done: (graph: Graph) => void;
  readonly failed: (error: unknown) => void;
}

export interface GraphBuilder {
  /** Builds one after the other. The returned function cancels; a running build is ended. */
  submit(job: GraphJob): () => void;
}
