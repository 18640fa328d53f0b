import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileModel } from "../../ops/model/compile.ts";
import { createOnnxEmbedder, type OnnxEmbedder } from "../../src/embedding/onnx.ts";
import type { EmbedInput, Lane } from "../../src/embedding/port.ts";
import type { EmbedProvider, GraphVariant } from "../../src/embedding/precision.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { sampleInputs } from "./conformance.ts";
import { modelDirectory } from "./model-files.ts";
import { dot } from "./reference/reference.ts";

/** A folder in which a Vulkan loader and Mesa's software driver were unpacked (guide gpu.md). */
const driver = process.env["FRESHET_TEST_VULKAN"];
const busySeconds = Number(process.env["FRESHET_TEST_VULKAN_BUSY_S"] ?? "20");
const where =
  driver === undefined
    ? "not run: set FRESHET_TEST_VULKAN to a folder with a Vulkan driver"
    : `with the driver in ${driver}`;

/** A driver that computes on the CPU takes seconds for longer ones. */
const texts = sampleInputs.filter(({ tokens }) => tokens.length <= 64);
const model = { name: "all-MiniLM-L6-v2", dimensions: 384, maxTokens: 256 };
const minutes = (count: number): number => count * 60_000;

let scratch: string;
let exact: readonly Float32Array[];
const ended: string[] = [];

beforeAll(async () => {
  if (driver === undefined) return;
  scratch = await mkdtemp(join(tmpdir(), "freshet-webgpu-"));
  const cpu = await open("cpu", "fp32");
  exact = await cpu.embed(texts, { lane: "ingest" });
  await cpu.close();
}, minutes(3));
afterAll(async () => {
  if (driver !== undefined) await rm(scratch, { recursive: true, force: true });
});

async function open(provider: EmbedProvider, variant: GraphVariant): Promise<OnnxEmbedder> {
  const graphFile = join(scratch, `${variant}.onnx`);
  await compileModel({ modelDir: modelDirectory(), outFile: graphFile, variant });
  return createOnnxEmbedder({
    ...{ graphFile, model, provider, clock: systemClock, ingestThreads: 2, queryThreads: 1 },
    logger: { warn: (fields) => ended.push(JSON.stringify(fields)) },
    device: {
      libraryFolders: [join(driver ?? "", "usr/lib/x86_64-linux-gnu")],
      env: { VK_DRIVER_FILES: join(driver ?? "", "usr/share/vulkan/icd.d/lvp_icd.json") },
    },
  });
}

describe.runIf(driver !== undefined)(`WebGPU, ${where}`, () => {
  it.each(["plain-fp32", "plain-fp16"] as const)(
    "makes the vectors of the CPU in float32, by the graph %s",
    async (variant) => {
      const embedder = await open("webgpu", variant);
      const vectors = await embedder.embed(texts, { lane: "ingest" });
      await embedder.close();
      const cosines = vectors.map((vector, at) => dot(vector, exact[at] ?? []));
      expect(cosines).toHaveLength(texts.length);
      for (const cosine of cosines) expect(cosine).toBeGreaterThanOrEqual(0.9999);
    },
    minutes(8),
  );

  it(
    "serves both lanes at once by one session, for as long as it is asked, and does not crash",
    async () => {
      const embedder = await open("webgpu", "plain-fp32");
      ended.length = 0;
      const short = texts.slice(0, 2);
      const done: Record<Lane, number> = { query: 0, ingest: 0 };
      const worst: Record<Lane, number> = { query: 1, ingest: 1 };
      const until = performance.now() + busySeconds * 1_000;
      const keepBusy = async (lane: Lane, batch: readonly EmbedInput[]): Promise<void> => {
        while (performance.now() < until) {
          for (const [at, vector] of (await embedder.embed(batch, { lane })).entries()) {
            worst[lane] = Math.min(worst[lane], dot(vector, exact[at] ?? []));
          }
          done[lane] += 1;
        }
      };
      await Promise.all([
        keepBusy("ingest", short),
        keepBusy("ingest", short),
        keepBusy("query", short.slice(0, 1)),
      ]);
      await embedder.close();
      process.stderr.write(`both lanes, ${busySeconds} s: ${JSON.stringify({ done, worst })}\n`);
      expect(ended).toEqual([]);
      expect(Math.min(done.query, done.ingest)).toBeGreaterThan(0);
      expect(Math.min(worst.query, worst.ingest)).toBeGreaterThanOrEqual(0.9999);
    },
    minutes(4) + busySeconds * 1_000 + minutes(4),
  );
});
