/**
 * Reads the weights out of an exported BERT graph with 4-bit products (MatMulNBits of
 * com.microsoft) and 8-bit embeddings, under the names that a checkpoint has. The arithmetic of the
 * export is not used: our own graph computes with the values that its weights stand for.
 *
 * A product's weight is stored in rows of one output each, cut into blocks that share a scale; a
 * byte holds two values, the first in its low half, and 8 stands for zero unless a zero point is
 * given.
 */

import { CompileError } from "./compile-error.ts";
import { readModelFile } from "./model-files.ts";
import { dataType, decodeModel, type ReadNode, type ReadTensor } from "./onnx-proto.ts";
import type { WeightFile } from "./safetensors.ts";

export async function readQuantizedOnnx(path: string): Promise<WeightFile> {
  const { nodes, tensors } = decode(await readModelFile(path), path);
  const stored = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const products = new Map(
    nodes.filter(({ op }) => op === "MatMulNBits").map((node) => [weightName(node), node]),
  );
  const find = (name: string): Float32Array | undefined => {
    const product = products.get(name);
    if (product !== undefined) return unpackBlocks(product, stored);
    const tensor = stored.get(name) ?? stored.get(`bert.${name}`);
    if (tensor?.type === dataType.float) return floatsOf(tensor);
    return unpackTable(`bert.${name}`, stored) ?? unpackTable(name, stored);
  };
  return {
    has: () => false,
    read: (name, shape) => {
      const values = find(name);
      if (values === undefined) throw new CompileError(`${path} holds no tensor ${name}`);
      const size = shape.reduce((product, each) => product * each, 1);
      if (values.length !== size) {
        throw new CompileError(`tensor ${name} has ${values.length} values, expected ${size}`);
      }
      return { shape, values };
    },
  };
}

function decode(bytes: Uint8Array, path: string): ReturnType<typeof decodeModel> {
  try {
    return decodeModel(bytes);
  } catch (cause) {
    throw new CompileError(`${path} is not an ONNX file, or it was cut off`, { cause });
  }
}

/** `/bert/encoder/layer.0/output/dense/MatMul_Q4` computes with `encoder.layer.0.output.dense`. */
function weightName({ name }: ReadNode): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== "bert");
  return `${parts.slice(0, -1).join(".")}.weight`;
}

type Stored = ReadonlyMap<string, ReadTensor>;

function unpackBlocks({ name, inputs, ints }: ReadNode, stored: Stored): Float32Array {
  const [, packedName, scalesName, zerosName] = inputs;
  const packed = stored.get(packedName ?? "")?.bytes;
  const scaleTensor = stored.get(scalesName ?? "");
  const [columns, rows, block] = ["K", "N", "block_size"].map((key) => ints.get(key) ?? 0);
  const isPlain = ints.get("bits") === 4 && (zerosName ?? "") === "";
  if (!packed || !scaleTensor || !columns || !rows || !block || !isPlain) {
    throw new CompileError(`${name} is no product with weights of 4 bits without zero points`);
  }
  const scales = floatsOf(scaleTensor);
  const blocks = Math.ceil(columns / block);
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = row * blocks * block + column;
      const byte = packed[at >> 1] as number;
      const half = at % 2 === 0 ? byte & 15 : byte >> 4;
      const scale = scales[row * blocks + Math.floor(column / block)] as number;
      values[row * columns + column] = (half - 8) * scale;
    }
  }
  return values;
}

/** A table of embeddings: bytes, with one scale and one zero point for all of it. */
function unpackTable(name: string, stored: Stored): Float32Array | undefined {
  const table = stored.get(`${name}_quantized`);
  const scale = stored.get(`${name}_scale`);
  const zero = stored.get(`${name}_zero_point`);
  if (table?.type !== dataType.uint8 || scale === undefined || zero === undefined) return undefined;
  const [factor = Number.NaN] = floatsOf(scale);
  const offset = zero.numbers[0] ?? zero.bytes[0] ?? 0;
  return Float32Array.from(table.bytes, (value) => (value - offset) * factor);
}

function floatsOf({ bytes, numbers }: ReadTensor): Float32Array {
  if (numbers.length > 0) return Float32Array.from(numbers);
  // Copied: the bytes of a message begin anywhere.
  return new Float32Array(new Uint8Array(bytes).buffer);
}
