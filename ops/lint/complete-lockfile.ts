/**
 * Completes the lock files: `npm run lockfile`, after every change of a dependency.
 *
 * A registry mirror that does not list the builds of a package for other systems makes npm leave
 * them out of the lock file, and then `npm ci` refuses it everywhere as out of step. Each missing
 * one is added as an optional package of its own system, so that npm skips it where it does not
 * fit.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

interface LockedPackage {
  readonly version?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lockfile {
  packages: Record<string, LockedPackage>;
}

/** The paths at which a package in `path` finds `name`, nearest first. */
function lookupPaths(path: string, name: string): string[] {
  const folders = path === "" ? [""] : path.split("/node_modules/");
  return folders
    .map((_, index) => folders.slice(0, folders.length - index).join("/node_modules/"))
    .concat("")
    .map((folder) => (folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`));
}

/** What a native package's name says about where it runs, as in `@swc/core-linux-arm64-musl`. */
function platformOf(name: string): Pick<LockedPackage, "os" | "cpu" | "libc"> {
  const os = /darwin|win32|linux|android|freebsd|openharmony|wasm32/.exec(name)?.[0] ?? "none";
  const cpu = /arm64|x64|ia32|ppc64|s390x|riscv64|arm(?!64)/.exec(name)?.[0];
  const libc = /musl/.test(name) ? "musl" : /gnu/.test(name) ? "glibc" : undefined;
  return {
    os: [os],
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(libc === undefined || os !== "linux" ? {} : { libc: [libc] }),
  };
}

function complete(lockfile: Lockfile): string[] {
  const { packages } = lockfile;
  const added: string[] = [];
  for (const [path, { optionalDependencies = {} }] of Object.entries(packages)) {
    for (const [name, range] of Object.entries(optionalDependencies)) {
      if (lookupPaths(path, name).some((candidate) => candidate in packages)) continue;
      const version = range.replace(/^[\^~]/, "");
      packages[`node_modules/${name}`] = { version, optional: true, ...platformOf(name) };
      added.push(`${name}@${version}`);
    }
  }
  lockfile.packages = Object.fromEntries(
    Object.entries(packages).sort(([left], [right]) => (left < right ? -1 : 1)),
  );
  return added;
}

for (const path of ["../../package-lock.json", "../setup/llama/package-lock.json"]) {
  const file = fileURLToPath(new URL(path, import.meta.url));
  const lockfile = JSON.parse(readFileSync(file, "utf8")) as Lockfile;
  const added = complete(lockfile);
  writeFileSync(file, `${JSON.stringify(lockfile, null, 2)}\n`);
  process.stdout.write(`${path}: ${added.length} packages of other systems added\n`);
}
