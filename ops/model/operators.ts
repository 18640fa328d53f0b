/**
 * The two operators that carry nearly all of the arithmetic, in the precisions that we compile.
 * A new precision is a new value of this shape; the rest of the graph does not change.
 */

import type { Precision } from "../../src/embedding/precision.ts";
import type { Linear } from "./encoder-weights.ts";
import type { ElementType, GraphBuilder } from "./graph-builder.ts";
import { quantizeColumns } from "./quantize.ts";

export const contrib = "com.microsoft";

export interface AttentionRequest {
  readonly input: string;
  /** [batch], the tokens of each row; padding follows them. */
  readonly lengths: string;
  readonly weights: Linear;
  readonly heads: number;
}

export interface Operators {
  readonly element: ElementType;
  /** x * weight, without the bias, which the next operator adds. */
  multiply(graph: GraphBuilder, input: string, weights: Linear): string;
  /** Multi-head self-attention, before its output projection. */
  attention(graph: GraphBuilder, request: AttentionRequest): string;
}

const floatingPoint: Omit<Operators, "element"> = {
  multiply(graph, input, { inputs, outputs, weight }) {
    const constant = graph.weight("weight", [inputs, outputs], weight);
    return graph.node({ op: "MatMul", inputs: [input, constant] });
  },
  attention(graph, { input, lengths, weights, heads }) {
    const weight = graph.weight("weight", [weights.inputs, weights.outputs], weights.weight);
    const bias = graph.weight("bias", [weights.outputs], weights.bias);
    return graph.node({
      op: "Attention",
      domain: contrib,
      inputs: [input, weight, bias, lengths],
      attributes: { num_heads: { int: heads } },
    });
  },
};

const fp32: Operators = { element: "float", ...floatingPoint };

/**
 * For GPUs: onnxruntime's CUDA provider has float16 kernels of all operators in the layers
 * (OperatorKernels in its documentation). Its CPU provider lacks most of them and puts casts
 * around: the graph runs there, rounded between operators as on a GPU, and no faster than fp32.
 */
const fp16: Operators = { element: "float16", ...floatingPoint };

/**
 * Arithmetic in int8, not only storage: activations are quantized as they come (uint8, per tensor),
 * weights are stored as int8 per column, and the products run on the CPU's int8 units (VNNI).
 * Softmax, GELU and norms stay in fp32 inside the fused operators. As the activations' scale is one
 * per tensor, a text's vector depends a little on what else is in its batch.
 */
const int8: Operators = {
  element: "float",
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
  attention(graph, { input, lengths, weights, heads }) {
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
        graph.weight("bias", [weights.outputs], weights.bias),
        scale,
        graph.constant("scale", [weights.outputs], scales),
        lengths,
        zeroPoint,
      ],
      attributes: { num_heads: { int: heads } },
    });
  },
};

export const operatorsOf: Readonly<Record<Precision, Operators>> = { fp32, int8, fp16 };
