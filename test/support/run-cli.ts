/** `freshet …` in this process: much of what a command line can have wrong is not worth the start of a process. */
import { runCli } from "../../src/cli/program.ts";
import type { Terminal } from "../../src/cli/terminal.ts";

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Around {
  /** Without one there is nothing to find: no setting, and no engine of this machine. */
  readonly env?: Terminal["env"];
  readonly stdin?: string;
  readonly screen?: Terminal["screen"];
  /** Ctrl-C. */
  readonly signal?: AbortSignal;
  /** Ctrl-C as soon as all that was printed is this. */
  enough?(out: string): boolean;
}

const nothing = { FRESHET_DATA_DIR: "/no/such/folder" };

export async function runHere(args: readonly string[], around: Around = {}): Promise<Ended> {
  const { env = nothing, stdin, screen, signal, enough } = around;
  const stop = new AbortController();
  let [out, err] = ["", ""];
  const terminal: Terminal = {
    out: (text) => {
      out += text;
      if (enough?.(out) === true) stop.abort();
    },
    note: (text) => {
      err += text;
    },
    ...{ env, terminal: false },
    stdin: (async function* () {
      if (stdin !== undefined) yield stdin;
    })(),
    signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
    ...(screen === undefined ? {} : { screen }),
  };
  return { code: await runCli(args, terminal, "1.2.3"), out, err };
}
