/** Runs a compiled graph in this process and returns one vector per row of ids; 0 is padding. */

import { InferenceSession, Tensor } from "onnxruntime-node";

export async function runGraph(
  graphFile: string,
  rows: readonly (readonly number[])[],
): Promise<Float32Array[]> {
  const session = await InferenceSession.create(graphFile, { intraOpNumThreads: 1 });
  try {
    const columns = Math.max(...rows.map((row) => row.length));
    const ids = new Int32Array(rows.length * columns);
    for (const [i, row] of rows.entries()) ids.set(row, i * columns);
    const dims = [rows.length, columns];
    const outputs = await session.run({
      input_ids: new Tensor("int32", ids, dims),
      attention_mask: new Tensor(
        "int32",
        ids.map((id) => (id === 0 ? 0 : 1)),
        dims,
      ),
    });
    const flat = outputs["embedding"]?.data as Float32Array;
    const width = flat.length / rows.length;
    return rows.map((_, i) => flat.slice(i * width, (i + 1) * width));
  } finally {
    await session.release();
  }
}
