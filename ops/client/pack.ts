/**
 * Makes the package `@freshet/client`: `npm run client -- [folder]` writes its tarball there (by
 * default into the folder where it is called) and prints its path.
 *
 * The package is built from src/client alone, with the platform's types and no others, so it cannot
 * lean on anything of the engine. Everything happens in a folder of its own: nothing that is built
 * lies in the repository.
 */

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

function manifestOf(engine: { readonly version: string; readonly license: string }) {
  return {
    name: "@freshet/client",
    version: engine.version,
    description: "Publish to Freshet and ask it, over HTTP or NATS; no dependencies",
    license: engine.license,
    type: "module",
    sideEffects: false,
    engines: { node: ">=20.3.0" },
    files: ["dist", "README.md", "LICENSE"],
    exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } },
    // For resolvers that do not know `exports`.
    types: "./dist/index.d.ts",
    main: "./dist/index.js",
  };
}

function pack(target: string): string {
  const place = mkdtempSync(join(tmpdir(), "freshet-client-"));
  try {
    const text = readFileSync(join(root, "package.json"), "utf8");
    const manifest = manifestOf(JSON.parse(text) as { version: string; license: string });
    writeFileSync(join(place, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    copyFileSync(join(root, "ops/guides/client.md"), join(place, "README.md"));
    copyFileSync(join(root, "LICENSE"), join(place, "LICENSE"));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const project = join(root, "ops/client/tsconfig.json");
    run(process.execPath, [tsc, "-p", project, "--outDir", join(place, "dist")], root);
    // The npm of this Node, whichever one is first on PATH.
    const npm = join(dirname(process.execPath), "npm");
    const packed = run(npm, ["pack", "--json", "--pack-destination", target], place);
    const [made] = JSON.parse(packed) as { filename: string }[];
    return join(target, made?.filename ?? "");
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function run(program: string, parameters: readonly string[], cwd: string): string {
  return execFileSync(program, [...parameters], {
    ...{ cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  });
}

const [folder = "."] = process.argv.slice(2);
process.stdout.write(`${pack(resolve(folder))}\n`);
