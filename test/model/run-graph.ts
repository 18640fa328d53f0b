/** Runs a compiled graph in this process and returns one vector per row of ids; 0 is padding. */

import { InferenceSession, Tensor } from "onnxruntime-node";

type Rows = readonly (readonly number[])[];

export async function runGraph(graphFile: string, rows: Rows): Promise<Float32Array[]> {
  return runBatches(graphFile, [rows]);
}

/** One batch after the other, in one session: to open a real model takes longer than to run it. */
export async function runBatches(
  graphFile: string,
  batches: readonly Rows[],
): Promise<Float32Array[]> {
  const session = await InferenceSession.create(graphFile, { intraOpNumThreads: 1 });
  try {
    const vectors: Float32Array[] = [];
    for (const rows of batches) vectors.push(...(await run(session, rows)));
    return vectors;
  } finally {
    await session.release();
  }
}

async function run(session: InferenceSession, rows: Rows): Promise<Float32Array[]> {
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
}
