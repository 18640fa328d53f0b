/**
 * The operators that differ between variants: the two that carry nearly all of the arithmetic, and
 * the embedding of tokens. A new variant is a new value of this shape; the rest of the graph does
 * not change.
 */

import type { EncoderConfig } from "./encoder-config.ts";
import type { EncoderWeights, Linear } from "./encoder-weights.ts";
import type { ElementType, GraphBuilder } from "./graph-builder.ts";
import { quantizeColumns } from "./quantize.ts";

export const contrib = "com.microsoft";

export interface EmbedRequest {
  /** [batch, sequence], int32. */
  readonly ids: string;
  /** [batch, sequence], int32: 1 for a token, 0 for the padding that follows them. */
  readonly mask: string;
  readonly weights: EncoderWeights;
  readonly config: EncoderConfig;
}

export interface EmbeddedTokens {
  /** [batch, sequence, hidden], float32. */
  readonly states: string;
  /** What `attention` of the same variant is told of padding. */
  readonly padding: string;
}

export interface AttentionRequest {
  readonly input: string;
  readonly padding: string;
  readonly weights: Linear;
  readonly heads: number;
}

export interface Operators {
  readonly element: ElementType;
  /** Words and positions, added and normalised. */
  embed(graph: GraphBuilder, request: EmbedRequest): EmbeddedTokens;
  /** x * weight, without the bias, which the next operator adds. */
  multiply(graph: GraphBuilder, input: string, weights: Linear): string;
  /** Multi-head self-attention, before its output projection. */
  attention(graph: GraphBuilder, request: AttentionRequest): string;
}

/** `padding` is [batch]: the tokens of each row. */
function embedFused(
  graph: GraphBuilder,
  { ids, mask, weights, config }: EmbedRequest,
): EmbeddedTokens {
  const { hidden, positions, vocabulary } = config;
  const inputs = [
    ids,
    "", // no token types: type 0 is part of the position embeddings
    graph.constant("words", [vocabulary, hidden], weights.words),
    graph.constant("positions", [positions, hidden], weights.positions),
    "",
    graph.constant("gamma", [hidden], weights.embeddingNorm.gamma),
    graph.constant("beta", [hidden], weights.embeddingNorm.beta),
    mask,
  ];
  const outputs = graph.nodeWithOutputs({
    op: "EmbedLayerNormalization",
    domain: contrib,
    inputs,
    outputs: 2,
    attributes: { epsilon: { float: config.layerNormEpsilon } },
  });
  const [states, lengths] = outputs as [string, string];
  return { states, padding: lengths };
}

const floatingPoint: Omit<Operators, "element"> = {
  embed: embedFused,
  multiply(graph, input, { inputs, outputs, weight }) {
    const constant = graph.weight("weight", [inputs, outputs], weight);
    return graph.node({ op: "MatMul", inputs: [input, constant] });
  },
  attention(graph, { input, padding, weights, heads }) {
    const weight = graph.weight("weight", [weights.inputs, weights.outputs], weights.weight);
    const bias = graph.weight("bias", [weights.outputs], weights.bias);
    return graph.node({
      op: "Attention",
      domain: contrib,
      inputs: [input, weight, bias, padding],
      attributes: { num_heads: { int: heads } },
    });
  },
};

export const fp32: Operators = { element: "float", ...floatingPoint };

/**
 * For GPUs: onnxruntime's CUDA provider has float16 kernels of all operators in the layers
 * (OperatorKernels in its documentation). Its CPU provider lacks most of them and puts casts
 * around: the graph runs there, rounded between operators as on a GPU, and no faster than fp32.
 */
export const fp16: Operators = { element: "float16", ...floatingPoint };

/**
 * Arithmetic in int8, not only storage: activations are quantized as they come (uint8, per tensor),
 * weights are stored as int8 per column, and the products run on the CPU's int8 units (VNNI).
 * Softmax, GELU and norms stay in fp32 inside the fused operators. As the activations' scale is one
 * per tensor, a text's vector depends a little on what else is in its batch.
 */
export const int8: Operators = {
  element: "float",
  embed: embedFused,
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
  attention(graph, { input, padding, weights, heads }) {
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
        padding,
        zeroPoint,
      ],
      attributes: { num_heads: { int: heads } },
    });
  },
};
