/** `ops/release`: checks that this version may be released, and makes what is released. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { CommanderError } from "commander";
import { licenceProblems } from "../sbom/licences.ts";
import { lockedPackages } from "../sbom/main.ts";
import {
  type Artifact,
  buildImage,
  packClient,
  packNpm,
  writeBom,
  writeSums,
} from "./artifacts.ts";
import { notesOf, releaseProblems } from "./checks.ts";
import { ownManifest } from "./manifest.ts";
import { repository, run } from "./npm-pack.ts";
import { type ReleaseOptions, readReleaseOptions } from "./options.ts";
import { readJson } from "./package-files.ts";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

function git(...parameters: readonly string[]): string {
  return run("git", parameters, repository).trim();
}

function tagIsElsewhere(version: string, head: string): boolean {
  if (git("tag", "--list", `v${version}`) === "") return false;
  return git("rev-list", "-n", "1", `v${version}`) !== head;
}

async function release(options: ReleaseOptions): Promise<number> {
  const { version } = ownManifest.parse(readJson("package.json"));
  const changelog = readFileSync(join(repository, "CHANGELOG.md"), "utf8");
  const revision = git("rev-parse", "HEAD");
  const dirty = git("status", "--porcelain")
    .split("\n")
    .filter((line) => line !== "");
  const tagElsewhere = tagIsElsewhere(version, revision);
  const problems = [
    ...releaseProblems({ version, changelog, dirty, tagElsewhere }),
    ...licenceProblems(lockedPackages()),
  ];
  const isRefused = problems.length > 0 && !options.draft;
  for (const problem of problems) say(isRefused ? `freshet: ${problem}` : `draft: ${problem}`);
  const wanted = { version, revision, notes: notesOf(changelog, version) };
  const artifacts = isRefused || options.dryRun ? [] : await make(options, wanted);
  if (options.json) {
    const told = { version, revision, problems, artifacts };
    process.stdout.write(`${JSON.stringify(told, null, 2)}\n`);
  } else if (!isRefused) tell(options, version, artifacts);
  return isRefused ? 1 : 0;
}

async function make(
  options: ReleaseOptions,
  { version, revision, notes }: { version: string; revision: string; notes: string | undefined },
): Promise<readonly Artifact[]> {
  const out = resolve(options.out);
  mkdirSync(out, { recursive: true });
  say("npm package: compiling and packing");
  const tarball = packNpm(out, options.name);
  say("client: packing");
  const files = [tarball, packClient(out), writeBom(out, version)];
  if (notes !== undefined) {
    const file = join(out, `freshet-${version}.notes.md`);
    writeFileSync(file, `${notes}\n`);
    files.push(file);
  }
  if (options.image) {
    say("image: building");
    const parameters = options.imageArg;
    files.push(await buildImage({ out, version, revision, parameters, tarball }));
  }
  return writeSums(out, files);
}

function tell({ out, dryRun }: ReleaseOptions, version: string, made: readonly Artifact[]): void {
  const line = (text: string): void => void process.stdout.write(`${text}\n`);
  if (dryRun) {
    line(`${version} would be made in ${resolve(out)}`);
    return;
  }
  for (const { file, bytes } of made) line(`${(bytes / 1e6).toFixed(2).padStart(8)} MB  ${file}`);
  line(`in ${resolve(out)}, with SHA256SUMS`);
  line(`next: git tag v${version}; npm publish each .tgz; push the image (skopeo copy)`);
}

async function main(): Promise<number> {
  try {
    return await release(readReleaseOptions(process.argv.slice(2)));
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode;
    say(`freshet: ${thrown instanceof Error ? thrown.message.split("\n", 1)[0] : String(thrown)}`);
    return 1;
  }
}

process.exitCode = await main();
