/** A receiver of webhooks in a process of its own, which tests kill: it keeps what it has taken. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("run-receiver.ts", import.meta.url));

export interface Taken {
  readonly id: string;
  readonly seq: number;
  readonly type: string;
}

export interface Receiver {
  readonly url: string;
  /** What it answered 2xx to, or was about to when it was killed; in the order of arrival. */
  taken(): readonly Taken[];
  kill9(): Promise<void>;
  restart(): Promise<void>;
}

/** @param file where it writes what it takes; each line is on disk before the reply leaves */
export async function startReceiver(port: number, file: string): Promise<Receiver> {
  const start = async () => {
    const child = spawn(process.execPath, [program, String(port), file], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    return child;
  };
  let child = await start();
  const kill9 = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  return {
    url: `http://127.0.0.1:${port}/`,
    taken: () => linesOf(file).map((line) => JSON.parse(line) as Taken),
    kill9,
    async restart() {
      await kill9();
      child = await start();
    },
  };
}

/** A line that a kill cut short was not taken: its reply did not leave. */
function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").split("\n").slice(0, -1);
  } catch {
    return [];
  }
}
