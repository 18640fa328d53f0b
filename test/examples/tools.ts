/**
 * What the examples run with. Python and Go and their NATS libraries come through their ordinary
 * clients into Freshet's cache, never into the repository; where one cannot be had, a sentence says
 * so, and what needs it is left out.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { cacheFolder } from "../../ops/setup/cache.ts";

export interface Tool {
  readonly program: string;
  readonly parameters: readonly string[];
}

export type Found = Tool | { readonly missing: string };

const natsPy = "nats-py==2.16.0";
const langChain = "@langchain/core@1.4.0";
/** A first download and build, beside other work. */
export const toolMs = 300_000;

const run = promisify(execFile);
const place = (): string => join(cacheFolder(process.env), "examples");

/** @throws Error when an example does not compile, or nothing here runs such a file */
export async function toolFor(path: string): Promise<Found> {
  if (existsSync(join(path, "go.mod"))) return goProgram(path);
  switch (basename(path).split(".").at(-1)) {
    case "sh":
      return { program: "bash", parameters: [path] };
    case "ts":
      return { program: process.execPath, parameters: [path] };
    case "py":
      return python(path);
    default:
      throw new Error(`nothing here runs ${path}`);
  }
}

async function python(path: string): Promise<Found> {
  if (!/^import nats$/m.test(readFileSync(path, "utf8"))) {
    return { program: "python3", parameters: [path] };
  }
  const folder = join(place(), natsPy.replace("==", "-"));
  const program = join(folder, "bin/python");
  const hasIt = (): Promise<boolean> => works(program, ["-c", "import nats"]);
  if (!(await hasIt())) {
    const made =
      (await works("python3", ["-m", "venv", folder])) &&
      (await works(program, ["-m", "pip", "install", "--quiet", natsPy]));
    if (!made) return { missing: `Python cannot make an environment with ${natsPy} here` };
  }
  return { program, parameters: [path] };
}

async function goProgram(folder: string): Promise<Found> {
  if (!(await works("go", ["version"]))) return { missing: "Go is not installed here" };
  if (!(await works("go", ["mod", "download"], folder))) {
    return { missing: `the modules of ${basename(folder)} cannot be downloaded here` };
  }
  const program = join(place(), "bin", basename(folder));
  mkdirSync(dirname(program), { recursive: true });
  await run("go", ["build", "-o", program, "."], { cwd: folder, timeout: toolMs });
  return { program, parameters: [] };
}

/** The folder `node_modules` with LangChain in it. */
export async function langChainModules(): Promise<string | { readonly missing: string }> {
  const folder = join(place(), "langchain-1.4.0");
  const modules = join(folder, "node_modules");
  if (existsSync(join(modules, "@langchain/core/package.json"))) return modules;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"private":true}\n');
  const npm = join(dirname(process.execPath), "npm");
  const quietly = ["--ignore-scripts", "--no-audit", "--no-fund", "--save-exact"];
  const has = await works(npm, ["install", ...quietly, langChain], folder);
  return has ? modules : { missing: `${langChain} cannot be installed here` };
}

/** Looked for and never built: that takes minutes. */
export async function natsProgram(): Promise<string | { readonly missing: string }> {
  for (const program of [join(place(), "bin/nats"), "nats"]) {
    if (await works(program, ["--version"])) return program;
  }
  const where = join(place(), "bin");
  return {
    missing: `the nats command line is not here: GOBIN=${where} go install github.com/nats-io/natscli/nats@latest`,
  };
}

async function works(
  program: string,
  parameters: readonly string[],
  cwd?: string,
): Promise<boolean> {
  try {
    await run(program, [...parameters], { timeout: toolMs, ...(cwd === undefined ? {} : { cwd }) });
    return true;
  } catch {
    return false;
  }
}
