/**
 * Makes the package `@freshet/client`: `npm run client -- [folder]` writes its tarball there (by
 * default into the folder where it is called) and prints its path.
 *
 * The package is built from src/client alone, with the platform's types and no others, so it cannot
 * lean on anything of the engine. Everything happens in a folder of its own: nothing that is built
 * lies in the repository.
 */

import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { compileClient, packFolder, repository } from "../packaging/npm-pack.ts";

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

function layOut(place: string): void {
  const text = readFileSync(join(repository, "package.json"), "utf8");
  const manifest = manifestOf(JSON.parse(text) as { version: string; license: string });
  writeFileSync(join(place, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  copyFileSync(join(repository, "ops/guides/client.md"), join(place, "README.md"));
  copyFileSync(join(repository, "LICENSE"), join(place, "LICENSE"));
  compileClient(join(place, "dist"));
}

const [folder = "."] = process.argv.slice(2);
process.stdout.write(`${packFolder(resolve(folder), layOut)}\n`);
