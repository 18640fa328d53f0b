/**
 * Where `ops/setup --gpu` puts a copy of onnxruntime's npm package with the CUDA provider beside
 * it, and NVIDIA's libraries. The package in node_modules stays as npm made it, so a new install of
 * the packages takes nothing away.
 */

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { DeviceRuntime } from "./onnx.ts";
import type { EmbedProvider } from "./precision.ts";

export interface CudaFolders {
  readonly home: string;
  /** Holds the copies of npm packages. */
  readonly packages: string;
  readonly runtimeModule: string;
  readonly libraries: string;
}

/** A provider's library fits the runtime of its own version only, which the folder names. */
export function cudaFolders(cacheDir: string, version = onnxruntimeVersion()): CudaFolders {
  const home = join(cacheDir, "cuda", `onnxruntime-${version}`);
  const packages = join(home, "node_modules");
  return {
    home,
    packages,
    runtimeModule: join(packages, "onnxruntime-node", "dist", "index.js"),
    libraries: join(home, "lib"),
  };
}

/** Undefined where nothing is set up: then what npm's own package has beside it is used. */
export function deviceRuntime(
  provider: EmbedProvider,
  cacheDir: string,
): DeviceRuntime | undefined {
  if (provider !== "cuda" && provider !== "tensorrt") return undefined;
  const { runtimeModule, libraries } = cudaFolders(cacheDir);
  return existsSync(runtimeModule) ? { runtimeModule, libraryFolders: [libraries] } : undefined;
}

/** Of a package that we have: where Node looks for it, since not each tells its `package.json`. */
export function packageFolder(name: string): string {
  const places = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const folders = places.map((place) => join(place, name));
  const found = folders.find((folder) => existsSync(join(folder, "package.json")));
  if (found === undefined) throw new Error(`there is no npm package ${name}: run npm ci`);
  return found;
}

export function onnxruntimeVersion(): string {
  const path = join(packageFolder("onnxruntime-node"), "package.json");
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
