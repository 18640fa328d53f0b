/** Lays the npm package out in a folder: compiled files, what they read, manifest and pins. */

import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, normalize } from "node:path";
import { compileFile, wantedBy } from "./compile.ts";
import {
  lockFile,
  manifestOf,
  ownManifest,
  type PackageManifest,
  shrinkwrapOf,
} from "./manifest.ts";
import { compileClient, repository } from "./npm-pack.ts";

/** What runs, and what sets it up and starts it. Never tests, lint, benches or releases. */
const codeFolders = [
  ...["src", "actors", "activities", "workflows"],
  ...["ops/main-job", "ops/servers", "ops/setup", "ops/model"],
];
/** What the code reads beside itself, and what its messages point to. */
const otherFiles = [
  "src/gateway/console/page/*.{js,css,html}",
  ...["ops/servers/watch.sh", "ops/setup/llama/*.json", "ops/versions.json", "ops/model/NOTICE.md"],
  ...["ops/prometheus/*.yml", "ops/grafana/boards/*.json"],
  ...["ops/guides/*.md", "ops/runbooks/*.md", "LICENSE", "CHANGELOG.md", "SECURITY.md"],
];

export function readJson(name: string): unknown {
  return JSON.parse(readFileSync(join(repository, name), "utf8"));
}

/** @returns what npm is told; the folder is complete and every file that it asks for is there. */
export function layOut(folder: string, name: string): PackageManifest {
  const texts = new Map(
    globSync(`{${codeFolders.join(",")}}/**/*.ts`, { cwd: repository })
      .filter((path) => !/\.(as|d)\.ts$/.test(path))
      .map((path) => {
        const text = readFileSync(join(repository, path), "utf8");
        return [path.replace(/\.ts$/, ".js"), compileFile(path, text)] as const;
      }),
  );
  for (const [path, text] of texts) write(folder, path, text);
  for (const path of globSync(otherFiles, { cwd: repository })) copy(folder, path, path);
  copy(folder, "ops/packaging/freshet.js", "bin/freshet.js");
  chmodSync(join(folder, "bin/freshet.js"), 0o755);
  copy(folder, "ops/packaging/healthcheck.js", "bin/healthcheck.js");
  const readMe = readFileSync(join(repository, "ops/guides/npm.md"), "utf8");
  write(folder, "README.md", readMe.replaceAll(/\]\(([a-z-]+\.md)/g, "](ops/guides/$1"));
  // `freshet/client`; the same files as `@freshet/client` has.
  compileClient(join(folder, "client"));
  const imported = requireComplete(folder, texts);
  const manifest = manifestOf(name, ownManifest.parse(readJson("package.json")), imported);
  write(folder, "package.json", `${JSON.stringify(manifest, null, 2)}\n`);
  const pins = shrinkwrapOf(lockFile.parse(readJson("package-lock.json")), manifest);
  write(folder, "npm-shrinkwrap.json", `${JSON.stringify(pins, null, 2)}\n`);
  return manifest;
}

/** @throws Error naming what a file would not find. @returns the packages that are imported. */
function requireComplete(folder: string, texts: ReadonlyMap<string, string>): ReadonlySet<string> {
  const packages = new Set<string>();
  for (const [path, text] of texts) {
    const wanted = wantedBy(text);
    for (const name of wanted.packages) packages.add(name);
    for (const file of wanted.files) {
      // A template such as `./page/${name}` stands for files that are copied as a folder.
      const there = normalize(join(dirname(path), file));
      const isOfRoot = /^(package(-lock)?|npm-shrinkwrap)\.json$/.test(there);
      if (!isOfRoot && there !== "." && !existsSync(join(folder, there))) {
        throw new Error(`${path} asks for ${there}, which is not in the package`);
      }
    }
  }
  return packages;
}

function write(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function copy(folder: string, from: string, to: string): void {
  mkdirSync(dirname(join(folder, to)), { recursive: true });
  rmSync(join(folder, to), { force: true });
  copyFileSync(join(repository, from), join(folder, to));
}
