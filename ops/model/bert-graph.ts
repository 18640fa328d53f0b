/**
 * The fused graph of a BERT encoder: ids and mask in, out one unit vector per row, or, of a token
 * classifier, the values of all labels for each token.
 *
 * Fused operators (com.microsoft) replace the dozens of small ones of an export, and pooling and
 * normalisation are inside, so [batch, hidden] crosses to JavaScript and not [batch, sequence,
 * hidden]. Ids and mask are int32, which the fused operators want and which JavaScript fills
 * without BigInt. A row's padding follows its tokens: fused attention gets the length of each row,
 * as the fastest kernels of CUDA want it, and plain attention (plain-operators.ts) a bias.
 *
 * Layers compute in the element type of the variant. What comes before and after them is float32 in
 * every variant, and so is the embedding:
 * - the norm of the embeddings, because the CUDA kernel sums squares over the width in the element
 *   type, and those of embeddings (1e-5 each) are below float16's normal range;
 * - pooling, because a sum over hundreds of tokens loses the low bits of each in float16;
 * - the unit length, because it is a sum of squares.
 */

import type { EncoderConfig } from "./encoder-config.ts";
import type { EncoderLayer, EncoderWeights, LayerNorm, Linear } from "./encoder-weights.ts";
import { type ElementType, GraphBuilder } from "./graph-builder.ts";
import { dataType, type Graph, type OperatorSet } from "./onnx-proto.ts";
import { contrib, type EmbeddedTokens, type Operators } from "./operators.ts";
import { termWeights } from "./term-head.ts";

export const operatorSets: readonly OperatorSet[] = [
  { domain: "", version: 17 },
  { domain: contrib, version: 1 },
];

const inputIds = "input_ids";
const attentionMask = "attention_mask";
const embedding = "embedding";
const logits = "logits";

interface Context {
  readonly graph: GraphBuilder;
  readonly config: EncoderConfig;
  readonly operators: Operators;
}

export function bertGraph(
  config: EncoderConfig,
  weights: EncoderWeights,
  operators: Operators,
): Graph {
  const graph = new GraphBuilder(operators.element);
  const context: Context = { graph, config, operators };
  const tokens = operators.embed(graph, { ids: inputIds, mask: attentionMask, weights, config });
  let hidden = fromFloat(context, tokens.states);
  for (const layer of weights.layers) {
    hidden = encoderLayer(context, layer, { ...tokens, states: hidden });
  }
  const dims = ["batch", "sequence"];
  const inputs = [
    { name: inputIds, type: dataType.int32, dims },
    { name: attentionMask, type: dataType.int32, dims },
  ];
  if (weights.labels !== undefined) {
    graph.rename(classify(context, hidden, weights.labels), logits);
    const output = [...dims, weights.labels.outputs];
    return graph.build("bert_token_classifier", inputs, [
      { name: logits, type: dataType.float, dims: output },
    ]);
  }
  if (weights.terms !== undefined) {
    const states = toFloat(context, hidden);
    const { layerNormEpsilon: epsilon } = config;
    const request = { head: weights.terms, states, attentionMask, epsilon, operators };
    graph.rename(termWeights(graph, request), embedding);
    return graph.build("bert_term_encoder", inputs, [
      { name: embedding, type: dataType.float, dims: ["batch", config.vocabulary] },
    ]);
  }
  graph.rename(toUnitLength(graph, pool(context, hidden)), embedding);
  return graph.build("bert_sentence_encoder", inputs, [
    { name: embedding, type: dataType.float, dims: ["batch", config.hidden] },
  ]);
}

/** In float32 in every variant: a few labels of each token cost nothing beside a layer. */
function classify(context: Context, hidden: string, { inputs, outputs, weight, bias }: Linear) {
  const { graph } = context;
  const states = toFloat(context, hidden);
  const labels = graph.constant("labels", [inputs, outputs], weight);
  const values = graph.node({ op: "MatMul", inputs: [states, labels] });
  return graph.node({ op: "Add", inputs: [values, graph.constant("bias", [outputs], bias)] });
}

