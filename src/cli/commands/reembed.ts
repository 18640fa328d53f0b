/** `freshet reembed`: another embedding model for a tenant, without a new upload. */

import { performance } from "node:perf_hooks";
import { type Command, InvalidArgumentError } from "commander";
import type { AuditOperation } from "../../contract/audit.ts";
import {
  abandon,
  compare,
  cutOver,
  finish,
  isModelName,
  isUnderWay,
  rollBack,
  type TenantGenerations,
} from "../../contract/generation.ts";
import { generationName, type TenantId, type Version } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { checkNotErased } from "../../contract/tenant-life.ts";
import { withoutEnd } from "../../contract/without-end.ts";
import { changeGenerations } from "../../log/generations.ts";
import type { Log } from "../../log/port.ts";
import { systemClock } from "../../runtime/clock.ts";
import { type Addresses, resolveAddresses } from "../addresses.ts";
import { writeDown } from "../audit.ts";
import { connectReembeds, connectTenants } from "../connect.ts";
import { CliError } from "../exit.ts";
import { connectEngine } from "../http-client.ts";
import { type CommonOptions, wholeNumber, withCommon, withEngine } from "../options.ts";
import { untilBegun } from "../reembed/begun.ts";
import { compareGenerations } from "../reembed/compare.ts";
import { lagOf } from "../reembed/lag.ts";
import { lackingNodes } from "../reembed/nodes.ts";
import { linesOf, stateOf } from "../reembed/print.ts";
import { questionsIn, sampledQuestions } from "../reembed/questions.ts";
import type { Terminal } from "../terminal.ts";

interface Options extends CommonOptions {
  readonly nats?: string;
  readonly temporal?: string;
  readonly url?: string;
  readonly model?: string;
  readonly rate?: number;
  readonly questions?: string;
  readonly sample?: number;
  readonly topK?: number;
  readonly force?: true;
}

interface Run {
  readonly options: Options;
  readonly terminal: Terminal;
  readonly addresses: Addresses;
  readonly tenant: TenantId;
  readonly log: Awaited<ReturnType<typeof connectTenants>>;
}

export function addReembed(program: Command, terminal: Terminal): void {
  const reembed = program
    .command("reembed")
    .description(
      "another embedding model for a tenant, built in the background, without an upload",
    );
  const add = (name: string, about: string, run: (parts: Run) => Promise<void>): Command =>
    withCommon(
      reembed
        .command(name)
        .description(about)
        .option("--nats <url>", "address of NATS")
        .option("--temporal <host:port>", "address of Temporal"),
      examples[name] ?? [],
    ).action((options: Options) => inLog(options, terminal, run));
  const rate = wholeNumber(1, limits.reembedTextsPerSMax);
  add("start", "build another generation of the tenant's documents", start)
    .requiredOption("-m, --model <name>", "a model that freshet setup installed", modelValue)
    .option("--rate <texts/s>", `texts a second; ${limits.reembedTextsPerS} by default`, rate);
  add("status", "which generations there are, and how far a build is", status);
  add("pause", "stop the build until it is resumed", pause);
  add("resume", "go on after a pause, or at another rate", resume).option(
    "--rate <texts/s>",
    "texts a second from now on",
    rate,
  );
  withEngine(add("compare", "ask both generations the same, and keep what comes out", compareBoth))
    .option("-q, --questions <file>", "one a line, or JSON with query and relevant")
    .option(
      "--sample <n>",
      `questions made of documents where no file is given; ${limits.reembedQuestions} by default`,
      wholeNumber(1, limits.reembedQuestionsMax),
    )
    .option("-k, --top-k <n>", "sources that are compared; 10 by default", wholeNumber(1, 50));
  add("cut-over", "let the new generation answer, from one sequence on", cut).option(
    "--force",
    "also if the two were not compared",
  );
  add("rollback", "let the old generation answer again, at once", back);
  add("finish", "give up the old generation: no way back from here", end);
  add("abandon", "give up the new generation, built or not", giveUp);
}

const examples: Readonly<Record<string, readonly string[]>> = {
  start: ["freshet reembed start --tenant acme --model bge-small-en-v1.5 --rate 100"],
  status: ["freshet reembed status --tenant acme --json"],
  pause: ["freshet reembed pause --tenant acme"],
  resume: ["freshet reembed resume --tenant acme --rate 20"],
  compare: ["freshet reembed compare --tenant acme --questions questions.jsonl"],
  "cut-over": ["freshet reembed cut-over --tenant acme"],
  rollback: ["freshet reembed rollback --tenant acme"],
  finish: ["freshet reembed finish --tenant acme"],
  abandon: ["freshet reembed abandon --tenant acme"],
};

function modelValue(value: string): string {
  if (isModelName(value)) return value;
  throw new InvalidArgumentError("the name of an installed model, such as bge-small-en-v1.5");
}

async function inLog(
  options: Options,
  terminal: Terminal,
  run: (parts: Run) => Promise<void>,
): Promise<void> {
  const addresses = resolveAddresses(options, terminal.env);
  const log = await connectTenants(addresses);
  try {
    await run({ options, terminal, addresses, tenant: options.tenant, log });
  } finally {
    await log.close();
  }
}

