/** What npm is told about the package: its manifest and the packages that it pins. Pure. */

import { z } from "zod";

const names = z.record(z.string(), z.string());
export const ownManifest = z.looseObject({
  version: z.string(),
  description: z.string(),
  license: z.string(),
  engines: names,
  dependencies: names,
});
export type OwnManifest = z.infer<typeof ownManifest>;

const locked = z.looseObject({
  dev: z.boolean().optional(),
  devOptional: z.boolean().optional(),
  optional: z.boolean().optional(),
  hasInstallScript: z.boolean().optional(),
  dependencies: names.optional(),
  optionalDependencies: names.optional(),
  peerDependencies: names.optional(),
  peerDependenciesMeta: z.record(z.string(), z.looseObject({})).optional(),
});
export const lockFile = z.looseObject({ packages: z.record(z.string(), locked) });
export type LockFile = z.infer<typeof lockFile>;

export interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/**
 * @param imported what the shipped files import: nothing else is installed with them
 * @throws Error for one that package.json does not have, or has for development only
 */
export function manifestOf(
  name: string,
  own: OwnManifest,
  imported: ReadonlySet<string>,
): PackageManifest {
  const dependencies = [...imported].sort().map((wanted) => {
    const version = own.dependencies[wanted];
    if (version === undefined)
      throw new Error(`${wanted} is imported and not among the dependencies of package.json`);
    return [wanted, version] as const;
  });
  return {
    name,
    version: own.version,
    description: own.description,
    license: own.license,
    type: "module",
    engines: own.engines,
    bin: { freshet: "bin/freshet.js" },
    exports: {
      "./client": { types: "./client/index.d.ts", default: "./client/index.js" },
      "./package.json": "./package.json",
    },
    dependencies: Object.fromEntries(dependencies),
  };
}

/**
 * Packages whose install script compiles nothing: it fetches libraries for GPUs, some hundred
 * megabytes, past the registry, and the installation fails without that host. npm runs the scripts
 * that the pins tell of.
 */
const onlyFetches: ReadonlySet<string> = new Set(["node_modules/onnxruntime-node"]);

/**
 * The part of the lock file that these packages need, as npm-shrinkwrap.json: whoever installs the
 * package gets the versions that were tested here. Found as Node finds packages: beside the one
 * that asks, then further up.
 */
export function shrinkwrapOf(lock: LockFile, manifest: PackageManifest): LockFile {
  const kept = new Set<string>();
  const waiting = Object.keys(manifest.dependencies).map((name) => ({ name, from: "" }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const path = placeOf(lock, next);
    if (path === undefined || kept.has(path)) continue;
    kept.add(path);
    for (const name of wantedNames(lock.packages[path])) waiting.push({ name, from: path });
  }
  const { name, version, license, dependencies, bin, engines } = manifest;
  const packages = Object.fromEntries(
    [...kept].sort().map((path) => {
      // What is shipped is not for development, also where a tool asked for it first.
      const { dev: _dev, devOptional: _devOptional, ...entry } = lock.packages[path] ?? {};
      if (!onlyFetches.has(path)) return [path, entry];
      const { hasInstallScript: _hasInstallScript, ...quiet } = entry;
      return [path, quiet];
    }),
  );
  const root = { name, version, license, dependencies, bin, engines };
  return {
    ...lock,
    name,
    version,
    packages: { "": root, ...packages },
  };
}

function wantedNames(entry: LockFile["packages"][string] | undefined): readonly string[] {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = entry ?? {};
  const meta = entry?.peerDependenciesMeta ?? {};
  const peers = Object.keys(peerDependencies).filter((name) => meta[name]?.["optional"] !== true);
  return [...Object.keys(dependencies), ...Object.keys(optionalDependencies), ...peers];
}

function placeOf(
  { packages }: LockFile,
  { name, from }: { readonly name: string; readonly from: string },
): string | undefined {
  for (
    let folder = from;
    ;
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))
  ) {
    const path = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
    if (packages[path] !== undefined) return path;
    if (folder === "") return undefined;
  }
}
