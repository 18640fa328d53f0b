import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isIntactBuild, publishBuild } from "../../ops/setup/built-file.ts";
import {
  cacheFolder,
  publishFile,
  publishFolder,
  requireFreeSpace,
  withTemporaryFolder,
} from "../../ops/setup/cache.ts";
import { isVerified, sha256OfFile } from "../../ops/setup/checksum.ts";
import type { SetupContext } from "../../ops/setup/context.ts";
import { withLock } from "../../ops/setup/lock.ts";
import { ensureModelGraph } from "../../ops/setup/model-graph.ts";
import { graphsFor, precisionFor } from "../../ops/setup/precision.ts";
import { silentProgress } from "../../ops/setup/progress.ts";
import { findVersion, isAcceptable, isAtLeast } from "../../ops/setup/version.ts";
import { pinsForPlatform, readPins } from "../../ops/setup/versions.ts";
import { foldersOfGo } from "../../ops/setup/weaviate-build.ts";
import { writeTinyEncoder } from "../model/tiny-encoder.ts";

/** sha256 of "hello\n", as sha256sum prints it. */
const helloSha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "freshet-setup-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function fileWith(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("versions", () => {
  test.each([
    ["nats-server: v2.15.1", "2.15.1"],
    ["temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)", "1.9.1"],
    ["go version go1.26.8 linux/amd64", "1.26.8"],
    ["no version here", undefined],
  ])("finds the version in %j", (output, version) => {
    expect(findVersion(output)).toBe(version);
  });

  test.each([
    ["2.15.1", "2.15.0", true],
    ["2.9.25", "2.15.0", false],
    ["1.24", "1.24.0", true],
    ["v24.12.0-rc.1", "24.12.0", true],
    ["1.10.0", "1.9.9", true],
  ])("%s is at least %s: %s", (have, want, expected) => {
    expect(isAtLeast(have, want)).toBe(expected);
  });

  test("a newer major version is not acceptable, because its flags may have changed", () => {
    expect(isAcceptable("2.16.0", "2.15.0")).toBe(true);
    expect(isAcceptable("3.0.0", "2.15.0")).toBe(false);
  });
});

describe("pinned versions", () => {
  test("the file is complete for linux-x64", () => {
    expect(pinsForPlatform(readPins(), "linux-x64").nats.wheel.version).toMatch(/^2\.15\./);
  });

  test("an unknown platform is refused in one line that names the file to extend", () => {
    expect(() => pinsForPlatform(readPins(), "plan9-mips")).toThrow(
      /^no pinned tools for plan9-mips: [^\n]*ops\/versions\.json$/,
    );
  });
});

describe("the cache folder", () => {
  test("is FRESHET_CACHE_DIR, else under XDG_CACHE_HOME, else under the home folder", () => {
    expect(cacheFolder({ FRESHET_CACHE_DIR: "/a", XDG_CACHE_HOME: "/b" })).toBe("/a");
    expect(cacheFolder({ FRESHET_CACHE_DIR: "", XDG_CACHE_HOME: "/b" })).toBe("/b/freshet");
    expect(cacheFolder({})).toMatch(/\/\.cache\/freshet$/);
  });

  test("a full disk is one line that says how much is missing and what to set", () => {
    expect(() => requireFreeSpace(folder, Number.MAX_SAFE_INTEGER, "FRESHET_CACHE_DIR")).toThrow(
      /^only \d+ MB free in .*, \d+ MB needed: [^\n]*FRESHET_CACHE_DIR$/,
    );
  });

  test("a temporary folder is gone after a failure, and so are those of killed runs", async () => {
    const abandoned = join(folder, "tmp", `set-up.${2 ** 22 + 1}.x`);
    mkdirSync(abandoned, { recursive: true });
    const failing = withTemporaryFolder(folder, () => Promise.reject(new Error("download failed")));
    await expect(failing).rejects.toThrow("download failed");
    expect(readdirSync(join(folder, "tmp"))).toEqual([]);
  });
});

