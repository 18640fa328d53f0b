/** Runs one of Freshet's commands to its end, and keeps all that it says. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { Environment } from "./engine-process.ts";

export interface Run {
  readonly pid: number;
  /** All of standard output so far. */
  stdout(): string;
  stderr(): string;
  /** To the process itself. */
  signal(name: NodeJS.Signals): void;
  /** To its process group, as a terminal does for Ctrl-C. */
  signalGroup(name: NodeJS.Signals): void;
  /** Resolves with the exit code when the process has ended; 128 + n when signal n ended it. */
  readonly ended: Promise<number | string>;
  /** Resolves when standard output or error matches. @throws Error when the process ends before */
  says(pattern: RegExp): Promise<void>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** `node src/main.ts <role>` */
export function runRole(role: string, env: Environment): Run {
  return run(process.execPath, ["src/main.ts", role], env);
}

/** `freshet …`, without what `ops/freshet` sets up before. */
export function runCommand(parameters: readonly string[], env: Environment): Run {
  return run(process.execPath, ["src/cli/main.ts", ...parameters], env);
}

/** `ops/start …` */
export function runStart(parameters: readonly string[], env: Environment): Run {
  return run("ops/start", parameters, env);
}

function run(program: string, parameters: readonly string[], env: Environment): Run {
  const child = spawn(program, [...parameters], {
    cwd: root,
    env: { ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const said = { stdout: "", stderr: "" };
  const listeners = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      said[name] += text;
      for (const listener of listeners) listener();
    });
  }
  const ended = new Promise<number | string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? String(signal)));
  });
  const pid = child.pid ?? 0;
  return {
    ...{ pid, ended },
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    signal: (name) => void child.kill(name),
    signalGroup: (name) => void process.kill(-pid, name),
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(said.stdout) && !pattern.test(said.stderr)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
        ended.then((code) => {
          reject(new Error(`ended with ${code} before ${pattern}:\n${said.stderr}${said.stdout}`));
        }, reject);
      }),
  };
}

/** That it fails with exit code 1 and one line for people, whatever it logged before; no stack trace. */
export async function expectOneLine(run: Run, pattern: RegExp): Promise<void> {
  expect(await run.ended).toBe(1);
  const lines = run.stderr().trimEnd().split("\n");
  const own = lines.filter((line) => !line.startsWith("{"));
  expect(own).toEqual([expect.stringMatching(pattern)]);
  expect(run.stdout() + run.stderr()).not.toMatch(/\n\s+at /);
}
