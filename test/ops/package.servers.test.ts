/**
 * The npm package as it is laid out, against real servers: compiled code finds its threads, its
 * processes and its workflows. Its packages are those of this checkout; what npm installs is tried by
 * `ops/packaging/try.ts`.
 */

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { layOut } from "../../ops/packaging/package-files.ts";
import { startServer } from "../../ops/servers/supervise.ts";
import manifest from "../../package.json" with { type: "json" };
import { type Environment, freshTenant, openSite, type Site } from "../support/engine-process.ts";

const packages = fileURLToPath(new URL("../../node_modules", import.meta.url));
const place = mkdtempSync(join(tmpdir(), "freshet-laid-out-"));
const folder = join(place, "freshet");
const command = join(folder, "bin/freshet.js");
const tenant = freshTenant("package");
let site: Site;

const freshet = async (env: Environment, ...args: readonly string[]): Promise<string> => {
  const parameters = [command, ...args];
  return (await promisify(execFile)(process.execPath, parameters, { cwd: place, env })).stdout;
};

beforeAll(async () => {
  mkdirSync(folder);
  layOut(folder, "freshet");
  symlinkSync(packages, join(folder, "node_modules"));
  site = await openSite();
});

afterAll(async () => {
  await site.close();
  rmSync(place, { recursive: true, force: true });
});

it("says its version and its commands, and keeps data with its user", async () => {
  const env = { ...site.env, HOME: place, XDG_DATA_HOME: "", FRESHET_DATA_DIR: "" };
  expect(await freshet(env, "--version")).toBe(`${manifest.version}\n`);
  expect(await freshet(env, "--help")).toMatch(/ask .*\n[^]*\n {2}start +servers, engine/);
  // However wide the help is.
  const help = (await freshet(env, "start", "--help")).replaceAll(/\s+/g, " ");
  expect(help).toContain(`FRESHET_DATA_DIR (default ${join(place, ".local/share/freshet")})`);
  const refused = freshet(env, "status", "--url", "http://127.0.0.1:9").catch(String);
  expect(await refused).toContain("start it with freshet start");
});

it("ingests, answers from memory, merges, and answers from cold", async () => {
  const engine = await site.startEngine({}, pathToFileURL(command));
  const port = new URL(engine.url).port;
  const env: Environment = { ...site.env, FRESHET_HTTP_PORT: port };
  const logFile = join(place, "worker.log");
  const worker = await startServer({
    name: "merge-worker",
    program: process.execPath,
    parameters: [command, "merge-worker"],
    env: { ...env, FRESHET_NODE: "worker" },
    logFile,
    cwd: place,
    readyTimeoutMs: 90_000,
    graceS: 20,
    isReady: async () => readFileSync(logFile, "utf8").includes("freshet merge worker polls"),
  });
  try {
    writeFileSync(
      join(place, "gate.md"),
      "# Tide gate\n\nThe tide gate of Ember Quay closes at 04:45.\n",
    );
    const of = ["--tenant", tenant];
    await freshet(env, "ingest", join(place, "gate.md"), ...of);
    const question = ["ask", "When does the tide gate of Ember Quay close?", "--json", ...of];
    const ask = async (): Promise<unknown> => JSON.parse(await freshet(env, ...question));
    const found = (shard: string) => ({
      answer: expect.stringContaining("04:45") as unknown,
      sources: [expect.objectContaining({ shard, title: "Tide gate" })],
    });
    expect(await ask()).toMatchObject(found("hot"));
    await freshet(env, "merge", ...of);
    await expect.poll(ask, { timeout: 30_000, interval: 500 }).toMatchObject(found("cold"));
    const page = await (await fetch(`${engine.url}/metrics`)).text();
    const { node } = process.versions;
    expect(page).toContain(`freshet_build_info{version="${manifest.version}",runtime="${node}"} 1`);
  } finally {
    await worker.stop();
    await engine.stop();
  }
});
