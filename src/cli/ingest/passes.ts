/** The passes of `freshet ingest`: files into the log, once or for as long as they change. */

import { randomUUID } from "node:crypto";
import { dirname } from "node:path";
import type { FreshetError } from "../../contract/errors.ts";
import type { DocumentId } from "../../contract/ids.ts";
import { checkServed } from "../../contract/tenant-life.ts";
import type { FileReader } from "../../ingest/formats/port.ts";
import { openFileReader } from "../../ingest/formats/reader.ts";
import { systemClock } from "../../runtime/clock.ts";
import { type Addresses, resolveAddresses } from "../addresses.ts";
import { checkIngest, type IngestFlags } from "../commands/ingest-options.ts";
import { connectLog, type PublisherConnection } from "../connect.ts";
import { CliError, describeFailure, usageError } from "../exit.ts";
import { connectEngine } from "../http-client.ts";
import type { Terminal } from "../terminal.ts";
import { arrivals } from "./arrivals.ts";
import { withoutChanging } from "./changing.ts";
import { type Corpus, readCorpora, readStream } from "./corpus.ts";
import { FileMemory } from "./file-memory.ts";
import { type IngestMirror, type IngestProgress, ingestCorpus } from "./ingest.ts";
import { isInScope, type MirrorOptions, planMirror } from "./mirror.ts";
import { progressBar } from "./progress.ts";
import { type IngestReport, reportLines, reportOf } from "./report.ts";
import { Seen, seenPath } from "./seen.ts";
import { TenantState } from "./tenant-state.ts";
import { watchSource } from "./watch.ts";

export async function ingest(
  paths: readonly string[],
  flags: IngestFlags,
  terminal: Terminal,
): Promise<void> {
  checkIngest(paths, flags);
  const addresses = resolveAddresses(flags, terminal.env);
  const warn = (line: string) => terminal.note(`${line}\n`);
  const parser = addresses.parser === undefined ? undefined : { ...addresses.parser, warn };
  const reader = openFileReader({ parser });
  const source = { paths, flags, terminal, reader };
  // What is not there is said before anything is connected.
  const first = await openCorpus(source);
  const connection = await connectLog(addresses);
  const memoryPath = seenPath(addresses.dataDir, flags.tenant);
  const pass = { ...source, addresses, connection, memoryPath };
  try {
    if (flags.watch === true) await watched(pass);
    else await once(pass, first);
  } finally {
    await Promise.all([connection.close(), reader.close()]);
  }
}

interface Source {
  readonly paths: readonly string[];
  readonly flags: IngestFlags;
  readonly terminal: Terminal;
  readonly reader: FileReader;
}

interface Pass extends Source {
  readonly addresses: Addresses;
  readonly connection: PublisherConnection;
  readonly memoryPath: string;
}

async function openCorpus(
  { paths, flags, terminal, reader }: Source,
  memory?: FileMemory,
): Promise<Corpus> {
  if (paths.includes("-")) return readStream(terminal.stdin);
  const corpus = await readCorpora(paths, { ...flags, reader, memory });
  if (flags.mirror === true && corpus.roots.some(({ isFolder }) => !isFolder)) {
    throw usageError("--mirror stands for folders: a single file says nothing of others");
  }
  return corpus;
}

async function once(pass: Pass, corpus: Corpus): Promise<void> {
  const { flags, terminal } = pass;
  const bar = progressBar({
    total: corpus.files,
    terminal: terminal.terminal && flags.json !== true,
  });
  try {
    await checkTenant(pass);
    const report = await run(pass, { corpus, onProgress: (progress) => bar.update(progress) });
    bar.stop();
    tell(report, pass);
    failUnlessDone(report, flags);
  } finally {
    bar.stop();
  }
}

/** Each pass is whole; files that did not change since the last one are not read. */
async function watched(pass: Pass): Promise<void> {
  const { flags, terminal, connection, memoryPath } = pass;
  const { tenant } = flags;
  const { signal } = terminal;
  const { log } = connection;
  const scopes = [flags.prefix ?? ""];
  const names = flags.mirror === true ? (id: string) => isInScope(id, scopes) : undefined;
  const state = new TenantState({ tenant, log, signal, names });
  let seen: Seen | undefined;
  const memory = new FileMemory({
    nowMs: () => systemClock.nowMs(),
    isCurrent: (id) => isCurrent(state, seen, id),
  });
  let passes = 0;
  let toldRefusal: string | undefined;
  await watchSource({
    clock: systemClock,
    signal,
    pass: async () => {
      await checkTenant(pass);
      await state.refresh();
      const lastSequence = () => log.docs.lastSequence();
      seen = await Seen.peek(memoryPath, { deployment: log.deployment, lastSequence });
      memory.awaitsRest = false;
      const corpus = await openCorpus(pass, memory);
      const report = await run(pass, { corpus, state });
      passes += 1;
      if (passes === 1 || isNews(report)) tell(report, pass);
      const refused = report.mirror?.refused;
      if (refused !== undefined && refused !== toldRefusal) {
        terminal.note(`nothing is deleted: ${refused}\n`);
      }
      toldRefusal = refused;
      const files = corpus.roots.filter(({ isFolder }) => !isFolder);
      const beside = files.map(({ absolute }) => Buffer.from(dirname(absolute)));
      return { folders: [...corpus.folders, ...beside], awaitsRest: memory.awaitsRest };
    },
    onFailure: (error) => terminal.note(`${describeFailure(error, flags.json === true)}\n`),
  });
}

