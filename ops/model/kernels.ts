/**
 * The two operators that carry nearly all of the arithmetic, in the precisions that we compile.
 * A new precision is a new value of this shape; the rest of the graph does not change.
 */

import type { Linear } from "./encoder-weights.ts";
import type { GraphBuilder } from "./graph-builder.ts";
import { quantizeColumns } from "./quantize.ts";

export const contrib = "com.microsoft";

export type Variant = "fp32" | "int8";

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

/**
 * Arithmetic in int8, not only storage: activations are quantized as they come (uint8, per tensor), weights
 * are stored as int8 per column, and the products run on the CPU's int8 units (VNNI). Softmax, GELU and
 * norms stay in fp32 inside the fused operators. As the activations' scale is one per tensor, a text's
 * vector depends a little on what else is in its batch.
 */
const int8: Kernels = {
  multiply(graph, input, weights) {
    const { values, scales } = quantizeColumns(weights);
    return graph.node({
      op: "DynamicQuantizeMatMul",
      domain: contrib,
      inputs: [
        input,
        graph.constant("weight", [weights.inputs, weights.outputs], values),
        graph.constant("scale", [weights.outputs], scales),
      ],
    });
  },
  attention(graph, { input, mask, weights, heads }) {
    const { values, scales } = quantizeColumns(weights);
    const quantized = graph.nodeWithOutputs({
      op: "DynamicQuantizeLinear",
      inputs: [input],
      outputs: 3,
    });
    const [value, scale, zeroPoint] = quantized as [string, string, string];
    return graph.node({
      op: "QAttention",
      domain: contrib,
      inputs: [
        value,
        graph.constant("weight", [weights.inputs, weights.outputs], values),
        graph.constant("bias", [weights.outputs], weights.bias),
        scale,
        graph.constant("scale", [weights.outputs], scales),
        mask,
        zeroPoint,
      ],
      attributes: { num_heads: { int: heads } },
    });
  },
};

export const kernelsOf: Readonly<Record<Variant, Kernels>> = { fp32, int8 };
