import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("./fixtures/waits-once-loaded.ts", import.meta.url));
const sources = fileURLToPath(new URL("../../src", import.meta.url));
/** It ends by itself, and Node keeps what it compiled. */
const endsByItself = ["hot/hnsw-builder-worker.ts"];

describe("compiled code", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "freshet-compiled-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function keptAfter(...args: string[]): Promise<number> {
    const env = { ...process.env, NODE_COMPILE_CACHE: folder };
    const child = spawn(process.execPath, [program, ...args], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(child, "exit");
    await Promise.race([once(child.stdout, "data"), ended]);
    child.kill("SIGKILL");
    expect(await ended).toEqual([null, "SIGKILL"]);
    return globSync("*/*", { cwd: folder }).length;
  }

  it("of a process that is killed is there for the next one, once it was told to keep it", async () => {
    expect(await keptAfter()).toBe(0);
    // Each of the two files without its types, and compiled.
    expect(await keptAfter("keeps")).toBe(4);
  });

  it("is kept by every thread and process that others end", () => {
    const programs = globSync("**/*-worker.ts", { cwd: sources });
    const forgetful = programs.filter(
      (file) => !readFileSync(join(sources, file), "utf8").includes("keepCompiled();"),
    );
    expect(programs.length).toBeGreaterThan(endsByItself.length);
    expect(forgetful).toEqual(endsByItself);
  });
});