describe("a download", () => {
  test("that is partial is refused and never gets its final name", async () => {
    const partial = fileWith("partial", "hel");
    const final = join(folder, "final");
    await expect(publishFile(partial, final, helloSha256)).rejects.toThrow(/pinned checksum/);
    expect(existsSync(final)).toBe(false);
  });

  test("that is whole is published and trusted", async () => {
    const final = join(folder, "final");
    await publishFile(fileWith("whole", "hello\n"), final, helloSha256);
    expect(await isVerified(final, helloSha256)).toBe(true);
    expect(await sha256OfFile(final)).toBe(helloSha256);
  });

  test("that was damaged in the cache is found out and deleted", async () => {
    const final = join(folder, "final");
    await publishFile(fileWith("whole", "hello\n"), final, helloSha256);
    writeFileSync(final, "jello\n");
    utimesSync(final, 1, 1);
    expect(await isVerified(final, helloSha256)).toBe(false);
    expect(existsSync(final)).toBe(false);
  });

  test("of another version is not taken for the pinned one, whatever its stamp says", async () => {
    const final = join(folder, "final");
    await publishFile(fileWith("whole", "hello\n"), final, helloSha256);
    expect(await isVerified(final, "0".repeat(64))).toBe(false);
  });

  test("that two runs publish as folders at once stays that of the first", () => {
    const final = join(folder, "final");
    for (const name of ["first", "second"]) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, name), "");
      publishFolder(join(folder, name), final);
    }
    expect(readdirSync(final)).toEqual(["first"]);
  });
});

describe("a file built here", () => {
  test("is trusted while it is what the build made, and deleted once it is cut short", async () => {
    const final = join(folder, "server");
    await publishBuild(fileWith("built", "a compiled server"), final);
    expect(await isIntactBuild(final)).toBe(true);
    writeFileSync(final, "a comp");
    expect(await isIntactBuild(final)).toBe(false);
    expect(existsSync(final)).toBe(false);
  });

  test("is not trusted without the checksum of its build", async () => {
    expect(await isIntactBuild(fileWith("server", "of unknown origin"))).toBe(false);
  });
});

describe("the precision of the embedding graph", () => {
  const cpuinfo = (flags: string) => `processor\t: 0\nflags\t\t: fpu ${flags}\n`;
  const withVnni = cpuinfo("avx2 avx512_vnni");
  const without = cpuinfo("avx2");

  test("is what the machine is good at when nobody asks, or asks for auto", () => {
    for (const env of [{}, { FRESHET_EMBED_PRECISION: "" }, { FRESHET_EMBED_PRECISION: "auto" }]) {
      expect(precisionFor(env, withVnni)).toBe("int8");
      expect(precisionFor(env, without)).toBe("fp32");
      expect(precisionFor({ ...env, FRESHET_EMBED_PROVIDER: "cuda" }, withVnni)).toBe("fp16");
    }
  });

  test("is what the environment asks for", () => {
    for (const precision of ["fp32", "int8", "fp16"]) {
      expect(precisionFor({ FRESHET_EMBED_PRECISION: precision }, without)).toBe(precision);
    }
  });

  test("has a graph for WebGPU, and one for the CPU where that may stand in", () => {
    const webgpu = { FRESHET_EMBED_PROVIDER: "webgpu" };
    expect(graphsFor(webgpu, without)).toEqual(["plain-fp16"]);
    const declared = { ...webgpu, FRESHET_EMBED_FALLBACK: "cpu" };
    expect(graphsFor(declared, without)).toEqual(["plain-fp16", "fp32"]);
    expect(graphsFor(declared, withVnni)).toEqual(["plain-fp16", "int8"]);
    expect(graphsFor({ FRESHET_EMBED_FALLBACK: "cpu" }, withVnni)).toEqual(["int8"]);
    expect(() => graphsFor({ ...webgpu, FRESHET_EMBED_PRECISION: "int8" }, without)).toThrow(
      "FRESHET_EMBED_PRECISION is int8; with webgpu it can be auto, fp32, fp16",
    );
  });

  test("that no graph has is refused in one line with those there are", () => {
    expect(() => precisionFor({ FRESHET_EMBED_PRECISION: "fp8" }, withVnni)).toThrow(
      "FRESHET_EMBED_PRECISION is fp8; it can be auto, fp32, int8, fp16",
    );
    expect(() => precisionFor({ FRESHET_EMBED_PROVIDER: "rocm" }, withVnni)).toThrow(
      "FRESHET_EMBED_PROVIDER is rocm; it can be cpu, cuda, tensorrt, webgpu",
    );
  });
});

