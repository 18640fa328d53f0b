/**
 * Set-up alone, for ops/test and for people who want to be ready before they start: `node
 * ops/setup/main.ts --help`.
 */
import { CommanderError } from "commander";
import { ensureTools } from "./ensure-tools.ts";
import { readSetupOptions } from "./options.ts";
import { lineProgress } from "./progress.ts";
import { SetupError } from "./setup-error.ts";
import { readPins } from "./versions.ts";

const progress = lineProgress(
  (line) => process.stderr.write(line),
  () => performance.now(),
);

const all = { nats: true, temporal: true, weaviate: true, embedding: true, llm: true, names: true };
const nothing = { nats: false, temporal: false, weaviate: false, embedding: false, llm: false };

try {
  const { models, encoders } = readPins();
  const { embedding } = models;
  const known = [embedding.name, ...Object.keys(encoders)];
  const { sparse, gpu, model } = readSetupOptions(process.argv.slice(2), known);
  const isDefault = model === embedding.name;
  const encoder = isDefault ? undefined : model;
  const some = { ...nothing, sparse, gpu, encoder, embedding: isDefault || gpu };
  const want = sparse || gpu || model !== undefined ? some : all;
  const tools = await ensureTools({ env: process.env, progress, want });
  const { modelDir } = (isDefault ? tools.embedding : tools.encoder) ?? {};
  if (modelDir !== undefined) process.stdout.write(`FRESHET_MODEL_DIR=${modelDir}\n`);
  if (tools.sparse !== undefined) process.stdout.write("FRESHET_SPARSE=splade-tiny\n");
} catch (thrown) {
  if (thrown instanceof CommanderError) process.exitCode = thrown.exitCode;
  else if (thrown instanceof SetupError) {
    process.stderr.write(`freshet: ${thrown.message}\n`);
    process.exitCode = 1;
  } else throw thrown;
}
