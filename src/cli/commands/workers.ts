/** `freshet workers`: which version of the merge workers gets work, and which may be stopped. */

import { type Command, InvalidArgumentError } from "commander";
import type { WorkerVersion, WorkerVersions } from "../../merges/port.ts";
import { resolveAddresses } from "../addresses.ts";
import { connectWorkerVersions } from "../connect.ts";
import { usageError } from "../exit.ts";
import { withJson } from "../options.ts";
import type { Terminal } from "../terminal.ts";

interface WorkersOptions {
  readonly json?: true | undefined;
  readonly temporal?: string | undefined;
  readonly unversioned?: true | undefined;
}

type Listed = Awaited<ReturnType<WorkerVersions["list"]>>;

export function addWorkers(program: Command, terminal: Terminal): void {
  const workers = program
    .command("workers")
    .description("versions of the merge workers, for an upgrade (FRESHET_MERGE_VERSIONING)");
  const list = workers
    .command("list")
    .description("show the versions that Temporal knows, and which workers may be stopped")
    .option("--temporal <host:port>", "address of Temporal");
  withJson(list, ["freshet workers list", "freshet workers list --json"]).action(
    (options: WorkersOptions) =>
      connected(options, terminal, async (versions) => {
        show(await versions.list(), options, terminal);
      }),
  );
  const current = workers
    .command("current")
    .description("let a version get the work, which rolls forward or back")
    .argument("[build-id]", "FRESHET_BUILD_ID of its workers", buildIdValue)
    .option("--unversioned", "workers without a version, as those of older releases")
    .option("--temporal <host:port>", "address of Temporal");
  withJson(current, [
    "freshet workers current 1.4.0",
    "freshet workers current --unversioned",
  ]).action((buildId: string | undefined, options: WorkersOptions) => {
    if ((buildId === undefined) !== (options.unversioned === true)) {
      throw usageError("name one: a build id, or --unversioned");
    }
    return connected(options, terminal, async (versions) => {
      await versions.makeCurrent(buildId ?? null);
      show(await versions.list(), options, terminal);
    });
  });
}

/** An empty one would mean workers without a version, which an unset variable must not say. */
function buildIdValue(text: string): string {
  if (/^[A-Za-z0-9][\w.+-]{0,99}$/.test(text)) return text;
  throw new InvalidArgumentError("up to 100 letters, digits and . _ + - are expected.");
}

async function connected(
  options: WorkersOptions,
  terminal: Terminal,
  work: (versions: WorkerVersions) => Promise<void>,
): Promise<void> {
  const versions = await connectWorkerVersions(resolveAddresses(options, terminal.env));
  try {
    await work(versions);
  } finally {
    await versions.close();
  }
}

function show(listed: Listed, options: WorkersOptions, terminal: Terminal): void {
  terminal.out(options.json === true ? `${JSON.stringify(listed)}\n` : `${listedText(listed)}\n`);
}

/** Pure. */
export function listedText({ current, versions }: Listed): string {
  const unversioned = current === null ? ["workers without a version get the work"] : [];
  return [...unversioned, ...versions.map(versionText)].join("\n");
}

function versionText({ buildId, state, openRuns }: WorkerVersion): string {
  const runs = `${openRuns} open ${openRuns === 1 ? "run" : "runs"}`;
  const told: Readonly<Record<WorkerVersion["state"], string>> = {
    current: `gets the work, ${runs}`,
    draining: `${runs} whose next step goes to the current version: keep its workers`,
    drained: "nothing is left on it: its workers may be stopped",
    waiting: `never had work: freshet workers current ${buildId}`,
  };
  return `${buildId.padEnd(16)} ${state.padEnd(8)} ${told[state]}`;
}
