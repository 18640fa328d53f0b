/**
 * A token classifier in the thread that opens it: a value of every label for each token. Creating
 * and running a session block, so only threads with nothing else to do open one.
 *
 *   OC1  the same tokens have the same values, whatever else is asked: one text is one run, in
 *        float32 on one thread of the CPU, on every machine;
 *   OC2  values are finite, or the call throws.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { z } from "zod";
import { FreshetError } from "../contract/errors.ts";
import { type NativeGate, ungated } from "../runtime/native-gate.ts";
import { sessionOptions } from "./onnx-provider.ts";
import type { ClassifierFiles, TokenClassifier } from "./port.ts";

const configSchema = z.object({ id2label: z.record(z.string().regex(/^\d+$/), z.string()) });

/**
 * @param gate of a thread that its owner may terminate
 * @throws FreshetError embedding_unavailable
 */
export async function openTokenClassifier(
  { modelDir, graphFile }: ClassifierFiles,
  gate: Pick<NativeGate, "run"> = ungated,
): Promise<TokenClassifier> {
  try {
    const config: unknown = JSON.parse(await readFile(join(modelDir, "config.json"), "utf8"));
    const { id2label } = configSchema.parse(config);
    const labels = Object.entries(id2label)
      .sort(([left], [right]) => Number(left) - Number(right))
      .map(([, label]) => label);
    const session = await gate.run(() =>
      InferenceSession.create(graphFile, sessionOptions("cpu", 1)),
    );
    const [output] = session.outputMetadata;
    const width = output?.isTensor === true ? output.shape.at(-1) : undefined;
    if (session.outputNames.join(",") !== "logits" || width !== labels.length)
      throw new Error("the graph is no token classifier of ours: compile it with ops/model");
    return {
      labels,
      classify: (tokens) => gate.run(() => classify(session, tokens, labels.length)),
    };
  } catch (cause) {
    const message = `the model of names in ${modelDir} cannot be used`;
    throw new FreshetError("embedding_unavailable", message, { cause });
  }
}

async function classify(
  session: InferenceSession,
  tokens: Int32Array,
  labels: number,
): Promise<Float32Array> {
  const dims = [1, tokens.length];
  const outputs = await session.run({
    input_ids: new Tensor("int32", tokens, dims),
    attention_mask: new Tensor("int32", new Int32Array(tokens.length).fill(1), dims),
  });
  const values = outputs["logits"]?.data;
  const isWhole = values instanceof Float32Array && values.length === tokens.length * labels;
  if (!isWhole || !values.every(Number.isFinite))
    throw new FreshetError("embedding_failed", "the model of names returned no values");
  // Copied: the runtime owns its buffer.
  return new Float32Array(values);
}
