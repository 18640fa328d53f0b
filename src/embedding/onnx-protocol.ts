/**
 * What crosses between the main thread and an embedding worker: one message per batch each way, its
 * numbers in one buffer. Pure; both sides import it.
 */

import { padTokensTo } from "./batching.ts";
import type { Lane } from "./port.ts";
import type { EmbedProvider } from "./precision.ts";

/** Given at the start; the session's settings cannot change while it lives. */
export interface WorkerSettings {
  readonly graphFile: string;
  readonly provider: EmbedProvider;
  readonly dimensions: number;
  readonly threads: number;
  /**
   * Added to the thread's own: a lane of bulk work lets everything else on the machine go first.
   */
  readonly niceness: number;
  /** A copy of onnxruntime's npm package to load instead of our own: one with CUDA beside it. */
  readonly runtimeModule?: string | undefined;
  /** Of a graph that weighs words: the reply holds at most so many of a text (sparse-rows.ts). */
  readonly sparseTermsMax?: number | undefined;
}

export type WorkerRequest =
  | {
      readonly kind: "embed";
      readonly id: number;
      readonly lane: Lane;
      readonly rows: number;
      readonly columns: number;
      /** int32 ids, rows x columns, then the mask in the same shape. */
      readonly buffer: ArrayBuffer;
    }
  | { readonly kind: "close" };

export type WorkerReply =
  | { readonly kind: "ready" }
  /** By a process, instead of `ready`: it ends. A thread ends with its error. */
  | { readonly kind: "unusable"; readonly message: string }
  | { readonly kind: "embedded"; readonly id: number; readonly vectors: Float32Array<ArrayBuffer> }
  | { readonly kind: "failed"; readonly id: number; readonly message: string };

export interface PackedBatch {
  readonly rows: number;
  readonly columns: number;
  readonly buffer: ArrayBuffer;
}

/**
 * Pads to the batch's longest text, rounded up, so that the shapes an arena has to hold stay few.
 * On a CPU a text alone is as long as it is: there are few such shapes, and padding costs a short
 * question up to a quarter of its time. A device may compile its kernels for each shape.
 */
export function packBatch(texts: readonly Int32Array[], provider: EmbedProvider): PackedBatch {
  const longest = texts.reduce((max, tokens) => Math.max(max, tokens.length), 1);
  const rows = texts.length;
  const padTo = provider === "cpu" && rows === 1 ? 1 : padTokensTo;
  const columns = Math.ceil(longest / padTo) * padTo;
  const cells = rows * columns;
  const values = new Int32Array(2 * cells);
  for (const [row, tokens] of texts.entries()) {
    const start = row * columns;
    values.set(tokens, start);
    values.fill(1, cells + start, cells + start + tokens.length);
  }
  return { rows, columns, buffer: values.buffer };
}

/** Views on the two halves of a packed batch; nothing is copied. */
export function unpackBatch(batch: PackedBatch): { ids: Int32Array; mask: Int32Array } {
  const cells = batch.rows * batch.columns;
  return {
    ids: new Int32Array(batch.buffer, 0, cells),
    mask: new Int32Array(batch.buffer, cells * Int32Array.BYTES_PER_ELEMENT, cells),
  };
}
