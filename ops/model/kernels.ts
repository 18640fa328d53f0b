/**
 * The two operators that carry nearly all of the arithmetic, in the precisions that we compile.
 * A new precision is a new value of this shape; the rest of the graph does not change.
 */

import type { Linear } from "./encoder-weights.ts";
import type { GraphBuilder } from "./graph-builder.ts";

export const contrib = "com.microsoft";

export type Variant = "fp32";

export interface AttentionRequest {
  readonly input: string;
  /** [batch, sequence], 1 for a token and 0 for padding. */
  readonly mask: string;
  readonly weights: Linear;
  readonly heads: number;
}

export interface Kernels {
  /** x * weight, without the bias, which the operator behind it adds. */
  multiply(graph: GraphBuilder, input: string, weights: Linear): string;
  /** Multi-head self-attention, before its output projection. */
  attention(graph: GraphBuilder, request: AttentionRequest): string;
}

const fp32: Kernels = {
  multiply(graph, input, { inputs, outputs, weight }) {
    const constant = graph.constant("weight", [inputs, outputs], weight);
    return graph.node({ op: "MatMul", inputs: [input, constant] });
  },
  attention(graph, { input, mask, weights, heads }) {
    const weight = graph.constant("weight", [weights.inputs, weights.outputs], weights.weight);
    const bias = graph.constant("bias", [weights.outputs], weights.bias);
    return graph.node({
      op: "Attention",
      domain: contrib,
      inputs: [input, weight, bias, mask],
      attributes: { num_heads: { int: heads } },
    });
  },
};

export const kernelsOf: Readonly<Record<Variant, Kernels>> = { fp32 };
