/**
 * Reads the weights out of an exported BERT graph in float32, under the names that a checkpoint
 * has. Tables, norms and biases kept their names in the export; the weight of a product is a
 * constant without one, so the product's own name says which it is. The arithmetic of the export is
 * not used.
 */

import { CompileError } from "./compile-error.ts";
import { readModelFile } from "./model-files.ts";
import { dataType, decodeModel, type ReadNode, type ReadTensor } from "./onnx-proto.ts";
import type { WeightFile } from "./safetensors.ts";

export async function readExportedOnnx(path: string): Promise<WeightFile> {
  const { nodes, tensors } = decode(await readModelFile(path), path);
  const floats = tensors.filter(({ type }) => type === dataType.float);
  const byName = new Map(floats.map((tensor) => [tensor.name, tensor]));
  const named = new Map(floats.map((tensor) => [withoutPrefix(tensor.name), tensor]));
  const products = new Map(
    nodes.flatMap((node) => {
      const tensor = node.op === "MatMul" ? byName.get(node.inputs[1] ?? "") : undefined;
      return tensor === undefined ? [] : [[weightName(node), tensor] as const];
    }),
  );
  return {
    has: (name) => named.has(name) || products.has(name),
    read: (name, shape) => {
      const product = products.get(name);
      const tensor = product ?? named.get(name);
      if (tensor === undefined) throw new CompileError(`${path} holds no tensor ${name}`);
      const values = floatsOf(tensor);
      const size = shape.reduce((all, each) => all * each, 1);
      if (values.length !== size) {
        throw new CompileError(`tensor ${name} has ${values.length} values, expected ${size}`);
      }
      return { shape, values: product === undefined ? values : turned(values, shape) };
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

/** As sentence-transformers and transformers put before a name. */
const prefixes = /^(0\.auto_model\.|auto_model\.|bert\.)+/;

function withoutPrefix(name: string): string {
  return name.replace(prefixes, "");
}

/** `/encoder/layer.0/output/dense/MatMul` computes with `encoder.layer.0.output.dense.weight`. */
function weightName({ name }: ReadNode): string {
  const parts = name.split("/").filter((part) => part !== "");
  return withoutPrefix(`${parts.slice(0, -1).join(".")}.weight`);
}

/** A product holds a column for each output, a checkpoint a row. */
function turned(values: Float32Array, [outputs = 0, inputs = 0]: readonly number[]): Float32Array {
  const rows = new Float32Array(values.length);
  for (let input = 0; input < inputs; input += 1) {
    for (let output = 0; output < outputs; output += 1) {
      rows[output * inputs + input] = values[input * outputs + output] as number;
    }
  }
  return rows;
}

function floatsOf({ bytes, numbers }: ReadTensor): Float32Array {
  if (numbers.length > 0) return Float32Array.from(numbers);
  // Copied: the bytes of a message begin anywhere.
  return new Float32Array(new Uint8Array(bytes).buffer);
}
