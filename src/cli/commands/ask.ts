/**
 * `freshet ask` and `freshet search`: a question over HTTP, the answer as it comes, then its
 * sources.
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { limits } from "../../contract/limits.ts";
import { type Answer, recencySchema } from "../../contract/query.ts";
import { resolveAddresses } from "../addresses.ts";
import { usageError } from "../exit.ts";
import { connectEngine } from "../http-client.ts";
import { type CommonOptions, wholeNumber, withCommon, withEngine } from "../options.ts";
import { printable, sourceLines, timingLine } from "../print.ts";
import type { Terminal } from "../terminal.ts";

const recencyFields = recencySchema.shape.field.unwrap().options;

interface AskOptions extends CommonOptions {
  readonly url?: string | undefined;
  readonly topK?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly minSeq?: number | undefined;
  readonly waitMs?: number | undefined;
  readonly deadlineMs?: number | undefined;
  readonly filter?: Readonly<Record<string, unknown>> | undefined;
  readonly halfLife?: number | undefined;
  readonly recencyWeight?: number | undefined;
  readonly recencyField?: string | undefined;
}

export function addAsk(program: Command, terminal: Terminal): void {
  const command = program
    .command("ask")
    .description("answer a question from the tenant's documents, with sources")
    .argument("<question>", "the question, in quotes")
    .option("--max-tokens <n>", "length of the answer", wholeNumber(1, limits.maxTokensMax));
  questionOptions(command, [
    'freshet ask "how do I configure retries?"',
    'freshet ask "what changed?" --tenant acme --top-k 8 --json',
    'freshet ask "who is on call?" --half-life 7d',
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
  ]).action(async (query: string, options: AskOptions) => search(query, options, terminal));
}

function questionOptions(command: Command, examples: readonly string[]): Command {
  return withEngine(withCommon(command, examples))
    .option("-k, --top-k <n>", "sources at most", wholeNumber(1, limits.topKMax))
    .option("--filter <field=value>", "only documents that match; repeat for more", addClause)
    .option("--half-life <time>", "newer first: relevance halves each 12h, 30d, 1y …", duration)
    .option("--recency-weight <w>", "how much age may take away, 0 to 1 (default: 0.5)", share)
    .addOption(
      new Option("--recency-field <field>", "what age is counted from").choices(recencyFields),
    )
    .option("--min-seq <seq>", "wait for this write", wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option("--wait-ms <ms>", "how long to wait for it", wholeNumber(0, limits.waitMsMax))
    .option("--deadline-ms <ms>", "give up after this time", wholeNumber(1, limits.deadlineMsMax));
}

/** `metadata.lang=en`; a number or true/false is taken as such, as in JSON. */
function addClause(value: string, before: Readonly<Record<string, unknown>> = {}) {
  const at = value.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("write field=value");
  const raw = value.slice(at + 1);
  const typed = /^(true|false|-?\d+(\.\d+)?)$/.test(raw) ? (JSON.parse(raw) as unknown) : raw;
  return { ...before, [value.slice(0, at)]: typed };
}

const secondsOf = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800, y: 31_557_600 } as const;

/** Seconds. */
function duration(value: string): number {
  const parts = /^(\d+(?:\.\d+)?)([smhdwy])$/.exec(value);
  const seconds = Number(parts?.[1]) * secondsOf[(parts?.[2] ?? "s") as keyof typeof secondsOf];
  if (seconds > 0) return seconds;
  throw new InvalidArgumentError("a number and one of s, m, h, d, w, y, such as 30d");
}

function share(value: string): number {
  const number = value.trim() === "" ? Number.NaN : Number(value);
  if (number >= 0 && number <= 1) return number;
  throw new InvalidArgumentError("a number from 0 to 1");
}

function recencyOf({ halfLife, recencyWeight, recencyField }: AskOptions) {
  if (halfLife !== undefined) {
    return { half_life_s: halfLife, weight: recencyWeight, field: recencyField };
  }
  if (recencyWeight === undefined && recencyField === undefined) return undefined;
  throw usageError("--recency-weight and --recency-field need --half-life");
}

function questionOf(query: string, options: AskOptions) {
  return {
    query,
    top_k: options.topK,
    max_tokens: options.maxTokens,
    min_seq: options.minSeq,
    wait_ms: options.waitMs,
    deadline_ms: options.deadlineMs,
    filter: options.filter,
    recency: recencyOf(options),
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
    `hot ${hot}, cold ${cold}, written by ${llm} · ${timingLine(answer.timings)}`,
    "",
  ].join("\n");
}
