/** `freshet feedback`: what people said of answers, as a collection to measure rankings with. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { FreshetError } from "../../contract/errors.ts";
import type { StoredFeedback } from "../../contract/feedback.ts";
import { limits } from "../../contract/limits.ts";
import type { Source } from "../../contract/query.ts";
import { makeFolder } from "../../runtime/make-folder.ts";
import { resolveAddresses } from "../addresses.ts";
import { type CollectionFiles, collectionOf, judgementsOf } from "../evidence/beir.ts";
import { CliError } from "../exit.ts";
import { connectEngine, type Engine } from "../http-client.ts";
import { type CommonOptions, withCommon, withEngine } from "../options.ts";
import type { Terminal } from "../terminal.ts";

interface ExportOptions extends CommonOptions {
  readonly url?: string;
  readonly beir: string;
}

export function addFeedback(program: Command, terminal: Terminal): void {
  const feedback = program
    .command("feedback")
    .description("what people said of answers (POST /v1/feedback)");
  const command = feedback
    .command("export")
    .description("write it as a collection that npm run bench -- quality reads")
    .requiredOption("--beir <folder>", "for corpus.jsonl, queries.jsonl and qrels/test.tsv");
  withEngine(
    withCommon(command, [
      "freshet feedback export --beir judged --tenant acme",
      "npm run bench -- quality --dataset judged",
    ]),
  ).action(async (options: ExportOptions) => {
    const engine = connectEngine(resolveAddresses(options, terminal.env), options.tenant);
    const said = await exportFeedback(engine, { folder: options.beir, terminal });
    const { questions, documents, missing } = said;
    terminal.out(
      options.json === true
        ? `${JSON.stringify(said)}\n`
        : `${questions} questions, ${documents} documents in ${options.beir}; ` +
            `${missing} judged documents are there no more\n`,
    );
  });
}

export async function exportFeedback(
  engine: Pick<Engine, "feedback" | "ask">,
  { folder, terminal }: { readonly folder: string; readonly terminal: Terminal },
): Promise<{
  readonly questions: number;
  readonly documents: number;
  readonly missing: number;
}> {
  const { signal } = terminal;
  const all: StoredFeedback[] = [];
  for await (const one of engine.feedback(signal)) all.push(one);
  const judgements = judgementsOf(all);
  if (judgements.size === 0) throw new CliError("there is no feedback of this tenant yet");
  const found = new Map<string, readonly Source[]>();
  for (const [query, judged] of judgements) {
    const sources = [...(await sourcesOf(engine, { query }, signal))];
    const known = new Set(sources.map(({ id }) => id));
    for (const id of judged.keys()) {
      // A ranking that missed it is what the collection is to show.
      if (known.has(id)) continue;
      sources.push(...(await sourcesOf(engine, { query, filter: { id }, decline: false }, signal)));
    }
    found.set(query, sources);
    if (terminal.terminal) terminal.note(`\r${found.size} of ${judgements.size} questions`);
  }
  if (terminal.terminal) terminal.note("\n");
  const files = collectionOf(judgements, found);
  write(folder, files);
  const { queries, corpus, missing } = files;
  return { questions: queries.length, documents: corpus.length, missing };
}

async function sourcesOf(
  engine: Pick<Engine, "ask">,
  question: { readonly query: string; readonly filter?: object; readonly decline?: boolean },
  signal: AbortSignal,
): Promise<readonly Source[]> {
  try {
    const asked = { ...question, mode: "search", top_k: limits.feedbackExportTopK };
    return (await engine.ask(asked, signal)).sources;
  } catch (thrown) {
    if (thrown instanceof FreshetError && thrown.code === "no_results") return [];
    throw thrown;
  }
}

function write(folder: string, { corpus, queries, qrels }: CollectionFiles): void {
  makeFolder(join(folder, "qrels"));
  const put = (name: string, lines: readonly string[]): void =>
    writeFileSync(join(folder, name), lines.map((line) => `${line}\n`).join(""));
  put("corpus.jsonl", corpus);
  put("queries.jsonl", queries);
  put(join("qrels", "test.tsv"), qrels);
}
