/**
 * `freshet verify`: whether replies say the truth about their sources, by the log alone. No engine
 * is asked; it takes NATS.
 */

import { type Command, Option } from "commander";
import { type Verdict, verifyAnswer } from "../../answer/verify.ts";
import { isTenantId, type TenantId } from "../../contract/ids.ts";
import type { GenerationStore } from "../../log/generation-port.ts";
import { activeName } from "../../log/generations.ts";
import { resolveAddresses } from "../addresses.ts";
import { connectLog } from "../connect.ts";
import { CliError } from "../exit.ts";
import { tenantValue } from "../options.ts";
import { printable } from "../print.ts";
import type { Terminal } from "../terminal.ts";
import { keptVersions, type ReadableChunks } from "../verify/kept-versions.ts";
import { type NamedReply, readReplies } from "../verify/replies.ts";

interface VerifyOptions {
  readonly tenant?: TenantId | undefined;
  readonly nats?: string | undefined;
  readonly json?: true | undefined;
}

const about = `whether replies are true to their sources: each passage, its place, its version and its
tenant are compared with the log, each citation with answer and source`;

const help = `
A file holds a reply as the API gave it (--json of freshet ask), an array of them, or one a line.
Says for each: passed; failed, with what is wrong and where; or no longer verifiable, when the log has
let go of a version (FRESHET_REPLAY_WINDOW_MS). It exits with 0 only if all have passed.
What no sentence cites is not looked at, and support is told by words, not by sense.

Examples:
  $ freshet ask "who is on call?" --json | freshet verify -
  $ freshet verify answers.ndjson --tenant acme --json`;

export function addVerify(program: Command, terminal: Terminal): void {
  program
    .command("verify")
    .description(about)
    .argument("<file...>", "replies; - for stdin")
    .addOption(
      new Option(
        "-t, --tenant <tenant>",
        "whose they have to be; default: whose they say they are",
      ).argParser(tenantValue),
    )
    .option("--nats <url>", "address of NATS")
    .option("--json", "print JSON for programs, a line for each reply")
    .addHelpText("after", help)
    .action(async (files: readonly string[], options: VerifyOptions) => {
      const replies: NamedReply[] = [];
      for (const file of files) replies.push(...(await readReplies(file, terminal)));
      await verify(replies, options, terminal);
    });
}

async function verify(
  replies: readonly NamedReply[],
  options: VerifyOptions,
  terminal: Terminal,
): Promise<void> {
  const connection = await connectLog(resolveAddresses(options, terminal.env));
  try {
    const { deployment, generations } = connection.log;
    const log = { chunks: connection.chunks, deployment, generations };
    const verdicts = await verdictsOf(replies, { ...log, tenant: options.tenant }, terminal.signal);
    for (const [index, verdict] of verdicts.entries()) {
      const name = replies[index]?.name ?? "";
      const line =
        options.json === true ? JSON.stringify({ reply: name, ...verdict }) : lineOf(name, verdict);
      terminal.out(`${printable(line)}\n`);
    }
    const passed = verdicts.filter(({ outcome }) => outcome === "passed").length;
    if (passed < verdicts.length) {
      throw new CliError(`${passed} of ${verdicts.length} replies passed`);
    }
  } finally {
    await connection.close();
  }
}

export interface VerifiedAt {
  readonly chunks: ReadableChunks;
  readonly deployment: string;
  readonly generations?: Pick<GenerationStore, "get"> | undefined;
  /** Whose they have to be; undefined: whose they say they are. */
  readonly tenant: TenantId | undefined;
}

/** In the order of the replies; each tenant's log is read once. */
export async function verdictsOf(
  replies: readonly NamedReply[],
  { chunks, deployment, generations, tenant: given }: VerifiedAt,
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const tenantOf = ({ reply }: NamedReply): string => given ?? reply.origin.tenant;
  const verdicts = new Map<NamedReply, Verdict>();
  for (const tenant of new Set(replies.map(tenantOf))) {
    const own = replies.filter((each) => tenantOf(each) === tenant);
    const answers = own.map(({ reply }) => reply);
    const version = isTenantId(tenant)
      ? await keptVersions(
          chunks,
          // All generations hold the same texts.
          { tenant: await activeName(generations, tenant), answers },
          signal,
        )
      : () => ({ kind: "absent" as const });
    for (const each of own) {
      verdicts.set(each, verifyAnswer(each.reply, { tenant, deployment, version }));
    }
  }
  return replies.flatMap((each) => verdicts.get(each) ?? []);
}

function lineOf(name: string, verdict: Verdict): string {
  switch (verdict.outcome) {
    case "passed":
      return `passed   ${name}: ${verdict.sources} sources, ${verdict.citations} citations`;
    case "failed": {
      const problems = verdict.problems.map(({ kind, place }) => `${kind} of ${place}`);
      return `failed   ${name}: ${problems.join(", ")}`;
    }
    case "unverifiable":
      return `unknown  ${name}: no longer verifiable, the log let go of ${verdict.versions.join(", ")}`;
  }
}