/** NATS takes what is published to any tenant, and nobody would say what becomes of it. */
async function checkTenant({ connection, flags }: Pass): Promise<void> {
  checkServed((await connection.lives.get(flags.tenant)).life);
}

function isCurrent(state: TenantState, seen: Seen | undefined, id: string): boolean {
  const version = state.versionOf(id as Parameters<TenantState["versionOf"]>[0]);
  return version !== undefined && seen?.get(id)?.version === version;
}

function isNews({ documents, deleted, mirror, unheard }: IngestReport): boolean {
  const { deletes = 0 } = mirror ?? {};
  return documents > 0 || deleted > 0 || deletes > 0 || unheard > 0;
}

async function run(
  pass: Pass,
  {
    corpus,
    state,
    onProgress,
  }: {
    readonly corpus: Corpus;
    readonly state?: TenantState;
    readonly onProgress?: (progress: IngestProgress) => void;
  },
): Promise<IngestReport> {
  const { flags, terminal, connection, memoryPath } = pass;
  let waited = false;
  const onWaiting = ({ code, message }: FreshetError): void => {
    if (!waited) terminal.note(`waiting: ${message} (${code})\n`);
    waited = true;
  };
  const summary = await ingestCorpus({
    documents: corpus.documents,
    tenant: flags.tenant,
    log: connection.log,
    clock: systemClock,
    signal: terminal.signal,
    seenPath: memoryPath,
    state,
    force: flags.force === true ? randomUUID() : undefined,
    wait: flags.wait && flags.dryRun !== true,
    dryRun: flags.dryRun,
    mirror: flags.mirror === true ? mirrorOf(corpus, pass) : undefined,
    isAtWork: () => isAtWork(pass),
    onProgress,
    onSkipped: ({ document, ...why }) => corpus.refused(document, why),
    onWaiting,
  });
  return reportOf(summary, corpus, flags.dryRun === true);
}

/** Asks the engine, which knows of what others publish, too: either is in the way of our own. */
async function isAtWork({ addresses, flags, terminal }: Pass): Promise<boolean> {
  const { tenants } = await connectEngine(addresses, flags.tenant).status(terminal.signal);
  const own = tenants.find(({ tenant }) => tenant === flags.tenant);
  return own !== undefined && own.operations_behind > 0;
}

/** Without an engine the names are missing, and the documents stay: the summary counts them. */
async function* listed({ addresses, flags, terminal }: Pass): AsyncGenerator<DocumentId> {
  try {
    yield* connectEngine(addresses, flags.tenant).documents(terminal.signal);
  } catch (error) {
    terminal.note(`the engine lists no documents: ${describeFailure(error, false)}\n`);
  }
}

function mirrorOf(corpus: Corpus, pass: Pass): IngestMirror {
  const { flags } = pass;
  const { roots, contents } = corpus;
  const scopes = roots.map(({ name }) => name);
  const options: MirrorOptions = {
    scopes,
    isNamed: flags.prefix !== undefined,
    yes: flags.yes === true,
    deleteMax: flags.deleteMax,
  };
  const { folders, isFound, begunMs: sinceMs } = corpus;
  const hasCome = arrivals({ roots, folders, isFound, sinceMs });
  return {
    isInScope: (id) => isInScope(id, scopes),
    ids: () => contents.ids.keys(),
    listed: () => listed(pass),
    plan: (state) => {
      const plan = planMirror(options, { ...state, contents, hasCome });
      if (plan.deletes.length === 0) return plan;
      const settled = withoutChanging(contents, corpus.found);
      return planMirror(options, { ...state, contents: settled, hasCome });
    },
  };
}

function tell(report: IngestReport, { flags, terminal }: Pass): void {
  if (flags.json === true) {
    terminal.out(`${JSON.stringify(report)}\n`);
    return;
  }
  const { results, notes } = reportLines(report, flags.wait);
  terminal.out(results.map((line) => `${line}\n`).join(""));
  terminal.note(notes.map((line) => `${line}\n`).join(""));
}

function failUnlessDone({ mirror, unheard }: IngestReport, flags: IngestFlags): void {
  if (mirror?.refused !== undefined && flags.dryRun !== true) {
    throw new CliError(`nothing is deleted: ${mirror.refused}`);
  }
  if (flags.wait && unheard > 0) {
    throw new CliError(
      `${unheard} documents are stored but not visible yet: is the engine running? (freshet status)`,
    );
  }
}
