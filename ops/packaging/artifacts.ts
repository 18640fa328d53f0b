/** Makes the artifacts, each with the tool that it is known by: npm, buildah, npm's list of packages. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { makeBom } from "../sbom/main.ts";
import { layOut, repository } from "./package-files.ts";

export interface Artifact {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** @returns the tarball's path. Nothing that is built lies in the repository. */
export function packNpm(out: string, name: string): string {
  return inTemporaryFolder((place) => {
    layOut(place, name);
    // The npm of this Node, whichever one is first on PATH.
    const npm = join(dirname(process.execPath), "npm");
    const packed = run(
      npm,
      ["pack", "--json", "--ignore-scripts", "--pack-destination", out],
      place,
    );
    const [made] = JSON.parse(packed) as { filename: string }[];
    return join(out, made?.filename ?? "");
  });
}

export function packClient(out: string): string {
  return run(process.execPath, [join(repository, "ops/client/pack.ts"), out], repository).trim();
}

export function writeBom(out: string, version: string): string {
  const file = join(out, `freshet-${version}.cdx.json`);
  writeFileSync(file, `${JSON.stringify(makeBom({ all: false }), null, 2)}\n`);
  return file;
}

interface ImageRequest {
  readonly out: string;
  readonly version: string;
  readonly revision: string;
  readonly base: string | undefined;
  /** The tarball that is installed in it. */
  readonly tarball: string;
}

/** The image as an archive that podman, docker and skopeo load. */
export function buildImage({ out, version, revision, base, tarball }: ImageRequest): string {
  const file = join(out, `freshet-${version}.image.tar`);
  rmSync(file, { force: true });
  const given = { VERSION: version, REVISION: revision, PACKAGE: basename(tarball) };
  const all = base === undefined ? given : { ...given, BASE: base };
  const named = Object.entries(all).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]);
  const tag = `localhost/freshet:${version}`;
  const containerfile = join(repository, "ops/image/Containerfile");
  const isolation = process.env["BUILDAH_ISOLATION"] === undefined ? [] : ["--network", "host"];
  run(
    "buildah",
    ["build", ...isolation, ...named, "--tag", tag, "--file", containerfile, out],
    out,
  );
  run("buildah", ["push", tag, `oci-archive:${file}:${tag}`], out);
  return file;
}

/** Of the files as they are, in the form that `sha256sum --check` reads. */
export function writeSums(out: string, files: readonly string[]): readonly Artifact[] {
  const artifacts = files.map((path) => {
    const content = readFileSync(path);
    const sha256 = createHash("sha256").update(content).digest("hex");
    return { file: basename(path), bytes: content.length, sha256 };
  });
  const draft = join(out, `.SHA256SUMS.${process.pid}`);
  writeFileSync(draft, artifacts.map(({ file, sha256 }) => `${sha256}  ${file}\n`).join(""));
  renameSync(draft, join(out, "SHA256SUMS"));
  return artifacts;
}

export function run(program: string, parameters: readonly string[], cwd: string): string {
  return execFileSync(program, [...parameters], {
    ...{ cwd, encoding: "utf8" as const, maxBuffer: 64 * 1024 * 1024 },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

function inTemporaryFolder<T>(work: (folder: string) => T): T {
  const place = mkdtempSync(join(tmpdir(), "freshet-package-"));
  try {
    return work(place);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

export function makeFolder(path: string): void {
  mkdirSync(path, { recursive: true });
}
