/**
 * `freshet ask` and `freshet search`: a question over HTTP, the answer as it comes, then its
 * sources.
 */

import { type Command, InvalidArgumentError } from "commander";
import { limits } from "../../contract/limits.ts";
import type { Answer } from "../../contract/query.ts";
import { parseTime } from "../../contract/time.ts";
import { resolveAddresses } from "../addresses.ts";
import { usageError } from "../exit.ts";
import { addClause, type FilterFlag, filterJson } from "../filter-flags.ts";
import { connectEngine } from "../http-client.ts";
import { type CommonOptions, wholeNumber, withCommon, withEngine } from "../options.ts";
import { printable, sourceLines, timingLine } from "../print.ts";
import { explanationLines } from "../print-explanation.ts";
import { type RankingFlags, rankingOf, withRanking } from "../ranking-flags.ts";
import { type RecencyFlags, recencyOf, withRecency } from "../recency-flags.ts";
import type { Terminal } from "../terminal.ts";

interface AskOptions extends CommonOptions, RecencyFlags, RankingFlags {
  readonly url?: string | undefined;
  readonly topK?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly minSeq?: number | undefined;
  readonly waitMs?: number | undefined;
  readonly maxStalenessMs?: number | undefined;
  readonly asOf?: number | string | undefined;
  readonly deadlineMs?: number | undefined;
  readonly filter?: FilterFlag | undefined;
  readonly filterJson?: FilterFlag | undefined;
  readonly instructions?: string | undefined;
  readonly language?: string | undefined;
  readonly maxSentences?: number | undefined;
  readonly quote?: boolean | undefined;
}

const sentencesMax = limits.answerSentencesMax;

export function addAsk(program: Command, terminal: Terminal): void {
  const command = program
    .command("ask")
    .description("answer a question from the tenant's documents, with sources")
    .argument("<question>", "the question, in quotes")
    .option("--max-tokens <n>", "length of the answer", wholeNumber(1, limits.maxTokensMax))
    .option("--max-sentences <n>", "the same in sentences", wholeNumber(1, sentencesMax))
    .option("--language <tag>", "of the answer, such as de; sources stay in theirs")
    .option("--instructions <text>", "wishes for its form; no rule about sources changes")
    .option("--quote", "nothing but sentences of the sources, word for word");
  questionOptions(command, [
    'freshet ask "how do I configure retries?"',
    'freshet ask "what changed?" --tenant acme --top-k 8 --json',
    'freshet ask "who is on call?" --half-life 7d',
    'freshet ask "what is a fence?" --language de --max-sentences 2',
    'freshet ask "is it there yet?" --min-seq 1099511627790',
  ]).action(async (question: string, options: AskOptions) => ask(question, options, terminal));
}

export function addSearch(program: Command, terminal: Terminal): void {
  const command = program
    .command("search")
    .description("find the passages that a question would be answered from, without a model")
    .argument("<query>", "what to look for");
  questionOptions(command, [
    'freshet search "retry policy" --top-k 10',
    'freshet search "retry policy" --filter metadata.lang=en --json',
    'freshet search "retry policy" --rank-by lexical --explain',
    'freshet search "retry policy" --as-of 2026-11-28T18:00:00Z',
  ]).action(async (query: string, options: AskOptions) => search(query, options, terminal));
}

