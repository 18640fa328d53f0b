/**
 * Collects nodes and tensors of one graph; names come from a counter, so they are the same each
 * time.
 */

import { toFloat16 } from "./float16.ts";
import {
  type AttributeValue,
  type DataType,
  dataType,
  type Graph,
  type GraphNode,
  type GraphValue,
  type Tensor,
} from "./onnx-proto.ts";

export interface NodeRequest {
  readonly op: string;
  readonly domain?: string | undefined;
  readonly inputs: readonly string[];
  /** Default 1. */
  readonly outputs?: number | undefined;
  readonly attributes?: Readonly<Record<string, AttributeValue>> | undefined;
}

/** In which type the encoder's layers hold their weights and compute. */
export type ElementType = "float" | "float16";

type TensorValues = Float32Array | Float16Array | Int8Array | BigInt64Array;

export class GraphBuilder {
  readonly #nodes: GraphNode[] = [];
  readonly #tensors: Tensor[] = [];
  readonly #element: ElementType;
  #values = 0;

  constructor(element: ElementType) {
    this.#element = element;
  }

  /**
   * Adds a weight of the encoder's layers, converted to their element type, and returns its name.
   */
  weight(label: string, dims: readonly number[], values: Float32Array): string {
    return this.constant(
      label,
      dims,
      this.#element === "float16" ? toFloat16(label, values) : values,
    );
  }

  /** Adds a constant of exactly this type and returns its name. */
  constant(label: string, dims: readonly number[], values: TensorValues): string {
    const size = dims.reduce((product, dim) => product * dim, 1);
    if (size !== values.length)
      throw new Error(`${label} has ${values.length} values, not ${size}`);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const name = this.#name(label);
    this.#tensors.push({ name, dims, type: typeOf(values), bytes });
    return name;
  }

  /** Adds a node and returns the name of its first output. */
  node(request: NodeRequest): string {
    return this.nodeWithOutputs(request)[0] as string;
  }

  /** Adds a node and returns the names of its outputs. */
  nodeWithOutputs({
    op,
    domain = "",
    inputs,
    outputs = 1,
    attributes = {},
  }: NodeRequest): string[] {
    const names = Array.from({ length: outputs }, () => this.#name(op));
    this.#nodes.push({ op, domain, inputs, outputs: names, attributes });
    return names;
  }

  /** The value in the element type of the layers; `value` itself where that is float32. */
  inElementType(value: string): string {
    if (this.#element === "float") return value;
    const to = dataType[this.#element];
    return this.node({ op: "Cast", inputs: [value], attributes: { to: { int: to } } });
  }

  /** Gives a value the name that the graph's users know it by. */
  rename(value: string, name: string): void {
    const index = this.#nodes.findIndex((node) => node.outputs.includes(value));
    const node = this.#nodes[index];
    if (node === undefined) throw new Error(`no node makes ${value}`);
    const outputs = node.outputs.map((output) => (output === value ? name : output));
    this.#nodes[index] = { ...node, outputs };
  }

  build(name: string, inputs: readonly GraphValue[], outputs: readonly GraphValue[]): Graph {
    return { name, nodes: this.#nodes, tensors: this.#tensors, inputs, outputs };
  }

  #name(label: string): string {
    this.#values += 1;
    return `${label}_${this.#values}`;
  }
}

function typeOf(values: TensorValues): DataType {
  if (values instanceof Float32Array) return dataType.float;
  if (values instanceof Float16Array) return dataType.float16;
  if (values instanceof Int8Array) return dataType.int8;
  return dataType.int64;
}
