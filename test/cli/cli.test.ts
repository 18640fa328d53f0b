import { spawn } from "node:child_process";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeRunFile } from "../../src/cli/run-file.ts";
import { type Fixture, fixture } from "../gateway/http-fixture.ts";
import { runHere } from "../support/run-cli.ts";

const main = join(import.meta.dirname, "../../src/cli/main.ts");
const folder = mkdtempSync(join(tmpdir(), "freshet-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A real process: exit codes and streams are what shells see. */
function run(
  args: readonly string[],
  options: { env?: Record<string, string>; kill?: RegExp } = {},
) {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const env = { PATH, NODE_COMPILE_CACHE, FRESHET_DATA_DIR: folder, ...options.env };
  const child = spawn(process.execPath, [main, ...args], { env });
  child.stdin.end();
  return new Promise<Ended>((resolve) => {
    let [out, err] = ["", ""];
    let interrupted = false;
    child.stdout.on("data", (data: Buffer) => {
      out += data.toString();
      if (interrupted || options.kill?.test(out) !== true) return;
      // Once: a signal that meets the process on its way out, its handlers gone, would end it
      // unhandled.
      interrupted = true;
      child.kill("SIGINT");
    });
    child.stderr.on("data", (data: Buffer) => {
      err += data.toString();
    });
    child.on("close", (code) => resolve({ code, out, err }));
  });
}

const nobody = "http://127.0.0.1:9";

describe("usage", () => {
  it("is shown on request, with examples, and that is no failure", async () => {
    const { code, out, err } = await run(["ask", "--help"]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^Usage: freshet ask [\s\S]*Examples:\n {2}\$ /);
  });

  it.each([
    [["--half-life", "30"], "a number and one of s, m, h, d, w, y"],
    [["--half-life", "0d"], "a number and one of s, m, h, d, w, y"],
    [["--half-life", "30d", "--recency-weight", "2"], "a number from 0 to 1"],
    [["--half-life", "30d", "--recency-field", "title"], "Allowed choices are"],
    [["--recency-weight", "0.5"], "need --half-life"],
  ])("of newer first that is wrong (%j) exits 2 and says what is right", async (args, message) => {
    const { code, err } = await runHere(["search", "q", ...args]);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });

  it("that is wrong exits 2 and says why on standard error", async () => {
    const { code, out, err } = await runHere(["bogus"]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("unknown command 'bogus'");
  });

  it("that comes from the environment exits 2 and names the variable", async () => {
    const { code, err } = await run(["status"], { env: { FRESHET_HTTP_PORT: "x" } });
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/^freshet: FRESHET_HTTP_PORT: expected/),
    ]);
  });
});

