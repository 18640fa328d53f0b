/** The commands, put together. */

import { Command, CommanderError } from "commander";
import { addAsk, addSearch } from "./commands/ask.ts";
import { addAudit } from "./commands/audit.ts";
import { addBackup } from "./commands/backup.ts";
import { addBlame } from "./commands/blame.ts";
import { addDlq } from "./commands/dlq.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addEmbedServer } from "./commands/embed-server.ts";
import { addEvents } from "./commands/events.ts";
import { addFeedback } from "./commands/feedback.ts";
import { addIngest } from "./commands/ingest.ts";
import { addKey } from "./commands/key.ts";
import { addMcp } from "./commands/mcp.ts";
import { addMerge } from "./commands/merge.ts";
import { addPlan } from "./commands/plan.ts";
import { addReceipt } from "./commands/receipt.ts";
import { addReembed } from "./commands/reembed.ts";
import { addSource } from "./commands/source.ts";
import { addStatus } from "./commands/status.ts";
import { addTenant } from "./commands/tenant.ts";
import { addTop } from "./commands/top.ts";
import { addVerify } from "./commands/verify.ts";
import { addWatch } from "./commands/watch.ts";
import { addWebhook } from "./commands/webhook.ts";
import { addWorkers } from "./commands/workers.ts";
import { CliError, describeFailure, type ExitCode, exitCodes, Stopped } from "./exit.ts";
import { describePrograms } from "./programs.ts";
import type { Terminal } from "./terminal.ts";

/** Runs one command line (without node and script). Never throws: every end has an exit code. */
export async function runCli(
  args: readonly string[],
  terminal: Terminal,
  version: string,
): Promise<ExitCode> {
  const asJson = args.includes("--json");
  const usage: string[] = [];
  // What is wrong with the usage is for programs, too, where they asked for JSON.
  const said = asJson ? { ...terminal, note: (text: string) => void usage.push(text) } : terminal;
  try {
    await createProgram(terminal, version, said).parseAsync([...args], { from: "user" });
    return terminal.signal.aborted ? exitCodes.interrupted : exitCodes.done;
  } catch (thrown) {
    if (thrown instanceof Stopped) return exitCodes.done;
    if (terminal.signal.aborted) return exitCodes.interrupted;
    // Commander has already said what was wrong with the usage, or shown the help.
    if (thrown instanceof CommanderError) {
      if (usage.length > 0) terminal.note(`${describeFailure(new Error(asOne(usage)), true)}\n`);
      return thrown.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    }
    terminal.note(`${describeFailure(thrown, asJson)}\n`);
    return thrown instanceof CliError ? thrown.exitCode : exitCodes.failed;
  }
}

const asOne = (usage: readonly string[]): string =>
  usage
    .join("")
    .replace(/^error: /, "")
    .trim();

function createProgram(terminal: Terminal, version: string, said: Terminal): Command {
  const program = new Command("freshet")
    .description("answers with sources over documents that arrived a moment ago")
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => said.note(text),
    })
    .showHelpAfterError("(--help shows how)")
    .addHelpText(
      "after",
      `\nPrograms (their own --help says more):\n${describePrograms()}\n\nExit codes: 0 done, 1 failed, 2 usage, 130 interrupted.\nAddresses: options, then FRESHET_* variables, then .freshet/run.json, then the defaults.`,
    );
  const commands = [
    addIngest,
    addAsk,
    addSearch,
    addStatus,
    addEvents,
    addBlame,
    addWatch,
    addMcp,
    addMerge,
    addReembed,
    addWorkers,
    addDlq,
    addSource,
    addWebhook,
    addKey,
    addVerify,
    addTenant,
    addPlan,
    addReceipt,
    addAudit,
    addEmbedServer,
    addTop,
    addFeedback,
  ];
  for (const add of commands) add(program, terminal);
  addBackup(program, terminal, version);
  addDoctor(program, terminal, version);
  return program;
}
