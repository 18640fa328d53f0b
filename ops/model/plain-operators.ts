/**
 * Attention and the embedding of tokens in operators that every provider has, for WebGPU.
 *
 * onnxruntime's WebGPU provider has no `Attention` with the lengths of rows and no
 * `EmbedLayerNormalization`: both would be computed by the CPU, with the hidden states carried to
 * and fro in each layer. Its `MultiHeadAttention` with a bias was exact at 16 tokens and off at 33
 * and more (cosine 0.9986). Products, a softmax and reshapes were exact at every length.
 */

import type { GraphBuilder } from "./graph-builder.ts";
import { dataType } from "./onnx-proto.ts";
import type { AttentionRequest, EmbeddedTokens, EmbedRequest, Operators } from "./operators.ts";

/** Added to the score of padding: e to this power is zero, and float16 can hold it. */
const maskedScore = -10_000;

export const plain: Pick<Operators, "embed" | "attention"> = { embed, attention };

/** `padding` is [batch, 1, 1, sequence], float32: what is added to the scores. */
function embed(graph: GraphBuilder, { ids, mask, weights, config }: EmbedRequest): EmbeddedTokens {
  const { hidden, positions, vocabulary } = config;
  const words = graph.constant("words", [vocabulary, hidden], weights.words);
  const places = graph.constant("positions", [positions, hidden], weights.positions);
  const sequence = graph.node({
    op: "Shape",
    inputs: [mask],
    attributes: { start: { int: 1 }, end: { int: 2 } },
  });
  const zero = graph.constant("zero", [1], BigInt64Array.of(0n));
  const summed = graph.node({
    op: "Add",
    inputs: [
      graph.node({ op: "Gather", inputs: [words, ids] }),
      graph.node({ op: "Slice", inputs: [places, zero, sequence, zero] }),
    ],
  });
  const states = graph.node({
    op: "LayerNormalization",
    inputs: [
      summed,
      graph.constant("gamma", [hidden], weights.embeddingNorm.gamma),
      graph.constant("beta", [hidden], weights.embeddingNorm.beta),
    ],
    attributes: { axis: { int: -1 }, epsilon: { float: config.layerNormEpsilon } },
  });
  return { states, padding: scoresOfPadding(graph, mask) };
}

function scoresOfPadding(graph: GraphBuilder, mask: string): string {
  const real = graph.node({
    op: "Cast",
    inputs: [mask],
    attributes: { to: { int: dataType.float } },
  });
  const one = graph.constant("one", [], Float32Array.of(1));
  const masked = graph.constant("masked", [], Float32Array.of(maskedScore));
  const absent = graph.node({ op: "Sub", inputs: [one, real] });
  const scores = graph.node({ op: "Mul", inputs: [absent, masked] });
  const axes = graph.constant("axes", [2], BigInt64Array.of(1n, 2n));
  return graph.node({ op: "Unsqueeze", inputs: [scores, axes] });
}

function attention(
  graph: GraphBuilder,
  { input, padding, weights, heads }: AttentionRequest,
): string {
  const { inputs, outputs } = weights;
  const width = outputs / 3;
  const product = graph.node({
    op: "MatMul",
    inputs: [input, graph.weight("weight", [inputs, outputs], weights.weight)],
  });
  const projected = graph.node({
    op: "Add",
    inputs: [product, graph.weight("bias", [outputs], weights.bias)],
  });
  const sizes = graph.constant("sizes", [3], BigInt64Array.from([width, width, width].map(BigInt)));
  const parts = graph.nodeWithOutputs({
    op: "Split",
    inputs: [projected, sizes],
    outputs: 3,
    attributes: { axis: { int: -1 } },
  });
  const split: Split = { graph, shape: [0, 0, heads, width / heads] };
  const [query, key, value] = parts as [string, string, string];
  const scores = graph.node({
    op: "MatMul",
    inputs: [headsOf(split, query, [0, 2, 1, 3]), headsOf(split, key, [0, 2, 3, 1])],
  });
  const scale = graph.weight("scale", [], Float32Array.of(1 / Math.sqrt(width / heads)));
  const scaled = graph.node({ op: "Mul", inputs: [scores, scale] });
  const biased = graph.node({ op: "Add", inputs: [scaled, graph.inElementType(padding)] });
  const shares = graph.node({
    op: "Softmax",
    inputs: [biased],
    attributes: { axis: { int: -1 } },
  });
  const mixed = graph.node({
    op: "MatMul",
    inputs: [shares, headsOf(split, value, [0, 2, 1, 3])],
  });
  const rows = graph.node({
    op: "Transpose",
    inputs: [mixed],
    attributes: { perm: { ints: [0, 2, 1, 3] } },
  });
  const flat = graph.constant("flat", [3], BigInt64Array.from([0n, 0n, BigInt(width)]));
  return graph.node({ op: "Reshape", inputs: [rows, flat] });
}

interface Split {
  readonly graph: GraphBuilder;
  /** [batch, sequence, heads, width of a head]; 0 keeps a dimension as it is. */
  readonly shape: readonly number[];
}

function headsOf({ graph, shape }: Split, states: string, perm: readonly number[]): string {
  const sizes = graph.constant("shape", [4], BigInt64Array.from(shape.map(BigInt)));
  const split = graph.node({ op: "Reshape", inputs: [states, sizes] });
  return graph.node({ op: "Transpose", inputs: [split], attributes: { perm: { ints: perm } } });
}