const reembedsOf = ({ addresses, log }: Run) => connectReembeds(addresses, log.deployment);

type Reembeds = Awaited<ReturnType<typeof connectReembeds>>;

async function withTemporal<Result>(
  parts: Run,
  use: (reembeds: Reembeds["reembeds"]) => Promise<Result>,
): Promise<Result> {
  const client = await reembedsOf(parts);
  try {
    return await use(client.reembeds);
  } finally {
    await client.close();
  }
}

// --- building ------------------------------------------------------------------------------------

async function start(parts: Run): Promise<void> {
  const { tenant, options, log } = parts;
  const { model = "", rate: textsPerS = limits.reembedTextsPerS } = options;
  checkNotErased((await log.lives.get(tenant)).life);
  const { generations } = await log.generations.get(tenant);
  const isGoingOn = isUnderWay(generations) && generations.other.model === model;
  if (generations.state !== "single" && !isGoingOn) {
    throw new CliError(
      `tenant ${tenant} has a second generation (${generations.other.model ?? "its first model"}): ` +
        "finish or abandon it before another one begins",
    );
  }
  if (generations.active.model === model) {
    throw new CliError(`tenant ${tenant} is embedded by ${model} already`);
  }
  if ((await log.docs.lastVersion(tenant)) === 0 && (await log.chunks.last(tenant)) === null) {
    throw new CliError(`nothing is known of a tenant ${tenant}`);
  }
  const beginning = await withTemporal(parts, async (reembeds) => {
    await reembeds.start(tenant, { model, textsPerS });
    await written(parts, "reembed_start");
    return await untilBegun(reembeds, tenant, { clock: systemClock });
  });
  if (beginning.kind === "failed") {
    throw new CliError(`the build of ${tenant} has not begun: ${beginning.why}`);
  }
  const begun = beginning.kind === "begun";
  const why = beginning.kind === "waiting" ? beginning.why : undefined;
  const late =
    why === undefined
      ? "no merge worker has looked at it yet: is one running, or busy with another tenant?"
      : `it has not begun, and is tried again: ${why}; reembed abandon gives it up`;
  tell(parts, { started: true, begun, ...(why && { why }), model, textsPerS }, [
    `tenant ${tenant} is re-embedded by ${model}, at most ${textsPerS} texts a second`,
    ...(begun ? [] : [late]),
    `freshet reembed status --tenant ${tenant} shows how far it is`,
  ]);
}

async function status(parts: Run): Promise<void> {
  const { tenant, log, addresses } = parts;
  const { generations } = await log.generations.get(tenant);
  const { progress, outcome } = await withTemporal(parts, async (reembeds) => ({
    outcome: await reembeds.outcome(tenant),
    progress: await reembeds.progress(tenant).catch(() => null),
  }));
  const state = stateOf({ tenant, generations, progress, outcome });
  const url = addresses.temporalUi && reembedUrl(addresses.temporalUi, parts);
  tell(parts, state, [...linesOf(state), ...(url === undefined ? [] : [url])]);
}

function reembedUrl(ui: string, { addresses, tenant }: Run): string {
  const { namespace = "default" } = addresses.temporal;
  const id = encodeURIComponent(`reembed/${tenant}`);
  return `${withoutEnd(ui, "/")}/namespaces/${encodeURIComponent(namespace)}/workflows/${id}`;
}

async function pause(parts: Run): Promise<void> {
  const isRunning = await withTemporal(parts, (reembeds) => reembeds.pause(parts.tenant));
  if (!isRunning) throw notBuilt(parts);
  await written(parts, "reembed_pause");
  tell(parts, { paused: true }, [`the build of ${parts.tenant} pauses after the page in hand`]);
}

async function resume(parts: Run): Promise<void> {
  const { tenant, options } = parts;
  const change = options.rate === undefined ? {} : { textsPerS: options.rate };
  const isRunning = await withTemporal(parts, (reembeds) => reembeds.resume(tenant, change));
  if (!isRunning) throw notBuilt(parts);
  await written(parts, "reembed_resume");
  const at = options.rate === undefined ? "" : `, at most ${options.rate} texts a second`;
  tell(parts, { paused: false, ...change }, [`the build of ${tenant} goes on${at}`]);
}

const notBuilt = ({ tenant }: Run): CliError =>
  new CliError(`nothing is being built for tenant ${tenant}: freshet reembed start begins`);

// --- choosing ------------------------------------------------------------------------------------

