/**
 * The package `@freshet/client` as its users have it: made, installed into an empty folder without
 * a registry, compiled against by plain tsc, run by Node against an engine; and with LangChain.
 */
import { execFile } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSite, type Site } from "../support/engine-process.ts";
import { inheritedEnvironment } from "../support/environment.ts";
import { langChainModules, natsProgram, toolMs } from "./tools.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const npm = join(dirname(process.execPath), "npm");
const tsc = join(root, "node_modules/typescript/bin/tsc");
const run = promisify(execFile);

let site: Site;
let folder: string;
let tarball: string;
let env: Readonly<Record<string, string | undefined>>;

const node = (...parameters: readonly string[]) =>
  run(process.execPath, [...parameters], { cwd: folder, env: { ...env } });

beforeAll(async () => {
  site = await openSite();
  const engine = await site.startEngine();
  folder = mkdtempSync(join(tmpdir(), "freshet-user-"));
  env = { ...inheritedEnvironment(), FRESHET: engine.url, TENANT: "package" };
  writeFileSync(join(folder, "package.json"), '{"private":true,"type":"module"}\n');
  const made = await node(join(root, "ops/client/pack.ts"), folder);
  tarball = made.stdout.trim();
  // An empty cache: whatever is needed beside the tarball cannot be had.
  const offline = ["--offline", "--cache", join(folder, "cache"), "--no-audit", "--no-fund"];
  await run(npm, ["install", ...offline, tarball], { cwd: folder, env: { ...env } });
}, toolMs);

afterAll(async () => {
  await site.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("the client's package", () => {
  it("brings nothing but itself", () => {
    const installed = readdirSync(join(folder, "node_modules")).filter((name) => name[0] !== ".");
    expect(installed).toEqual(["@freshet"]);
    const own = join(folder, "node_modules/@freshet/client");
    expect(readdirSync(own).sort()).toEqual(["LICENSE", "README.md", "dist", "package.json"]);
    const manifest = JSON.parse(readFileSync(join(own, "package.json"), "utf8")) as object;
    expect(manifest).not.toHaveProperty("dependencies");
    const built = readdirSync(join(own, "dist")).filter((name) => name.endsWith(".js"));
    expect(built).toContain("index.js");
    for (const name of built) {
      const text = readFileSync(join(own, "dist", name), "utf8");
      const imported = [...text.matchAll(/^(?:import|export)[^;]* from "([^"]+)";/gm)].map(
        ([, from]) => from,
      );
      for (const from of imported) expect(from).toMatch(/^\.\/[a-z]+\.js$/);
    }
  });

  it.each<[string, object]>([
    [
      "a page's",
      { lib: ["es2022", "dom"], types: [], module: "esnext", moduleResolution: "bundler" },
    ],
    [
      "a program's",
      {
        ...{ lib: ["es2023"], types: ["node"], module: "nodenext", moduleResolution: "nodenext" },
        typeRoots: [join(root, "node_modules/@types")],
      },
    ],
  ])(
    "type-checks under plain tsc with %s settings",
    async (_, options) => {
      const strict = { strict: true, noEmit: true, skipLibCheck: false, target: "es2022" };
      const compilerOptions = { ...strict, exactOptionalPropertyTypes: true, ...options };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }));
      writeFileSync(join(folder, "user.ts"), userProgram);
      await expect(node(tsc, "-p", folder)).resolves.toMatchObject({ stdout: "" });
      writeFileSync(join(folder, "user.ts"), `${userProgram}\nawait freshet.ask({ top_k: 1 });\n`);
      await expect(node(tsc, "-p", folder)).rejects.toMatchObject({
        stdout: expect.stringMatching(/'query' is missing/) as string,
      });
    },
    toolMs,
  );

  it("publishes and asks", async () => {
    writeFileSync(join(folder, "run.js"), program);
    const { stdout } = await node("run.js");
    expect(stdout).toBe("package-1 visible invalid_document\n");
  });

  it("carries a retriever for LangChain", { timeout: 2 * toolMs }, async ({ skip }) => {
    const modules = await langChainModules();
    if (typeof modules !== "string") return skip(modules.missing);
    symlinkSync(join(modules, "@langchain"), join(folder, "node_modules/@langchain"));
    mkdirSync(join(folder, "examples"));
    const example = join(folder, "examples/14-langchain.js");
    copyFileSync(join(root, "ops/examples/14-langchain.js"), example);
    const { stdout } = await node(example);
    expect(stdout).toMatch(/^example-14-lamp@\d+#0: The lamp of the lighthouse/);
  });
});

/** The real one, where it was installed; README's tour has a stand-in. */
describe("the nats command line", () => {
  it("publishes, asks, streams and counts", { timeout: toolMs }, async ({ skip }) => {
    const nats = await natsProgram();
    if (typeof nats !== "string") return skip(nats.missing);
    const { stdout: text } = await say(nats, "req", "api.cli.publish", document, "--raw");
    const { seq } = JSON.parse(text) as { seq: number };
    const question = { query: "When is the market?", min_seq: seq, wait_ms: 30_000 };
    const asked = await say(nats, "req", "query.cli", JSON.stringify(question), "--raw");
    expect(JSON.parse(asked.stdout)).toMatchObject({ sources: [{ id: "cli-1" }] });
    const body = JSON.stringify({ ...question, stream: true });
    const streamed = await say(nats, "req", "query.cli", body, "--wait-for-empty", "--raw");
    // It shows the empty message at the end, too, in words of its own.
    const pieces = streamed.stdout.split("\n").filter((line) => line.startsWith("{"));
    expect(JSON.parse(pieces[0] ?? "")).toMatchObject({ sources: [{ id: "cli-1" }] });
    expect(JSON.parse(pieces.at(-1) ?? "")).toMatchObject({ visible_seq: seq });
    const { stdout: info } = await say(nats, "micro", "info", "freshet", "--json");
    expect(info).toContain('"api.*.listen"');
    const { stdout: stats } = await say(nats, "micro", "stats", "freshet", "--json");
    expect(stats).toMatch(/"num_requests": ?2/);
  });
});

const document = '{"id":"cli-1","text":"The market is on Saturdays at nine."}';
const say = (nats: string, ...parameters: readonly string[]) =>
  run(nats, ["--server", site.nats.url, "--timeout", "60s", ...parameters], { env: { ...env } });

const userProgram = `
import { type Answer, Freshet, FreshetError, overHttp, overNats } from "@freshet/client";
const freshet: Freshet = overHttp({ url: "http://127.0.0.1:8787", apiKey: async () => "key" });
const answer: Answer = await freshet.ask({ query: "q", filter: { language: "en" } });
for await (const piece of freshet.stream("q")) if (piece.type === "delta") piece.text.trim();
for await (const event of freshet.events({ fromSeq: answer.visible_seq })) event.status;
try { await freshet.publishMany([{ id: "a", text: "b" }, { op: "delete", id: "a" }]); }
catch (error) { if (error instanceof FreshetError) error.retryAfterMs?.toFixed(); }
export { overNats };
`;

const program = `
import { FreshetError, overHttp } from "@freshet/client";
const freshet = overHttp({ url: process.env.FRESHET, tenant: process.env.TENANT });
const published = await freshet.publish({ id: "package-1", text: "The bell rings at noon." });
const { sources } = await freshet.search("When does the bell ring?");
const [settled] = await freshet.waitUntilVisible(published);
const refused = await freshet.publish({ id: "", text: "x" }).catch((error) => error);
const code = refused instanceof FreshetError ? refused.code : "";
console.log(sources[0]?.id, settled.status, code);
`;
