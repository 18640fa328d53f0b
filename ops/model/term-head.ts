/**
 * The head of a learned-sparse encoder (SPLADE): a weight for each word of the vocabulary, high
 * where the text is about it, whether it holds the word or not. It is BERT's own head for masked
 * words, log(1 + relu(x)) of what it says at each token, and of the tokens the largest.
 *
 * All after the product is monotone, so the largest is taken first: bias, relu and log see one row
 * of the vocabulary for a text and not one for each of its tokens. For the same reason padding is
 * not masked in the product, which has [tokens, vocabulary] numbers: the states of padding become
 * those of the row's first token before it, which changes no maximum.
 */

import type { TermHead } from "./encoder-weights.ts";
import type { GraphBuilder } from "./graph-builder.ts";
import { dataType } from "./onnx-proto.ts";
import { contrib, type Operators } from "./operators.ts";

interface TermHeadRequest {
  readonly head: TermHead;
  /** [batch, sequence, hidden], float32. */
  readonly states: string;
  readonly attentionMask: string;
  readonly epsilon: number;
  readonly operators: Operators;
}

/** [batch, vocabulary], float32. */
export function termWeights(graph: GraphBuilder, request: TermHeadRequest): string {
  const { head, operators } = request;
  const states = withoutPadding(graph, transformed(graph, request), request.attentionMask);
  const isFloat = operators.element === "float";
  const narrowed = isFloat ? states : cast(graph, states, operators.element);
  const products = operators.multiply(graph, narrowed, head.words);
  const largest = graph.node({
    op: "ReduceMax",
    inputs: [products],
    attributes: { axes: { ints: [1] }, keepdims: { int: 0 } },
  });
  const widened = isFloat ? largest : cast(graph, largest, "float");
  const bias = graph.constant("bias", [head.words.outputs], head.words.bias);
  const said = graph.node({ op: "Add", inputs: [widened, bias] });
  const positive = graph.node({ op: "Relu", inputs: [said] });
  const one = graph.constant("one", [], Float32Array.of(1));
  return graph.node({
    op: "Log",
    inputs: [graph.node({ op: "Add", inputs: [positive, one] })],
  });
}

/** In float32 in every variant: it is a hundredth of the product that follows. */
function transformed(graph: GraphBuilder, { head, states, epsilon }: TermHeadRequest): string {
  const { inputs, outputs, weight, bias } = head.transform;
  const product = graph.node({
    op: "MatMul",
    inputs: [states, graph.constant("transform", [inputs, outputs], weight)],
  });
  const bent = graph.node({
    op: "BiasGelu",
    domain: contrib,
    inputs: [product, graph.constant("bias", [outputs], bias)],
  });
  return graph.node({
    op: "LayerNormalization",
    inputs: [
      bent,
      graph.constant("gamma", [outputs], head.norm.gamma),
      graph.constant("beta", [outputs], head.norm.beta),
    ],
    attributes: { axis: { int: -1 }, epsilon: { float: epsilon } },
  });
}

function withoutPadding(graph: GraphBuilder, states: string, attentionMask: string): string {
  const [zero, one, two] = [0n, 1n, 2n].map((at) =>
    graph.constant("at", [1], BigInt64Array.of(at)),
  ) as [string, string, string];
  const first = graph.node({ op: "Slice", inputs: [states, zero, one, one] });
  const isText = graph.node({
    op: "Cast",
    inputs: [attentionMask],
    attributes: { to: { int: dataType.bool } },
  });
  const rows = graph.node({ op: "Unsqueeze", inputs: [isText, two] });
  return graph.node({ op: "Where", inputs: [rows, states, first] });
}

function cast(graph: GraphBuilder, value: string, to: Operators["element"]): string {
  return graph.node({ op: "Cast", inputs: [value], attributes: { to: { int: dataType[to] } } });
}
