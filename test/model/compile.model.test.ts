import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { compileModel } from "../../ops/model/compile.ts";
import { modelDirectory } from "../embedding/model-files.ts";
import { dot, readReference } from "../embedding/reference/reference.ts";
import { runGraph } from "./run-graph.ts";

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "freshet-model-"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

it("compiles all-MiniLM-L6-v2 to 50 fused nodes, with the same bytes twice", async () => {
  const request = { modelDir: modelDirectory(), variant: "fp32" } as const;
  const first = await compileModel({ ...request, outFile: join(scratch, "first.onnx") });
  const second = await compileModel({ ...request, outFile: join(scratch, "second.onnx") });
  expect(second).toEqual(first);
  expect(first.opCounts).toMatchObject({
    EmbedLayerNormalization: 1,
    Attention: 6,
    SkipLayerNormalization: 12,
    BiasGelu: 6,
    MatMul: 19,
    LpNormalization: 1,
  });
  expect(Object.values(first.opCounts).reduce((sum, count) => sum + count, 0)).toBe(50);
});

it("keeps int8 close to the reference: int8 arithmetic rounds, and a wrong scale would show", async () => {
  const outFile = join(scratch, "int8.onnx");
  await compileModel({ modelDir: modelDirectory(), variant: "int8", outFile });
  const cosines: number[] = [];
  for (const { ids, vector } of readReference()) {
    const [made] = await runGraph(outFile, [ids]);
    cosines.push(dot(made ?? [], vector));
  }
  // Measured with VNNI: 0.991 on average; the worst are texts of one word or none (0.974).
  expect(cosines.reduce((sum, cosine) => sum + cosine, 0) / cosines.length).toBeGreaterThan(0.985);
  expect(Math.min(...cosines)).toBeGreaterThan(0.95);
});
