/**
 * The fused graph of a BERT sentence encoder: ids and mask in, one unit vector per row out.
 *
 * Fused operators (com.microsoft) replace the dozens of small ones of an export, and pooling and
 * normalisation are inside, so [batch, hidden] crosses to JavaScript and not [batch, sequence, hidden].
 * Ids and mask are int32, which the fused operators want and which JavaScript fills without BigInt.
 */

import type { EncoderConfig, Pooling } from "./encoder-config.ts";
import type { EncoderLayer, EncoderWeights, LayerNorm } from "./encoder-weights.ts";
import { GraphBuilder } from "./graph-builder.ts";
import { contrib, type Kernels } from "./kernels.ts";
import { dataType, type Graph, type OperatorSet } from "./onnx-proto.ts";

export const operatorSets: readonly OperatorSet[] = [
  { domain: "", version: 17 },
  { domain: contrib, version: 1 },
];

const inputIds = "input_ids";
const attentionMask = "attention_mask";
const embedding = "embedding";

interface Context {
  readonly graph: GraphBuilder;
  readonly config: EncoderConfig;
  readonly kernels: Kernels;
}

export function bertGraph(config: EncoderConfig, weights: EncoderWeights, kernels: Kernels): Graph {
  const context: Context = { graph: new GraphBuilder(), config, kernels };
  const { graph } = context;
  let hidden = embedTokens(context, weights);
  for (const layer of weights.layers) hidden = encoderLayer(context, layer, hidden);
  const unit = graph.node({
    op: "LpNormalization",
    inputs: [pool(graph, hidden, config.pooling)],
    attributes: { axis: { int: -1 }, p: { int: 2 } },
  });
  graph.rename(unit, embedding);
  const tokens = ["batch", "sequence"];
  return graph.build(
    "bert_sentence_encoder",
    [
      { name: inputIds, type: dataType.int32, dims: tokens },
      { name: attentionMask, type: dataType.int32, dims: tokens },
    ],
    [{ name: embedding, type: dataType.float, dims: ["batch", config.hidden] }],
  );
}

function embedTokens({ graph, config }: Context, weights: EncoderWeights): string {
  const { hidden, positions, vocabulary } = config;
  const inputs = [
    inputIds,
    "", // no token types: type 0 is part of the position embeddings
    graph.constant("words", [vocabulary, hidden], weights.words),
    graph.constant("positions", [positions, hidden], weights.positions),
    "",
    ...normConstants(graph, weights.embeddingNorm),
  ];
  return graph.node({
    op: "EmbedLayerNormalization",
    domain: contrib,
    inputs,
    // The second output, a mask index, is required by the operator and used by nobody.
    outputs: 2,
    attributes: { epsilon: { float: config.layerNormEpsilon } },
  });
}

function encoderLayer(context: Context, layer: EncoderLayer, input: string): string {
  const { graph, config, kernels } = context;
  const attention = kernels.attention(graph, {
    input,
    mask: attentionMask,
    weights: layer.queryKeyValue,
    heads: config.heads,
  });
  const attended = addAndNormalise(context, {
    input: kernels.multiply(graph, attention, layer.attentionOutput),
    bias: layer.attentionOutput.bias,
    skip: input,
    norm: layer.attentionNorm,
  });
  const widened = graph.node({
    op: "BiasGelu",
    domain: contrib,
    inputs: [
      kernels.multiply(graph, attended, layer.intermediate),
      graph.constant("bias", [config.intermediate], layer.intermediate.bias),
    ],
  });
  return addAndNormalise(context, {
    input: kernels.multiply(graph, widened, layer.output),
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
  { graph, config }: Context,
  { input, bias, skip, norm }: Residual,
): string {
  return graph.node({
    op: "SkipLayerNormalization",
    domain: contrib,
    inputs: [
      input,
      skip,
      ...normConstants(graph, norm),
      graph.constant("bias", [config.hidden], bias),
    ],
    attributes: { epsilon: { float: config.layerNormEpsilon } },
  });
}

function normConstants(graph: GraphBuilder, norm: LayerNorm): [string, string] {
  return [
    graph.constant("gamma", [norm.gamma.length], norm.gamma),
    graph.constant("beta", [norm.beta.length], norm.beta),
  ];
}

/** [batch, sequence, hidden] to [batch, hidden]. */
function pool(graph: GraphBuilder, hidden: string, pooling: Pooling): string {
  if (pooling === "cls") {
    const first = graph.constant("first", [], BigInt64Array.of(0n));
    return graph.node({ op: "Gather", inputs: [hidden, first], attributes: { axis: { int: 1 } } });
  }
  const axis = graph.constant("axis", [1], BigInt64Array.of(1n));
  // A matrix product with the mask sums the real tokens in one pass over the hidden states.
  const mask = graph.node({
    op: "Cast",
    inputs: [attentionMask],
    attributes: { to: { int: dataType.float } },
  });
  const rows = graph.node({ op: "Unsqueeze", inputs: [mask, axis] });
  const sums = graph.node({ op: "MatMul", inputs: [rows, hidden] });
  const sum = graph.node({ op: "Squeeze", inputs: [sums, axis] });
  const count = graph.node({
    op: "ReduceSum",
    inputs: [mask, axis],
    attributes: { keepdims: { int: 1 } },
  });
  return graph.node({ op: "Div", inputs: [sum, count] });
}