function encoderLayer(
  context: Context,
  layer: EncoderLayer,
  { states, padding }: EmbeddedTokens,
): string {
  const { graph, config, operators } = context;
  const attention = operators.attention(graph, {
    input: states,
    padding,
    weights: layer.queryKeyValue,
    heads: config.heads,
  });
  const attended = addAndNormalise(context, {
    input: operators.multiply(graph, attention, layer.attentionOutput),
    bias: layer.attentionOutput.bias,
    skip: states,
    norm: layer.attentionNorm,
  });
  const widened = graph.node({
    op: "BiasGelu",
    domain: contrib,
    inputs: [
      operators.multiply(graph, attended, layer.intermediate),
      graph.weight("bias", [config.intermediate], layer.intermediate.bias),
    ],
  });
  return addAndNormalise(context, {
    input: operators.multiply(graph, widened, layer.output),
    bias: layer.output.bias,
    skip: attended,
    norm: layer.outputNorm,
  });
}

interface Residual {
  readonly input: string;
  readonly bias: Float32Array;
  readonly skip: string;
  readonly norm: LayerNorm;
}

function addAndNormalise(
  { graph, config, operators }: Context,
  { input, bias, skip, norm }: Residual,
): string {
  const size = [config.hidden];
  return graph.node({
    op: "SkipLayerNormalization",
    domain: contrib,
    inputs: [
      input,
      skip,
      graph.weight("gamma", size, norm.gamma),
      graph.weight("beta", size, norm.beta),
      graph.weight("bias", size, bias),
    ],
    attributes: { epsilon: { float: epsilonIn(operators.element, config.layerNormEpsilon) } },
  });
}

/** The smallest float16 above zero. */
const smallestFloat16 = 2 ** -24;

/** BERT's 1e-12 would be zero in float16, and a row without variance would be divided by zero. */
function epsilonIn(element: ElementType, epsilon: number): number {
  return element === "float16" ? Math.max(epsilon, smallestFloat16) : epsilon;
}

/** [batch, sequence, hidden] to [batch, hidden] in float32. */
function pool(context: Context, hidden: string): string {
  switch (context.config.pooling) {
    case "cls":
      return firstToken(context, hidden);
    case "mean":
      return meanOfTokens(context, hidden);
  }
}

function firstToken(context: Context, hidden: string): string {
  const { graph } = context;
  const first = graph.constant("first", [], BigInt64Array.of(0n));
  const states = graph.node({
    op: "Gather",
    inputs: [hidden, first],
    attributes: { axis: { int: 1 } },
  });
  return toFloat(context, states);
}

function meanOfTokens(context: Context, hidden: string): string {
  const { graph } = context;
  const axis = graph.constant("axis", [1], BigInt64Array.of(1n));
  const mask = cast(graph, attentionMask, "float");
  const rows = graph.node({ op: "Unsqueeze", inputs: [mask, axis] });
  // A matrix product with the mask sums the real tokens in one pass over the hidden states.
  const sums = graph.node({ op: "MatMul", inputs: [rows, toFloat(context, hidden)] });
  const sum = graph.node({ op: "Squeeze", inputs: [sums, axis] });
  const count = graph.node({
    op: "ReduceSum",
    inputs: [mask, axis],
    attributes: { keepdims: { int: 1 } },
  });
  return graph.node({ op: "Div", inputs: [sum, count] });
}

/**
 * Two operators and not LpNormalization, which CUDA lacks: the vectors would make a detour over the
 * CPU.
 */
function toUnitLength(graph: GraphBuilder, vectors: string): string {
  const lengths = graph.node({
    op: "ReduceL2",
    inputs: [vectors],
    attributes: { axes: { ints: [-1] }, keepdims: { int: 1 } },
  });
  return graph.node({ op: "Div", inputs: [vectors, lengths] });
}

function fromFloat({ graph, operators }: Context, value: string): string {
  return operators.element === "float" ? value : cast(graph, value, operators.element);
}

function toFloat({ graph, operators }: Context, value: string): string {
  return operators.element === "float" ? value : cast(graph, value, "float");
}

function cast(graph: GraphBuilder, value: string, to: ElementType): string {
  return graph.node({ op: "Cast", inputs: [value], attributes: { to: { int: dataType[to] } } });
}
