import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CompiledModel } from "../../ops/model/compile.ts";
import { tinyConfig, writeTinyEncoder } from "./tiny-encoder.ts";

const main = fileURLToPath(new URL("../../ops/model/main.ts", import.meta.url));

let modelDir: string;
beforeEach(async () => {
  modelDir = await mkdtemp(join(tmpdir(), "freshet-model-"));
  await writeTinyEncoder(modelDir);
});
afterEach(() => rm(modelDir, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (...args: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { cwd: modelDir }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });

describe("the model compiler's command line", () => {
  it("says for a person what it made, with paths from where it runs", async () => {
    const args = ["--model-dir", ".", "--out", "made/graph.onnx", "--variant", "fp16"];
    const { code, stdout, stderr } = await run(...args, "--pooling", "cls");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [first, second, third] = stdout.split("\n");
    expect(first).toContain(join(modelDir, "made", "graph.onnx"));
    expect(first).toContain("fp16, 2 layers, 16 dimensions, cls pooling, 0.0 MB");
    expect(second).toMatch(/^sha256 [0-9a-f]{64}$/);
    expect(third).toContain("Attention x2, BiasGelu x2, Cast x2, Div x1");
  });

  it("says the same as JSON when asked", async () => {
    const { code, stdout } = await run("--model-dir", modelDir, "--out", "graph.onnx", "--json");
    expect(code).toBe(0);
    const compiled = JSON.parse(stdout) as CompiledModel;
    expect(compiled).toMatchObject({ layers: 2, dimensions: 16, pooling: "mean" });
    expect(compiled.opCounts).toMatchObject({ Attention: 2, MatMul: 7 });
  });

  it("fails with one line and code 1 when the model is none that it compiles", async () => {
    const model = join(modelDir, "model.safetensors");
    const args = ["--model-dir", ".", "--out", "graph.onnx"];
    await writeFile(model, "cut off");
    expect(await run(...args)).toEqual({
      code: 1,
      stdout: "",
      stderr: `freshet-model: ${model} is not a safetensors file: too short\n`,
    });
    const config = join(modelDir, "config.json");
    await writeFile(config, JSON.stringify({ ...tinyConfig, model_type: "t5" }));
    expect(await run(...args)).toEqual({
      code: 1,
      stdout: "",
      stderr: `freshet-model: ${config}: model_type is t5; compiled is bert\n`,
    });
  });

  it("ends with code 2 for bad usage, and names what is wrong", async () => {
    const args = ["--model-dir", ".", "--out", "graph.onnx"];
    const cases: readonly (readonly [string[], string])[] = [
      [["--out", "graph.onnx"], "--model-dir <folder>' not specified"],
      [["--model-dir", "nowhere", "--out", "graph.onnx"], "there is no folder nowhere"],
      [["--model-dir", "config.json", "--out", "x"], "there is no folder config.json"],
      [[...args, "--variant", "fp8"], "Allowed choices are fp32, int8, fp16"],
      [[...args, "--pooling", "max"], "Allowed choices are mean, cls"],
      [[...args, "more"], "too many arguments"],
    ];
    const ended = await Promise.all(cases.map(([bad]) => run(...bad)));
    for (const [i, { code, stderr }] of ended.entries()) {
      expect(stderr).toContain(cases[i]?.[1]);
      expect(code).toBe(2);
    }
  });

  it("explains itself, which is no error", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(0);
    for (const word of ["--variant", "fp16", "--pooling", "--json", "Exit codes"]) {
      expect(stdout).toContain(word);
    }
  });
});
