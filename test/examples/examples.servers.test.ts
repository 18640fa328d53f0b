/**
 * Every example and every command of README's tour, run as they are written against a real engine with
 * a merge worker. A new example or a new block of the tour without an expectation fails.
 */
import { spawn } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeRunFile } from "../../src/cli/run-file.ts";
import { type Environment, openSite, type Site } from "../support/engine-process.ts";
import { inheritedEnvironment } from "../support/environment.ts";
import { eventually } from "../support/promises.ts";
import { serversOfFile } from "../support/side-by-side.ts";
import { toolFor, toolMs } from "./tools.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const examples = join(root, "ops/examples");
/** It embeds some thirty pages and merges them: a minute and a half beside other work. */
const tourMs = 300_000;

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

let site: Site;
/** Where the tour is taken: what it names of the repository, and a run file of its own. */
let place: string;
let env: Environment;

beforeAll(async () => {
  site = await openSite();
  const [engine] = await Promise.all([site.startEngine(), site.startMergeWorker()]);
  place = mkdtempSync(join(tmpdir(), "freshet-tour-"));
  for (const name of ["ops", "actors"]) symlinkSync(join(root, name), join(place, name));
  const { temporal } = serversOfFile();
  const urls = { http: engine.url, nats: site.nats.url };
  const dataDir = join(place, ".freshet");
  writeRunFile(dataDir, { urls, temporal });
  mkdirSync(join(place, "bin"));
  const nats = join(place, "bin/nats");
  const standIn = fileURLToPath(new URL("./nats-cli.ts", import.meta.url));
  writeFileSync(nats, `#!/bin/sh\nexec "${process.execPath}" "${standIn}" "$@"\n`);
  chmodSync(nats, 0o755);
  env = {
    ...inheritedEnvironment(),
    PATH: `${join(place, "bin")}:${process.env["PATH"] ?? ""}`,
    FRESHET_DATA_DIR: dataDir,
    FRESHET: engine.url,
    NATS_URL: site.nats.url,
  };
});

afterAll(async () => {
  await site.close();
  rmSync(place, { recursive: true, force: true });
});

interface Started {
  readonly ended: Promise<Ended>;
  output(): string;
  stop(): void;
}

function start(program: string, parameters: readonly string[]): Started {
  const child = spawn(program, [...parameters], {
    cwd: place,
    env: { ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
  return {
    ended,
    output: () => output,
    stop: () => void process.kill(-(child.pid ?? 0), "SIGTERM"),
  };
}

/** They need a package that is made first: packages.servers.test.ts. */
const elsewhere = ["14-langchain.js"];

describe("the examples", () => {
  const names = readdirSync(examples).filter((name) => name !== "README.md");

  it("are numbered without a gap, and listed", () => {
    const list = readFileSync(join(examples, "README.md"), "utf8");
    for (const [index, name] of names.sort().entries()) {
      expect(name).toMatch(new RegExp(`^${String(index + 1).padStart(2, "0")}-`));
      expect(list).toContain(`[${name}](${name})`);
    }
  });

  const here = names.filter((name) => !elsewhere.includes(name));
  it.for(here)("%s shows what it says", { timeout: 2 * toolMs }, async (name, { skip }) => {
    const tool = await toolFor(join(examples, name));
    if ("missing" in tool) skip(tool.missing);
    else {
      const { code, output } = await start(tool.program, tool.parameters).ended;
      expect(output).not.toBe("");
      expect(code, output).toBe(0);
    }
  });
});

/** The shell blocks of a section of README. */
function blocksOf(heading: string): readonly string[] {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const section = readme.slice(readme.indexOf(`## ${heading}\n`));
  const own = section.slice(0, section.indexOf("\n## "));
  return [...own.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? "");
}

/** What each block has to show, found by a part of it; the watch is apart, since it has no end. */
const shows: readonly (readonly [part: string, shown: readonly RegExp[]])[] = [
  ["Pool hours", [/Stored in Stream: DOCS Sequence: \d+/]],
  [
    "--timeout 60s",
    [
      /at 09:00 at weekends\. \[1\]/,
      /"id":"notice-1"[\s\S]*"id":"notice-1"/,
      /"coverage":\{"hot":"complete"/,
    ],
  ],
  ['"stream": true', [/event: retrieval/, /event: done/, /"llm":"none"/]],
  ['"op": "delete"', [/Stored in Stream: DOCS/, /"code":"no_results"/]],
  ["x-ndjson", [/\{"seq":\d+\}/, /"invalid_json"/, /"unknown_operation"/]],
  ['"oops"', [/"reason":"invalid_document"/, /oops/]],
  ["nats micro", [/"name":"freshet"/, /"subject":"query.\*"/, /"num_requests":\d/, /"in_flight"/]],
  ["ops/freshet ingest", [/visible/, /\[1\]/, /^passed .*\d citations$/m, /fusion/, /merge/]],
  ["/healthz", [/^ok$/m, /"ready":true/, /freshet_operations_total/, /"openapi":"3.1.0"/]],
];

describe("the tour of README", () => {
  const [exports = "", watch = "", ...blocks] = blocksOf("Five-minute tour");

  it("begins with the addresses, and has an expectation for every block", () => {
    expect(exports).toContain("export FRESHET=");
    expect(watch).toContain("nats sub");
    expect(blocks.map((block) => shows.find(([part]) => block.includes(part))?.[0])).toEqual(
      shows.map(([part]) => part),
    );
  });

  it(
    "shows what it says, command by command",
    async () => {
      const script = (block: string) => ["-euo", "pipefail", "-c", `${exports}\n${block}`];
      const watching = start("bash", script(watch));
      await eventually(() => expect(watching.output()).toContain("Subscribing"));
      for (const block of blocks) {
        const { code, output } = await start("bash", script(block)).ended;
        expect(code, `${block}\n${output}`).toBe(0);
        const shown = shows.find(([part]) => block.includes(part))?.[1] ?? [];
        for (const pattern of shown) expect(output, block).toMatch(pattern);
        // A person reads the event before the next command.
        if (block.includes("Pool hours")) {
          await eventually(() => expect(watching.output()).toContain('"status":"visible"'));
        }
      }
      for (const status of ["visible", "deleted", "rejected"]) {
        expect(watching.output()).toContain(`"status":"${status}"`);
      }
      watching.stop();
      await watching.ended;
    },
    tourMs,
  );
});