describe("the embedding graph", () => {
  const context: SetupContext = {
    env: {},
    cache: "",
    progress: silentProgress,
    pins: readPins(),
    platform: pinsForPlatform(readPins(), "linux-x64"),
  };
  const pin = context.pins.models.embedding;
  const graphs = () => readdirSync(folder).filter((name) => name.endsWith(".onnx"));

  test("is compiled once for each precision, and is whole and named after it", async () => {
    await writeTinyEncoder(folder);
    const here = { ...context, cache: join(folder, "cache") };
    for (const variant of ["fp32", "int8", "fp16"] as const) {
      const made = await ensureModelGraph(here, { modelDir: folder, pin, variant });
      expect(made).toMatch(new RegExp(`/graph-${variant}-[0-9a-f]{16}\\.onnx$`));
      const { mtimeNs } = statSync(made, { bigint: true });
      expect(await ensureModelGraph(here, { modelDir: folder, pin, variant })).toBe(made);
      expect(statSync(made, { bigint: true }).mtimeNs).toBe(mtimeNs);
    }
    expect(graphs()).toHaveLength(3);
  });

  test("pushes out the oldest left-overs of its own precision, and no other's", async () => {
    await writeTinyEncoder(folder);
    for (const [age, name] of ["a", "b", "c", "d"].entries()) {
      for (const variant of ["fp32", "int8"]) {
        const at = 1000 - age;
        utimesSync(fileWith(`graph-${variant}-${name}.onnx`, ""), at, at);
      }
    }
    const here = { ...context, cache: join(folder, "cache") };
    const made = await ensureModelGraph(here, { modelDir: folder, pin, variant: "int8" });
    const left = ["graph-int8-a.onnx", "graph-int8-b.onnx", basename(made)].sort();
    expect(graphs().filter((name) => name.startsWith("graph-int8-"))).toEqual(left);
    expect(graphs().filter((name) => name.startsWith("graph-fp32-"))).toHaveLength(4);
  });
});

describe("an installation lock", () => {
  test("lets one installation run at a time", async () => {
    const path = join(folder, "lock");
    const events: string[] = [];
    const install = (name: string) =>
      withLock(path, async () => {
        events.push(`${name} in`);
        await new Promise((resolve) => setImmediate(resolve));
        events.push(`${name} out`);
      });
    await Promise.all([install("a"), install("b")]);
    expect(events).toEqual(["a in", "a out", "b in", "b out"]);
  });

  test("of a process that died is taken over", async () => {
    const path = fileWith("lock", String(2 ** 22 + 1));
    expect(await withLock(path, () => Promise.resolve("done"))).toBe("done");
  });
});

test("an account without a home that it may write to builds in the build's own folder", () => {
  expect(foldersOfGo({ HOME: folder }, "/build")).toEqual({ GOFLAGS: "" });
  const own = { GOPATH: "/build/modules", GOCACHE: "/build/compiled", GOFLAGS: "-modcacherw" };
  expect(foldersOfGo({ HOME: "/nonexistent" }, "/build")).toEqual(own);
  expect(foldersOfGo({}, "/build")).toEqual(own);
});
