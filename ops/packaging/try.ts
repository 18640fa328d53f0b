/**
 * A stranger's way with the npm package: `ops/node node ops/packaging/try.ts <tarball>` installs it
 * into an empty folder with an empty home, starts it, publishes a document, asks, and stops it.
 *
 * FRESHET_CACHE_DIR names a cache whose servers and model are used; without it everything is
 * installed as it is for anybody, also Weaviate, which is compiled.
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";

const usage = `usage: ops/node node ops/packaging/try.ts [--installed] <tarball|folder>

Installs the package as somebody who has nothing of Freshet does, starts it, publishes a document and
asks about it. With --installed the argument is a folder where that was done. The last line says what
came of it.
`;
const startMs = 20 * 60_000;
const stopMs = 60_000;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

interface Place {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Nothing of this shell but what finds programs, and the place of Node's headers and libraries. */
function environmentOf(home: string): Record<string, string> {
  const node = dirname(dirname(process.execPath));
  const kept = ["FRESHET_CACHE_DIR", "npm_config_cafile", "npm_config_registry", "TMPDIR", "LANG"];
  return {
    ...Object.fromEntries(
      kept.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
    ),
    PATH: `${join(node, "bin")}:${process.env["PATH"] ?? ""}`,
    HOME: home,
    // Where the network has no host of headers, and none of NVIDIA's libraries.
    npm_config_nodedir: node,
    ONNXRUNTIME_NODE_INSTALL: "skip",
  };
}

function install({ folder, env }: Place, tarball: string): void {
  const began = performance.now();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), `{"private": true}\n`);
  const parameters = ["install", "--no-audit", "--no-fund", "--loglevel=error", tarball];
  execFileSync("npm", parameters, { cwd: folder, env, stdio: "inherit" });
  const count = readdirSync(join(folder, "node_modules"), { recursive: false }).length;
  say(`installed in ${Math.round((performance.now() - began) / 1000)} s (${count} folders)`);
}

function freshet({ folder, env }: Place, ...args: readonly string[]): string {
  return execFileSync(join(folder, "node_modules/.bin/freshet"), args, {
    ...{ cwd: folder, env, encoding: "utf8" as const },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

function start({ folder, env }: Place): Promise<ChildProcess> {
  const child = spawn(join(folder, "node_modules/.bin/freshet"), ["start"], {
    ...{ cwd: folder, env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return new Promise((ready, failed) => {
    const late = setTimeout(() => {
      child.kill("SIGTERM");
      failed(new Error(`it did not run after ${startMs / 60_000} minutes`));
    }, startMs);
    let said = "";
    child.stdout.on("data", (piece: Buffer) => {
      process.stdout.write(piece);
      said += piece.toString();
      if (!said.includes("running; Ctrl-C stops everything")) return;
      clearTimeout(late);
      ready(child);
    });
    child.once("exit", (code) => {
      clearTimeout(late);
      failed(new Error(`freshet start ended with code ${String(code)}`));
    });
  });
}

/** @throws Error when it does not end by itself, or another code than that of an interruption */
async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise<number | null>((resolved) => child.once("exit", resolved));
  child.kill("SIGINT");
  const late = setTimeout(() => child.kill("SIGKILL"), stopMs);
  const code = await ended;
  clearTimeout(late);
  if (code !== 0) throw new Error(`it stopped with code ${String(code)}`);
}

const document =
  "The tide gate at Ember Quay closes at 04:45 when the river stands above 3.2 metres.";
const question = "When does the tide gate at Ember Quay close?";

interface Reply {
  readonly answer: string;
  readonly sources: readonly { readonly id: string }[];
}

function ask(place: Place): Reply {
  return JSON.parse(freshet(place, "ask", question, "--json")) as Reply;
}

async function tryPackage(place: Place): Promise<void> {
  say(`freshet --version: ${freshet(place, "--version").trim()}`);
  const running = await start(place);
  try {
    const folder = join(place.folder, "documents");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "gate.md"), `# Tide gate\n\n${document}\n`);
    say(freshet(place, "ingest", folder).trim());
    const hot = ask(place);
    say(`answer: ${hot.answer}`);
    freshet(place, "merge");
    const merged = ask(place);
    for (const { answer, sources } of [hot, merged]) {
      const hasSource = sources.some(({ id }) => basename(id) === "gate.md");
      if (!answer.includes("04:45") || !hasSource) throw new Error(`a wrong answer: ${answer}`);
    }
  } finally {
    await stop(running);
  }
}

async function main(args: readonly string[]): Promise<number> {
  const isInstalled = args[0] === "--installed";
  const [given, ...others] = isInstalled ? args.slice(1) : args;
  if (given === undefined || given.startsWith("-") || others.length > 0) {
    process.stdout.write(usage);
    return given === "--help" ? 0 : 2;
  }
  const place = mkdtempSync(join(tmpdir(), "freshet-stranger-"));
  try {
    const home = join(place, "home");
    mkdirSync(home);
    const folder = isInstalled ? resolve(given) : join(place, "app");
    if (!isInstalled) install({ folder, env: environmentOf(home) }, resolve(given));
    await tryPackage({ folder, env: environmentOf(home) });
    say("1 passed, 0 failed");
    return 0;
  } catch (thrown) {
    say(`freshet: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    say("0 passed, 1 failed");
    return 1;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

process.exitCode = await main(process.argv.slice(2));
