/** Makes the artifacts, each with the tool that it is known by: npm, buildah. */

import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { makeBom } from "../sbom/main.ts";
import { sha256OfFile } from "../setup/checksum.ts";
import { ensureTools } from "../setup/ensure-tools.ts";
import { lineProgress } from "../setup/progress.ts";
import { packFolder, repository, run } from "./npm-pack.ts";
import { layOut } from "./package-files.ts";

export interface Artifact {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** @returns the tarball's path. Nothing that is built lies in the repository. */
export function packNpm(out: string, name: string): string {
  return packFolder(out, (folder) => void layOut(folder, name));
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
  /** Build arguments beside those: bases, the kind of processor. */
  readonly parameters: readonly string[];
  /** The tarball that is installed in it. */
  readonly tarball: string;
}

/** The image as an archive that podman, docker and skopeo load. */
export async function buildImage(request: ImageRequest): Promise<string> {
  const { out, version, revision, parameters, tarball } = request;
  const file = join(out, `freshet-${version}.image.tar`);
  const context = mkdtempSync(join(tmpdir(), "freshet-image-"));
  try {
    copyFileSync(tarball, join(context, basename(tarball)));
    await stageModel(join(context, "model"));
    const own = [`VERSION=${version}`, `REVISION=${revision}`, `PACKAGE=${basename(tarball)}`];
    const given = [...own, ...parameters].flatMap((text) => ["--build-arg", text]);
    const tag = `localhost/freshet:${version}`;
    const containerfile = join(repository, "ops/image/Containerfile");
    // Docker's format: that of OCI knows no health check.
    const kept = ["--format", "docker", "--tag", tag, "--file", containerfile];
    const build = ["build", ...(process.env["FRESHET_BUILDAH"] ?? "").split(" ").filter(Boolean)];
    execFileSync("buildah", [...build, ...given, ...kept, context], { stdio: ["ignore", 2, 2] });
    rmSync(file, { force: true });
    execFileSync("buildah", ["push", tag, `docker-archive:${file}:${tag}`], {
      stdio: ["ignore", 2, 2],
    });
    return file;
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

const precisions = ["fp32", "int8"] as const;

/** The default embedding model as an engine needs it: for processors with VNNI and without. */
export async function stageModel(folder: string): Promise<void> {
  const want = { nats: false, temporal: false, weaviate: false, llm: false, embedding: true };
  const progress = lineProgress(
    (line) => process.stderr.write(line),
    () => performance.now(),
  );
  mkdirSync(folder, { recursive: true });
  for (const precision of precisions) {
    const env = { ...process.env, FRESHET_EMBED_PRECISION: precision };
    const { embedding } = await ensureTools({ env, progress, want });
    if (embedding === undefined) throw new Error("the set-up made no embedding model");
    const { modelDir, graph } = embedding;
    const files = [...["config.json", "tokenizer.json"].map((name) => join(modelDir, name)), graph];
    for (const path of files) copyFileSync(path, join(folder, basename(path)));
    copyFileSync(`${graph}.sha256`, join(folder, `${basename(graph)}.sha256`));
  }
}

/** Of the files as they are, in the form that `sha256sum --check` reads. */
export async function writeSums(
  out: string,
  files: readonly string[],
): Promise<readonly Artifact[]> {
  const artifacts: Artifact[] = [];
  for (const path of files) {
    const sha256 = await sha256OfFile(path);
    artifacts.push({ file: basename(path), bytes: statSync(path).size, sha256 });
  }
  const draft = join(out, `.SHA256SUMS.${process.pid}`);
  writeFileSync(draft, artifacts.map(({ file, sha256 }) => `${sha256}  ${file}\n`).join(""));
  renameSync(draft, join(out, "SHA256SUMS"));
  return artifacts;
}
