/** `freshet ingest`: files and folders into the log, and how far they are. */

import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { FreshetError } from "../../contract/errors.ts";
import { readableNames } from "../../formats/kinds.ts";
import type { CorpusDocument, FileReader } from "../../formats/port.ts";
import { openFileReader } from "../../formats/reader.ts";
import { systemClock } from "../../runtime/clock.ts";
import { resolveAddresses } from "../addresses.ts";
import { connectLog } from "../connect.ts";
import { CliError, usageError } from "../exit.ts";
import { type Corpus, readCorpus, readStream } from "../ingest/corpus.ts";
import { type IngestSummary, ingestCorpus } from "../ingest/ingest.ts";
import { progressBar } from "../ingest/progress.ts";
import { seenPath } from "../ingest/seen.ts";
import { type CommonOptions, withCommon } from "../options.ts";
import type { Terminal } from "../terminal.ts";

interface IngestOptions extends CommonOptions {
  readonly nats?: string | undefined;
  readonly force?: true | undefined;
  readonly wait: boolean;
}

export function addIngest(program: Command, terminal: Terminal): void {
  const command = program
    .command("ingest")
    .description(`publish documents: ${readableNames}; unchanged ones are skipped`)
    .argument("<paths...>", "files and folders, or - for NDJSON on standard input")
    .option("--force", "send unchanged content again")
    .option("--no-wait", "do not wait until everything is visible")
    .option("--nats <url>", "address of NATS");
  withCommon(command, [
    "freshet ingest docs/",
    "freshet ingest handbook.md faq.html --tenant acme",
    `echo '{"id": "a", "text": "a document"}' | freshet ingest -`,
  ]).action(async (paths: string[], options: IngestOptions) => ingest(paths, options, terminal));
}

async function ingest(
  paths: readonly string[],
  options: IngestOptions,
  terminal: Terminal,
): Promise<void> {
  const addresses = resolveAddresses(options, terminal.env);
  const reader = openFileReader({ parser: addresses.parser });
  const corpora = await openCorpora(paths, { terminal, reader });
  const connection = await connectLog(addresses);
  const total = corpora.reduce((sum, { files }) => sum + files, 0);
  const bar = progressBar({ total, terminal: terminal.terminal && options.json !== true });
  let waited = false;
  const onWaiting = ({ code, message }: FreshetError): void => {
    if (!waited) terminal.note(`waiting: ${message} (${code})\n`);
    waited = true;
  };
  try {
    const summary = await ingestCorpus({
      documents: allDocuments(corpora),
      tenant: options.tenant,
      log: connection.log,
      clock: systemClock,
      signal: terminal.signal,
      seenPath: seenPath(addresses.dataDir, options.tenant),
      force: options.force === true ? randomUUID() : undefined,
      wait: options.wait,
      onProgress: (progress) => bar.update(progress),
      onWaiting,
    });
    bar.stop();
    tell(withSkipped(summary, corpora), options, terminal);
  } finally {
    bar.stop();
    await Promise.all([connection.close(), reader.close()]);
  }
}

async function openCorpora(
  paths: readonly string[],
  { terminal, reader }: { readonly terminal: Terminal; readonly reader: FileReader },
): Promise<readonly Corpus[]> {
  if (paths.includes("-")) {
    if (paths.length > 1) throw usageError("- stands alone: standard input or paths, not both");
    return [readStream(terminal.stdin)];
  }
  return Promise.all(paths.map((path) => readCorpus(path, { reader })));
}

async function* allDocuments(corpora: readonly Corpus[]): AsyncGenerator<CorpusDocument> {
  for (const corpus of corpora) yield* corpus.documents;
}

/** What was left out while reading, and what before publishing, in one count by reason. */
function withSkipped(summary: IngestSummary, corpora: readonly Corpus[]) {
  const reasons: Record<string, number> = { ...summary.skipped };
  for (const [reason, count] of corpora.flatMap(({ skipped }) => [...skipped])) {
    reasons[reason] = (reasons[reason] ?? 0) + count;
  }
  const skipped = Object.values(reasons).reduce((sum, count) => sum + count, 0);
  return { ...summary, skipped, skipped_by_reason: reasons };
}

function tell(
  summary: ReturnType<typeof withSkipped>,
  options: IngestOptions,
  terminal: Terminal,
): void {
  const { documents, visible, rejected, unchanged, skipped, unheard, seconds } = summary;
  if (options.json === true) terminal.out(`${JSON.stringify(summary)}\n`);
  else {
    const seen = options.wait ? `${visible} visible, ${rejected} rejected, ` : "";
    terminal.out(
      `${documents} documents published, ${seen}${unchanged} unchanged, ${skipped} skipped in ${seconds.toFixed(1)} s\n`,
    );
    const reasons = Object.entries(summary.skipped_by_reason).map(([why, n]) => `${why} ${n}`);
    if (reasons.length > 0) terminal.note(`skipped: ${reasons.join(", ")}\n`);
  }
  if (options.wait && unheard > 0) {
    throw new CliError(
      `${unheard} documents are stored but not visible yet: is the engine running? (freshet status)`,
    );
  }
}
