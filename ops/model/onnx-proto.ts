/**
 * The part of ONNX's file format that our graphs use, written and read by protobufjs.
 *
 * Field numbers are those of onnx/onnx.proto3 (IR version 8); a field that no graph of ours sets is
 * left out, which protobuf allows: an absent field and one at its default are the same thing on the
 * wire.
 */

import protobuf from "protobufjs";

const schema = `
syntax = "proto3";
package onnx;

message AttributeProto {
  string name = 1;
  float f = 2;
  int64 i = 3;
  repeated int64 ints = 8;
  int32 type = 20;
}
message TensorProto {
  repeated int64 dims = 1;
  int32 data_type = 2;
  repeated float float_data = 4;
  repeated int32 int32_data = 5;
  string name = 8;
  bytes raw_data = 9;
}
message NodeProto {
  repeated string input = 1;
  repeated string output = 2;
  string name = 3;
  string op_type = 4;
  repeated AttributeProto attribute = 5;
  string domain = 7;
}
message TensorShapeProto {
  message Dimension {
    oneof value {
      int64 dim_value = 1;
      string dim_param = 2;
    }
  }
  repeated Dimension dim = 1;
}
message TypeProto {
  message Tensor {
    int32 elem_type = 1;
    TensorShapeProto shape = 2;
  }
  Tensor tensor_type = 1;
}
message ValueInfoProto {
  string name = 1;
  TypeProto type = 2;
}
message GraphProto {
  repeated NodeProto node = 1;
  string name = 2;
  repeated TensorProto initializer = 5;
  repeated ValueInfoProto input = 11;
  repeated ValueInfoProto output = 12;
}
message OperatorSetIdProto {
  string domain = 1;
  int64 version = 2;
}
message ModelProto {
  int64 ir_version = 1;
  string producer_name = 2;
  GraphProto graph = 7;
  repeated OperatorSetIdProto opset_import = 8;
}
`;

/** TensorProto.DataType. */
export const dataType = {
  ...{ float: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10 },
} as const;
export type DataType = (typeof dataType)[keyof typeof dataType];

/** AttributeProto.AttributeType. */
const attributeType = { float: 1, int: 2, ints: 7 } as const;

export type AttributeValue = { float: number } | { int: number } | { ints: readonly number[] };

export interface Tensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: DataType;
  /** Row-major, little-endian. */
  readonly bytes: Uint8Array;
}

export interface GraphNode {
  /** Default: of operator and place. */
  readonly name?: string | undefined;
  readonly op: string;
  /** Empty for ONNX itself. */
  readonly domain: string;
  /** An empty string leaves an optional input out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export interface GraphValue {
  readonly name: string;
  readonly type: DataType;
  /** A string names a dimension that is only known when the graph runs. */
  readonly dims: readonly (number | string)[];
}

export interface Graph {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly tensors: readonly Tensor[];
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
}

export interface OperatorSet {
  readonly domain: string;
  readonly version: number;
}

/**
 * The bytes of a model file. The same graph gives the same bytes: no time, no host, no random name.
 */
export function encodeModel(graph: Graph, operatorSets: readonly OperatorSet[]): Uint8Array {
  const message = {
    ir_version: 8,
    producer_name: "freshet",
    graph: graphMessage(graph),
    opset_import: operatorSets,
  };
  return modelType().encode(message).finish();
}

/** Of a model that somebody else wrote: what a reader of weights needs. */
export interface ReadGraph {
  readonly nodes: readonly ReadNode[];
  readonly tensors: readonly ReadTensor[];
}

export interface ReadNode {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly ints: ReadonlyMap<string, number>;
}

export interface ReadTensor {
  readonly name: string;
  readonly type: number;
  /** Little-endian; small tensors may come as numbers instead. */
  readonly bytes: Uint8Array;
  readonly numbers: readonly number[];
}

/** @throws Error for what is no protobuf of a model */
export function decodeModel(bytes: Uint8Array): ReadGraph {
  const { graph } = modelType().decode(bytes) as unknown as DecodedModel;
  return {
    nodes: graph.node.map(({ op_type, name, input, attribute }) => ({
      op: op_type,
      name,
      inputs: input,
      ints: new Map(attribute.map((each) => [each.name, Number(each.i)])),
    })),
    tensors: graph.initializer.map(({ name, data_type, raw_data, float_data, int32_data }) => ({
      name,
      type: data_type,
      bytes: raw_data,
      numbers: float_data.length > 0 ? float_data : int32_data,
    })),
  };
}

interface DecodedModel {
  readonly graph: {
    readonly node: readonly {
      readonly op_type: string;
      readonly name: string;
      readonly input: readonly string[];
      readonly attribute: readonly { readonly name: string; readonly i: unknown }[];
    }[];
    readonly initializer: readonly {
      readonly name: string;
      readonly data_type: number;
      readonly raw_data: Uint8Array;
      readonly float_data: readonly number[];
      readonly int32_data: readonly number[];
    }[];
  };
}

function modelType(): protobuf.Type {
  return protobuf.parse(schema, { keepCase: true }).root.lookupType("onnx.ModelProto");
}

function graphMessage(graph: Graph): object {
  return {
    name: graph.name,
    node: graph.nodes.map(nodeMessage),
    initializer: graph.tensors.map(({ name, dims, type, bytes }) => ({
      name,
      dims,
      data_type: type,
      raw_data: bytes,
    })),
    input: graph.inputs.map(valueMessage),
    output: graph.outputs.map(valueMessage),
  };
}

function nodeMessage(node: GraphNode, index: number): object {
  return {
    name: node.name ?? `${node.op}_${index}`,
    op_type: node.op,
    domain: node.domain,
    input: node.inputs,
    output: node.outputs,
    attribute: Object.entries(node.attributes).map(([name, value]) =>
      attributeMessage(name, value),
    ),
  };
}

function attributeMessage(name: string, value: AttributeValue): object {
  if ("float" in value) return { name, type: attributeType.float, f: value.float };
  if ("int" in value) return { name, type: attributeType.int, i: value.int };
  return { name, type: attributeType.ints, ints: value.ints };
}

function valueMessage({ name, type, dims }: GraphValue): object {
  const dim = dims.map((size) =>
    typeof size === "string" ? { dim_param: size } : { dim_value: size },
  );
  return { name, type: { tensor_type: { elem_type: type, shape: { dim } } } };
}
