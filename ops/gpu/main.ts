/** Command line of the check of GPUs: `ops/gpu-check --help`. */

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { CommanderError } from "commander";
import { cacheFolder } from "../setup/cache.ts";
import { checkProviders, cosineMin, type ProviderResult } from "./check.ts";
import { type CheckOptions, readCheckOptions } from "./options.ts";
import { packKit } from "./pack.ts";
import { writeSyntheticModel } from "./synthetic.ts";

const say = (line: string): boolean => process.stderr.write(`[gpu-check] ${line}\n`);

async function main(): Promise<number> {
  const begunMs = performance.now();
  const options = readCheckOptions(process.argv.slice(2));
  if (options.pack !== undefined) {
    say(await packKit(resolve(options.pack)));
    return 0;
  }
  const scratch = mkdtempSync(join(tmpdir(), "freshet-gpu-"));
  try {
    const { folder, weights } = await modelFolder(options, scratch);
    const results = await checkProviders({
      ...options,
      ...{ modelFolder: folder, scratch, say, cacheDir: cacheFolder(process.env) },
      threads: availableParallelism(),
      endsAtMs: begunMs + options.limitS * 1_000,
    });
    const code = exitCodeOf(results);
    const { tokens } = options;
    const text = options.json
      ? JSON.stringify({ weights, tokens, exitCode: code, results }, null, 2)
      : table(results, `${weights} weights, ${tokens} tokens a text`);
    process.stdout.write(`${text}\n`);
    return code;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function modelFolder({ modelDir, synthetic }: CheckOptions, scratch: string) {
  const usual = join(cacheFolder(process.env), "models", "all-MiniLM-L6-v2");
  const folder = modelDir === undefined ? usual : resolve(modelDir);
  if (!synthetic && existsSync(join(folder, "model.safetensors"))) {
    return { folder, weights: folder };
  }
  if (modelDir !== undefined) throw new Error(`there is no model.safetensors in ${folder}`);
  const made = join(scratch, "synthetic");
  await writeSyntheticModel(made);
  return { folder: made, weights: "synthetic" };
}

function exitCodeOf(results: readonly ProviderResult[]): number {
  const ran = results.filter(({ missing }) => missing === undefined);
  const isBad = ({ cosineMin: worst, failed }: ProviderResult): boolean =>
    failed !== undefined || !(worst !== undefined && worst >= cosineMin);
  if (ran.some(isBad)) return 1;
  return ran.some(({ provider }) => provider !== "cpu") ? 0 : 3;
}

function table(results: readonly ProviderResult[], about: string): string {
  const rows = results.map((result) => {
    const name = `${result.provider} ${result.variant}`.padEnd(20);
    if (result.missing !== undefined) return `${name} not here: ${result.missing}`;
    const rates = result.batches.map(({ texts, documentsPerS }) => `${texts}: ${documentsPerS}`);
    const worst = result.cosineMin?.toFixed(7) ?? "none";
    const failed = result.failed === undefined ? "" : ` FAILED: ${result.failed}`;
    return `${name} cosine ${worst}, documents/s by batch ${rates.join(", ")}${failed}`;
  });
  return [about, ...rows].join("\n");
}

try {
  process.exitCode = await main();
} catch (thrown) {
  if (thrown instanceof CommanderError) process.exitCode = thrown.exitCode;
  else {
    process.stderr.write(
      `gpu-check: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`,
    );
    process.exitCode = 1;
  }
}
