/**
 * node-llama-cpp in the cache, not among Freshet's dependencies: its optional GPU builds weigh 600
 * MB. Without them it is 85 MB, with its CPU build for this platform. The lock file beside this one
 * pins every package that comes with it: they run in the model's process, and a new version of
 * one must not get there unseen.
 */
import { readFileSync } from "node:fs";
import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { publishFolder, withTemporaryFolder } from "./cache.ts";
import { runCommand } from "./command.ts";
import { exclusively, type SetupContext } from "./context.ts";
import { lastLines, SetupError } from "./setup-error.ts";
import type { NpmPin } from "./versions.ts";

const step = "llama";
const installTimeoutMs = 600_000;
const hiddenLock = z.object({
  packages: z.record(z.string(), z.object({ integrity: z.string().optional() })),
});

/** @returns the absolute path of the module to import. */
export async function ensureLlama(context: SetupContext): Promise<string> {
  const { packages } = context.platform.llama;
  const home = join(context.cache, "llama", packages[0].version);
  const entry = join(home, "node_modules", packages[0].package, "dist", "index.js");
  if (isInstalled(home, packages)) return entry;
  return exclusively(context, step, async () => {
    if (!isInstalled(home, packages)) await install(context, home);
    return entry;
  });
}

async function install(context: SetupContext, home: string): Promise<void> {
  const { packages } = context.platform.llama;
  const [{ package: name, version }] = packages;
  context.progress.start(step, `installing ${name}@${version}, 85 MB (npm)`);
  await withTemporaryFolder(context.cache, async (folder) => {
    for (const file of ["package.json", "package-lock.json"]) {
      await copyFile(join(import.meta.dirname, "llama", file), join(folder, file));
    }
    // No scripts: the package's own would download or compile llama.cpp when it dislikes its
    // ready-made build; that build is the second package, and the server process checks it.
    const parameters = [
      ...["ci", "--omit=optional", "--omit=peer", "--ignore-scripts", "--no-audit"],
      ...["--no-fund", "--loglevel=error"],
    ];
    const options = { env: context.env, cwd: folder, timeoutMs: installTimeoutMs };
    const { code, output } = await runCommand("npm", parameters, options);
    if (code !== 0) throw new SetupError(`npm could not install it: ${lastLines(output, 1)}`);
    if (!isInstalled(folder, packages)) {
      throw new SetupError("npm installed other bytes than pinned in ops/versions.json");
    }
    await rm(home, { recursive: true, force: true });
    publishFolder(folder, home);
  });
  context.progress.done(step, "ready");
}

/** npm checked each tarball against the integrity it noted; here that is compared with the pins. */
function isInstalled(home: string, packages: readonly NpmPin[]): boolean {
  try {
    const text = readFileSync(join(home, "node_modules", ".package-lock.json"), "utf8");
    const installed = hiddenLock.parse(JSON.parse(text)).packages;
    return packages.every(
      (pin) => installed[`node_modules/${pin.package}`]?.integrity === pin.integrity,
    );
  } catch {
    return false;
  }
}