it("output that can not be written is a failure of one line", async () => {
  const stdio = ["ignore", openSync("/dev/full", "w"), "pipe"] as const;
  const child = spawn(process.execPath, [main, "--version"], { stdio: [...stdio] });
  let err = "";
  child.stderr?.on("data", (data: Buffer) => {
    err += data.toString();
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect([code, err]).toEqual([1, expect.stringMatching(/^freshet: the output [^\n]*ENOSPC.*\n$/)]);
});

describe("a server that is not there", () => {
  const noEngine = /^freshet: no engine answers at .*\.\/ops\/start\n$/;

  it("is one line that says how to start it", async () => {
    const { code, out, err } = await run(["ask", "q", "--url", nobody]);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(noEngine);
  });

  it.each([
    [["status", "--url", nobody], noEngine],
    [["merge", "--temporal", "127.0.0.1:9"], /^freshet: no Temporal answers at .*ops\/start\n$/],
    [
      ["ingest", main.replace("main.ts", "."), "--nats", "nats://127.0.0.1:9"],
      /^freshet: no NATS answers at .*ops\/start\n$/,
    ],
  ])("is one such line for each command: %j", async (args, line) => {
    const { code, out, err } = await runHere(args);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(line);
  });

  it("a wrong usage is JSON, too, where JSON was asked for", async () => {
    const { code, err, out } = await runHere(["ask", "x", "--topk", "3", "--json"]);
    expect([code, out]).toEqual([2, ""]);
    const message = "unknown option '--topk'; (Did you mean --top-k?); (--help shows how)";
    expect(JSON.parse(err)).toEqual({ error: { message } });
  });

  it("is one JSON line for programs", async () => {
    const { code, err } = await runHere(["status", "--json", "--url", nobody]);
    expect(code).toBe(1);
    expect(JSON.parse(err)).toMatchObject({
      error: { message: expect.stringContaining("ops/start") },
    });
  });
});

describe("with an engine", () => {
  let engine: Fixture;
  let url: string;
  beforeEach(async () => {
    engine = fixture();
    url = (await engine.listen()).url;
    for (const [id, text, tenant] of [
      ["a", "rivers rise\u001b[31m", "demo"],
      ["b", "rivers fall", "acme"],
    ]) {
      await fetch(`${url}/v1/documents`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-tenant": tenant ?? "" },
        body: JSON.stringify({ id, text, title: "Rivers", source: `docs/${id}.md` }),
      });
    }
  });
  afterEach(() => engine.close());

  it("ask prints the answer, then numbered sources and where they lie", async () => {
    engine.service.deltas = ["They ", "rise\u001b]0;x\u0007 [1]."];
    const { code, out } = await run(["ask", "rivers", "--url", url]);
    expect(code).toBe(0);
    expect(out).toMatch(
      /^They rise\]0;x \[1\]\.\n\n\[1\] Rivers — docs\/a\.md \(hot, 1\.00\)\n\nhot complete, cold empty/,
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not reach the terminal
    expect(out).not.toMatch(/[\u001b\u0007]/);
  });

  it("ask --json prints the reply as it is", async () => {
    const { code, out } = await runHere([
      "ask",
      "rivers",
      "--json",
      "--tenant",
      "acme",
      "--url",
      url,
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ answer: "It was.", sources: [{ id: "b" }] });
  });

  it("options of a question reach the engine", async () => {
    const options = [
      "-k",
      "3",
      "--filter",
      "metadata.n:=7",
      "--filter",
      "title=x",
      "--min-seq",
      "1",
    ];
    const form = ["--instructions", "Be formal.", "--language", "de", "--max-sentences", "2"];
    await runHere([
      "ask",
      "rivers",
      ...options,
      "--max-tokens",
      "9",
      ...form,
      "--quote",
      "--url",
      url,
    ]);
    expect(engine.service.asked).toMatchObject([
      {
        question: {
          top_k: 3,
          max_tokens: 9,
          min_seq: 1,
          filter: { "metadata.n": 7, title: "x" },
          ...{ instructions: "Be formal.", language: "de", max_sentences: 2, quote: true },
          stream: true,
        },
      },
    ]);
  });

  it("search asks for passages and shows their text", async () => {
    const { code, out } = await runHere(["search", "rivers", "--url", url]);
    expect(code).toBe(0);
    expect(out).toContain("[1] Rivers — docs/a.md (hot, 1.00)\n    rivers rise");
    expect(engine.service.asked).toMatchObject([{ question: { mode: "search" } }]);
  });

  it("a refusal is one line with its code, and exits 1", async () => {
    const { code, err } = await runHere(["ask", "deserts", "--url", url]);
    expect([code, err]).toEqual([
      1,
      "freshet: nothing matches; the model was not asked (no_results)\n",
    ]);
  });

  it("status shows the tenants", async () => {
    const { code, out } = await runHere(["status", "--url", url]);
    expect(code).toBe(0);
    expect(out).toMatch(/^node n1: ready, 8 of 8 partitions\nservices: log up, .*\ntenant +state /);
    expect(out).toMatch(/\nacme +ready +1 /);
    const json = await runHere(["status", "--json", "--url", url]);
    expect(JSON.parse(json.out)).toMatchObject({ node: "n1", tenants: [{ tenant: "demo" }, {}] });
  });

  it("tenant show tells what a tenant uses and what its quotas leave", async () => {
    const { code, out } = await runHere(["tenant", "show", "acme", "--url", url]);
    expect(code).toBe(0);
    expect(out).toMatch(/^tenant acme: 1 documents, 1 chunks, 0\.0 MiB in memory\nlast minute: /);
    expect(out).toMatch(/\nquota +limit +left\nquestions_per_second +10 +9\.5\n$/);
    const json = await runHere(["tenant", "show", "acme", "--json", "--url", url]);
    expect(JSON.parse(json.out)).toMatchObject({ tenant: "acme", quota: {}, left: {} });
    const wrong = await runHere(["tenant", "show", "a b", "--url", url]);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("a tenant is 1-64")]);
  });

  it("Ctrl-C exits 130 and leaves no work behind", async () => {
    engine.service.deltas = ["begun ", ...Array.from({ length: 1e9 / 1e3 }, () => "…")];
    const { code } = await run(["ask", "rivers", "--url", url], { kill: /begun/ });
    expect(code).toBe(130);
    await expect.poll(() => engine.service.signals[0]?.aborted).toBe(true);
  });

  it("is found by run.json, and an environment variable goes first", async () => {
    const dataDir = mkdtempSync(join(folder, "run-"));
    writeRunFile(dataDir, {
      urls: { http: url, nats: "nats://127.0.0.1:9" },
      temporal: { address: "127.0.0.1:9", namespace: "default" },
    });
    const env = { FRESHET_DATA_DIR: dataDir };
    expect((await run(["status"], { env })).code).toBe(0);
    const other = await runHere(["status"], { env: { ...env, FRESHET_HTTP_PORT: "9" } });
    expect(other.err).toContain("no engine answers at http://127.0.0.1:9:");
    writeFileSync(join(dataDir, "run.json"), "{broken");
    expect((await runHere(["status", "--url", url], { env })).code).toBe(0);
  });
});