function questionOptions(command: Command, examples: readonly string[]): Command {
  return withRanking(withRecency(withEngine(withCommon(command, examples))))
    .option("-k, --top-k <n>", "sources at most", wholeNumber(1, limits.topKMax))
    .option("--filter <field=value>", "only documents that match; repeat for more", addClause)
    .option("--filter-json <json>", "the same as the API takes it, instead of --filter", filterJson)
    .option("--min-seq <seq>", "wait for this write", wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option("--max-staleness-ms <ms>", "miss nothing older", wholeNumber(0, limits.stalenessMsMax))
    .option("--wait-ms <ms>", "how long to wait for either", wholeNumber(0, limits.waitMsMax))
    .option("--as-of <seq|time>", "documents as they were after an operation, or then", momentIn)
    .option("--deadline-ms <ms>", "give up after this time", wholeNumber(1, limits.deadlineMsMax))
    .addHelpText("after", filterHelp);
}

const filterHelp = `
Filters: field=value takes the value as it is written, so that 01234 and 1.10 stay
codes; for metadata it also finds the number 7 or true under 7 or true. A type, a
list or a range is said in JSON: --filter 'metadata.year:={"gte": 2020}'.`;

function momentIn(value: string): number | string {
  if (/^[1-9]\d{0,15}$/.test(value) && Number.isSafeInteger(Number(value))) return Number(value);
  if (parseTime(value) !== undefined) return value;
  throw new InvalidArgumentError("the seq of an operation, or a time such as 2026-11-29T08:00:00Z");
}

/** @throws CliError usage */
function questionOf(query: string, options: AskOptions) {
  if (query.trim() === "") throw usageError("the question is empty: say what is asked, in quotes");
  if (options.filter !== undefined && options.filterJson !== undefined) {
    throw usageError("--filter or --filter-json: a filter is said in one of them");
  }
  return {
    query,
    top_k: options.topK,
    max_tokens: options.maxTokens,
    min_seq: options.minSeq,
    wait_ms: options.waitMs,
    max_staleness_ms: options.maxStalenessMs,
    as_of: options.asOf,
    deadline_ms: options.deadlineMs,
    filter: options.filterJson ?? options.filter,
    recency: recencyOf(options),
    instructions: options.instructions,
    language: options.language,
    max_sentences: options.maxSentences,
    quote: options.quote,
    ...rankingOf(options),
  };
}

async function ask(query: string, options: AskOptions, terminal: Terminal): Promise<void> {
  const engine = connectEngine(resolveAddresses(options, terminal.env), options.tenant);
  const question = questionOf(query, options);
  const { signal } = terminal;
  if (options.json === true) {
    terminal.out(`${JSON.stringify(await engine.ask(question, signal))}\n`);
    return;
  }
  let streamed = "";
  const answer = await engine.askStreamed(question, {
    signal,
    onEvent(event) {
      if (event.type !== "delta") return;
      streamed += event.text;
      terminal.out(printable(event.text));
    },
  });
  // The engine checks citations at the end: when that changed the text, the checked one is the
  // answer.
  if (streamed.trim() !== answer.answer.trim()) {
    terminal.out(`${streamed === "" ? "" : "\n\n"}${printable(answer.answer)}`);
  }
  terminal.out(`\n\n${footer(answer, false)}`);
}

async function search(query: string, options: AskOptions, terminal: Terminal): Promise<void> {
  const engine = connectEngine(resolveAddresses(options, terminal.env), options.tenant);
  const question = { ...questionOf(query, options), mode: "search" };
  const found = await engine.ask(question, terminal.signal);
  terminal.out(options.json === true ? `${JSON.stringify(found)}\n` : footer(found, true));
}

function footer(answer: Answer, withText: boolean): string {
  const { hot, cold, llm } = answer.coverage;
  return [
    ...sourceLines(answer.sources, withText),
    "",
    ...explanationLines(answer),
    `hot ${hot}, cold ${cold}, written by ${printable(llm)} · ${timingLine(answer.timings)}`,
    ...modelLines(answer),
    "",
  ].join("\n");
}

/** Nothing where no model was asked and none should have been. */
function modelLines({ usage, fallback }: Answer): readonly string[] {
  const passed = fallback?.passed.map(({ endpoint, reason }) => `${endpoint} (${reason})`);
  const instead = passed?.length === 0 ? fallback?.reason : passed?.join(", ");
  const { prompt_tokens: read = 0, completion_tokens: written = 0, cost } = usage ?? {};
  return [
    ...(instead === undefined ? [] : [printable(`instead of ${instead}`)]),
    ...(read === 0
      ? []
      : [`${read} tokens read, ${written} written${cost === undefined ? "" : `, cost ${cost}`}`]),
  ];
}
