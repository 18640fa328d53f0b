/** What the figures were taken on. */

import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import type { Report } from "./report.ts";

export function describeMachine(): Report["machine"] {
  return {
    cpu: `${cpus()[0]?.model.trim() ?? "unknown"}, ${availableParallelism()} cores`,
    simd: simdFlags(),
    memory_gb: Math.round(totalmem() / 2 ** 30),
    os: `${process.platform} ${release()}`,
    load: loadavg()
      .map((value) => value.toFixed(2))
      .join(" "),
  };
}

const packages = ["onnxruntime-node", "hnswlib-node", "nats", "@huggingface/tokenizers"];

export function describeVersions(root: string): Report["versions"] {
  const versionIn = (folder: string): string => {
    const { version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as {
      version: string;
    };
    return version;
  };
  return {
    freshet: versionIn(root),
    node: process.versions.node,
    ...Object.fromEntries(
      packages.map((name) => [name, versionIn(`${root}/node_modules/${name}`)]),
    ),
  };
}

/** The flags that decide which kernels a runtime picks; Linux only. */
function simdFlags(): string {
  try {
    const flags = new Set(
      /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" "),
    );
    return ["avx2", "avx512f", "avx512_vnni", "amx_int8"]
      .filter((flag) => flags.has(flag))
      .join(" ");
  } catch {
    return "unknown";
  }
}
