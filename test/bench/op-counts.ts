/** Which operators a graph file holds: what tells int8 arithmetic from int8 storage. */

import { readFile } from "node:fs/promises";
import { Reader } from "protobufjs";

/** Fields of ONNX messages: ModelProto.graph, GraphProto.node, NodeProto.op_type. */
const graphField = 7;
const nodeField = 1;
const opTypeField = 4;
const lengthDelimited = 2;

const arithmetic =
  /^(Attention|QAttention|MatMul|Gemm|MatMulInteger|DynamicQuantize\w+|Cast|SkipLayer\w+|EmbedLayer\w+|BiasGelu|Q\w+)$/;

/** Such as `Attention x6, MatMul x19`; only operators that say something about speed. */
export async function opCounts(graphFile: string): Promise<string> {
  const counts = new Map<string, number>();
  for (const graph of fields(await readFile(graphFile), graphField)) {
    for (const node of fields(graph, nodeField)) {
      for (const name of fields(node, opTypeField)) {
        const op = Buffer.from(name).toString("utf8");
        counts.set(op, (counts.get(op) ?? 0) + 1);
      }
    }
  }
  return [...counts]
    .filter(([op]) => arithmetic.test(op))
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([op, count]) => `${op} x${count}`)
    .join(", ");
}

function* fields(message: Uint8Array, wanted: number): Generator<Uint8Array> {
  const reader = Reader.create(message);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const isWanted = tag >>> 3 === wanted && (tag & 7) === lengthDelimited;
    if (isWanted) yield reader.bytes();
    else reader.skipType(tag & 7);
  }
}
