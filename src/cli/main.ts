/** The `freshet` command: the process around `runCli`, or the program that it becomes. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { directLoopback } from "../config/direct-loopback.ts";
import { programFor } from "./programs.ts";

const program = programFor(process.argv.slice(2));
if (program === undefined) process.exitCode = await command();
else {
  process.argv.splice(2, Number.POSITIVE_INFINITY, ...program.args);
  await import(program.entry.href);
}

/** What it needs is loaded here: a program that it becomes has its own to load. */
async function command(): Promise<number> {
  Object.assign(process.env, directLoopback(process.env));
  const [{ z }, { runCli }] = await Promise.all([import("zod"), import("./program.ts")]);
  const manifest = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")));

  const interrupt = new AbortController();
  process.on("SIGINT", () => {
    // A second Ctrl-C means now.
    if (interrupt.signal.aborted) process.exit(130);
    interrupt.abort(new Error("interrupted"));
  });
  process.on("SIGTERM", () => interrupt.abort(new Error("terminated")));
  // `freshet search … | head` closes the pipe early; that is no failure. A full disk is one.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    process.stderr.write(`freshet: the output can not be written: ${error.message}\n`);
    process.exit(1);
  });
  // Whoever closed it does not read what is said of the work; the work goes on.
  process.stderr.on("error", () => {});
  return runCli(
    process.argv.slice(2),
    {
      out: (text) => void process.stdout.write(text),
      note: (text) => void process.stderr.write(text),
      env: process.env,
      stdin: process.stdin,
      terminal: process.stderr.isTTY,
      screen: () => {
        const { isTTY, columns, rows } = process.stdout;
        return isTTY ? { columns, rows } : undefined;
      },
      signal: interrupt.signal,
    },
    manifest.version,
  );
}