async function compareBoth(parts: Run): Promise<void> {
  const { tenant, options, terminal, addresses, log } = parts;
  const { generations } = await log.generations.get(tenant);
  // Says why not, before anything is asked.
  if (generations.state !== "fed") {
    compare(generations, { atMs: 0, questions: 1, k: 1, overlap: 0, p50Ms: [0, 0], p99Ms: [0, 0] });
    throw new CliError("it is not fed yet");
  }
  const { active, other, cut: made } = generations;
  const built = made?.isRolledBack === false ? active.number : other.number;
  const { questions: file, sample = limits.reembedQuestions, topK: k = 10 } = options;
  const questions =
    file === undefined
      ? await sampledQuestions(log.chunks, { tenant, number: built }, sample)
      : questionsIn(file);
  const found = await compareGenerations({
    ...{ engine: connectEngine(addresses, tenant), questions, k, signal: terminal.signal },
    generations: [active.number, other.number],
    nowMs: () => systemClock.nowMs(),
    monotonicMs: () => performance.now(),
  });
  await changeGenerations(log.generations, tenant, (record) => compare(record, found));
  await written(parts, "reembed_compare");
  const state = stateOf({ tenant, ...(await log.generations.get(tenant)) });
  tell(parts, state, linesOf(state));
}

async function cut(parts: Run): Promise<void> {
  const isForced = parts.options.force === true;
  await swap(parts, "reembed_cut_over", (record, now) => cutOver(record, { ...now, isForced }));
}

async function back(parts: Run): Promise<void> {
  await swap(parts, "reembed_rollback", rollBack);
}

type Now = { readonly at: Version; readonly atMs: number };

async function swap(
  parts: Run,
  operation: AuditOperation,
  change: (record: TenantGenerations, now: Now) => TenantGenerations,
): Promise<void> {
  const { tenant, log } = parts;
  const atMs = systemClock.nowMs();
  await changeGenerations(log.generations, tenant, async (record) => {
    // What does not go is said before anything is waited for.
    change(record, { at: 0 as Version, atMs });
    if (record.state === "fed") await checkNodes(log, record.other.model);
    return change(record, { at: await bothHave(log, tenant, record), atMs });
  });
  await written(parts, operation);
  const { generations } = await log.generations.get(tenant);
  const { number, model } = generations.active;
  const at = generations.state === "fed" ? generations.cut?.at : undefined;
  const by = model ?? "the engines' own model";
  const text = `generation ${number} (${by}) of ${tenant} answers, from sequence ${at ?? 0} on`;
  tell(parts, stateOf({ tenant, generations }), [text]);
}

/** Any node may own the tenant in a moment, and one without the model would answer nothing. */
async function checkNodes({ leases }: Log, model: string | null): Promise<void> {
  const lacking = lackingNodes(await leases.announced(), model);
  if (lacking !== undefined) throw new CliError(lacking);
}

/** The sequence that both have reached; waits a moment for the one that takes over. */
async function bothHave(log: Log, tenant: TenantId, record: TenantGenerations): Promise<Version> {
  if (record.state !== "fed") return 0 as Version;
  const cursorOf = async (number: number): Promise<number> =>
    (await log.chunks.last(generationName(tenant, number)))?.version ?? 0;
  const { number } = record.other;
  const wanted = await cursorOf(record.active.number);
  const before = await cursorOf(number);
  let reached = before;
  for (let waitedMs = 0; waitedMs < limits.reembedCutWaitMs; waitedMs += limits.ownerPollMs) {
    reached = await cursorOf(number);
    if (reached >= wanted) return reached as Version;
    await systemClock.sleep(limits.ownerPollMs);
  }
  const nodes = (await log.leases.announced()).length;
  const waitedMs = limits.reembedCutWaitMs;
  throw new CliError(lagOf({ number, before, reached, wanted, waitedMs, nodes }));
}

async function end(parts: Run): Promise<void> {
  await release(parts, "reembed_finish", finish);
}

async function giveUp(parts: Run): Promise<void> {
  const wasRunning = await withTemporal(parts, (reembeds) => reembeds.cancel(parts.tenant));
  const { tenant, log } = parts;
  const { generations } = await log.generations.get(tenant);
  // One that has no generation yet: its model cannot be loaded, or no worker has come to it.
  const hadNotBegun = wasRunning && generations.state === "single";
  if (!hadNotBegun) return await release(parts, "reembed_abandon", abandon);
  await written(parts, "reembed_abandon");
  tell(parts, stateOf({ tenant, generations }), [`${tenant} is not re-embedded: it had not begun`]);
}

async function release(
  parts: Run,
  operation: AuditOperation,
  change: (record: TenantGenerations) => TenantGenerations,
): Promise<void> {
  const { tenant, log } = parts;
  await changeGenerations(log.generations, tenant, change);
  await written(parts, operation);
  const { generations } = await log.generations.get(tenant);
  const { number } = generations.active;
  const state = stateOf({ tenant, generations });
  tell(parts, state, [
    `${tenant} has generation ${number} alone; a merge worker removes what the other one held`,
  ]);
}

// --- saying --------------------------------------------------------------------------------------

function tell({ options, terminal, tenant }: Run, value: object, lines: readonly string[]): void {
  if (options.json === true) terminal.out(`${JSON.stringify({ tenant, ...value })}\n`);
  else terminal.out(`${lines.join("\n")}\n`);
}

function written(run: Run, operation: AuditOperation): Promise<void> {
  const { tenant, addresses, terminal, log } = run;
  return writeDown({ operation, tenant }, { addresses, terminal, audit: log.audit });
}
