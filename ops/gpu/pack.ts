/**
 * A folder to carry to a machine that has neither Node nor packages nor a network: Node, the few
 * packages that the check loads, and a script that runs it in a checkout. Weights are made there.
 */

import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { packageFolder } from "../../src/embedding/onnx-cuda.ts";
import { runCommand } from "../setup/command.ts";

/** Whole, with what they import. */
const packages = ["onnxruntime-common", "protobufjs", "long", "commander", "zod"];
const runtimeParts = ["package.json", "dist", "bin/napi-v6/linux/x64"];

/** A checkout that has packages keeps them: the kit's are used only where there are none. */
const script = `#!/usr/bin/env bash
# Runs ops/gpu-check of the checkout that this is called in: bash ${"$"}FOLDER/run.sh --json
set -euo pipefail
kit="$(mktemp -d)"
tar -xJf "$(dirname -- "${"$"}{BASH_SOURCE[0]}")/kit.tar.xz" -C "$kit"
[[ -e node_modules ]] || ln -s "$kit/node_modules" node_modules
PATH="$kit/bin:$PATH" FRESHET_GPU_KIT="$kit" exec ops/gpu-check "$@"
`;

/** @returns a line about what was made */
export async function packKit(folder: string): Promise<string> {
  const staging = await mkdtemp(join(tmpdir(), "freshet-gpu-kit-"));
  try {
    await mkdir(join(staging, "bin"), { recursive: true });
    await cp(process.execPath, join(staging, "bin", "node"));
    const modules = join(staging, "node_modules");
    for (const name of packages) {
      await cp(packageFolder(name), join(modules, name), { recursive: true });
    }
    for (const part of runtimeParts) {
      const to = join(modules, "onnxruntime-node", part);
      await mkdir(dirname(to), { recursive: true });
      await cp(join(packageFolder("onnxruntime-node"), part), to, { recursive: true });
    }
    await mkdir(folder, { recursive: true });
    const archive = join(folder, "kit.tar.xz");
    const env = { ...process.env, XZ_OPT: "-3 -T0" };
    const { code, output } = await runCommand("tar", ["-cJf", archive, "-C", staging, "."], {
      env,
    });
    if (code !== 0) throw new Error(`tar failed: ${output}`);
    await writeFile(join(folder, "run.sh"), script);
    return `packed into ${folder}: carry it, and run bash ${folder}/run.sh in the checkout`;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
