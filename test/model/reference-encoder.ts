/**
 * A BERT encoder as its paper has it (post layer norm, erf GELU), in plain float64 loops over the
 * tensors as a checkpoint stores them. It shares nothing with the compiler: no fused weights, no
 * transposition, no graph.
 */

import { type EncoderSizes, type EncoderTensor, epsilon } from "./tiny-encoder.ts";

type Row = readonly number[];

export interface ReferenceEncoder {
  readonly sizes: EncoderSizes;
  readonly tensors: ReadonlyMap<string, EncoderTensor>;
  readonly pooling: "mean" | "cls";
}

function lastStates(encoder: ReferenceEncoder, ids: readonly number[]): Row[] {
  let states: Row[] = ids.map((id, position) => embed(encoder, id, position));
  for (let layer = 0; layer < encoder.sizes.layers; layer++) {
    states = encode(encoder, `encoder.layer.${layer}`, states);
  }
  return states;
}

/** SPLADE's weight of each word: the largest log(1 + relu(x)) of what the head says at a token. */
export function referenceTerms(encoder: ReferenceEncoder, ids: readonly number[]): number[] {
  const at = "cls.predictions";
  const said = lastStates(encoder, ids).map((state) => {
    const bent = linear(encoder, `${at}.transform.dense`, state).map(gelu);
    const words = normalise(encoder, `${at}.transform`, bent);
    return Array.from(valuesOf(encoder, `${at}.bias`), (bias, word) => {
      const value =
        bias + product(weightsOf(encoder, "embeddings.word_embeddings.weight", word), words);
      return Math.log1p(Math.max(0, value));
    });
  });
  return (said[0] ?? []).map((_, word) => Math.max(...said.map((row) => row[word] ?? 0)));
}

/** The unit vector of one text. */
export function referenceVector(encoder: ReferenceEncoder, ids: readonly number[]): number[] {
  const states = lastStates(encoder, ids);
  const pooled = encoder.pooling === "cls" ? (states[0] ?? []) : mean(states);
  const length = Math.hypot(...pooled);
  return pooled.map((value) => value / length);
}

function embed(encoder: ReferenceEncoder, id: number, position: number): Row {
  const word = rowOf(encoder, "embeddings.word_embeddings.weight", id);
  const place = rowOf(encoder, "embeddings.position_embeddings.weight", position);
  const type = rowOf(encoder, "embeddings.token_type_embeddings.weight", 0);
  return normalise(encoder, "embeddings", sum(sum(word, place), type));
}

function encode(encoder: ReferenceEncoder, at: string, states: readonly Row[]): Row[] {
  const attended = attend(encoder, `${at}.attention.self`, states);
  return states.map((state, index) => {
    const projected = linear(encoder, `${at}.attention.output.dense`, attended[index] ?? []);
    const middle = normalise(encoder, `${at}.attention.output`, sum(projected, state));
    const wide = linear(encoder, `${at}.intermediate.dense`, middle).map(gelu);
    return normalise(
      encoder,
      `${at}.output`,
      sum(linear(encoder, `${at}.output.dense`, wide), middle),
    );
  });
}

function attend(encoder: ReferenceEncoder, at: string, states: readonly Row[]): Row[] {
  const { hidden, heads } = encoder.sizes;
  const width = hidden / heads;
  const [queries, keys, values] = ["query", "key", "value"].map((part) =>
    states.map((state) => linear(encoder, `${at}.${part}`, state)),
  ) as [Row[], Row[], Row[]];
  const ofHead = (row: Row, head: number) => row.slice(head * width, (head + 1) * width);
  return queries.map((query) =>
    Array.from({ length: heads }, (_, head) => {
      const scores = keys.map(
        (key) => product(ofHead(query, head), ofHead(key, head)) / Math.sqrt(width),
      );
      const shares = softmax(scores);
      return values
        .map((value, index): Row => ofHead(value, head).map((x) => x * (shares[index] ?? 0)))
        .reduce((total, part) => sum(total, part));
    }).flat(),
  );
}

function linear(encoder: ReferenceEncoder, name: string, input: Row): Row {
  const bias = valuesOf(encoder, `${name}.bias`);
  return Array.from(
    bias,
    (offset, output) => offset + product(weightsOf(encoder, `${name}.weight`, output), input),
  );
}

function normalise(encoder: ReferenceEncoder, at: string, row: Row): Row {
  const scale = valuesOf(encoder, `${at}.LayerNorm.weight`);
  const shift = valuesOf(encoder, `${at}.LayerNorm.bias`);
  const centre = row.reduce((total, x) => total + x, 0) / row.length;
  const variance = row.reduce((total, x) => total + (x - centre) ** 2, 0) / row.length;
  const deviation = Math.sqrt(variance + epsilon);
  return row.map((x, i) => ((x - centre) / deviation) * (scale[i] ?? 0) + (shift[i] ?? 0));
}

function mean(rows: readonly Row[]): Row {
  return rows.reduce((total, row) => sum(total, row)).map((total) => total / rows.length);
}

function softmax(scores: Row): Row {
  const peak = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - peak));
  const total = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / total);
}

function gelu(x: number): number {
  return (x / 2) * (1 + erf(x / Math.SQRT2));
}

/** By its Maclaurin series, which is exact to 1e-10 for |x| < 4; beyond, erf is 1 to 2e-8. */
function erf(x: number): number {
  if (Math.abs(x) >= 4) return Math.sign(x);
  let term = x;
  let total = x;
  for (let n = 1; n < 100; n++) {
    term *= -(x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

function sum(a: Row, b: Row): Row {
  return a.map((x, i) => x + (b[i] ?? Number.NaN));
}

/** A loop over the weights where they lie: nearly all that a reference computes is this. */
function product(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < a.length; i += 1) total += (a[i] ?? Number.NaN) * (b[i] ?? Number.NaN);
  return total;
}

function valuesOf({ tensors }: ReferenceEncoder, name: string): Float32Array {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`the encoder has no ${name}`);
  return tensor.values;
}

function rowOf(encoder: ReferenceEncoder, name: string, index: number): Row {
  return Array.from(weightsOf(encoder, name, index));
}

function weightsOf(encoder: ReferenceEncoder, name: string, index: number): Float32Array {
  const width = encoder.tensors.get(name)?.shape[1] ?? 0;
  return valuesOf(encoder, name).subarray(index * width, (index + 1) * width);
}
