/** Runs a program to its end and keeps the end of what it said. */
import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Environment } from "./cache.ts";

export interface CommandResult {
  readonly code: number | null;
  /** stdout and stderr together, the last `outputBytesMax` bytes. */
  readonly output: string;
}

export interface CommandOptions {
  readonly env: Environment;
  readonly cwd?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Enough for the error of a compiler; the rest of a long build log is dropped. */
const outputBytesMax = 64 * 1024;

/** Never rejects: a program that cannot be started has code null and the reason as output. */
export function runCommand(
  program: string,
  parameters: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(program, parameters, {
      env: { ...options.env },
      cwd: options.cwd,
      timeout: options.timeoutMs,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const collect = (data: Buffer) => {
      output = (output + data.toString("utf8")).slice(-outputBytesMax);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("error", (error) => {
      resolve({ code: null, output: error.message });
    });
    child.on("close", (code) => {
      resolve({ code, output });
    });
  });
}

/** The absolute path of a program on PATH. */
export function findOnPath(name: string, env: Environment): string | undefined {
  for (const folder of (env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    if (folder !== "" && isExecutable(path)) return path;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
