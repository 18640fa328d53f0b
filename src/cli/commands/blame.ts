/** `freshet blame`: which operation changed what a question finds. */

import type { Command } from "commander";
import { FreshetError } from "../../contract/errors.ts";
import type { StoredEvent } from "../../contract/events.ts";
import { limits } from "../../contract/limits.ts";
import { resolveAddresses } from "../addresses.ts";
import { hitsAsOf, hitsNow, type StandingQuestion } from "../evidence/as-of-hits.ts";
import { type Blamed, blame, changesDocuments } from "../evidence/blame.ts";
import { type StandingOptions, standingQuestion, withStandingQuestion } from "../evidence/flags.ts";
import { changeLines } from "../evidence/hits.ts";
import { usageError } from "../exit.ts";
import { connectEngine, type Engine } from "../http-client.ts";
import { wholeNumber, withCommon, withEngine } from "../options.ts";
import { printable } from "../print.ts";
import type { Terminal } from "../terminal.ts";

interface BlameOptions extends StandingOptions {
  readonly to?: number;
}

export function addBlame(program: Command, terminal: Terminal): void {
  const sequence = wholeNumber(0, Number.MAX_SAFE_INTEGER);
  const command = program
    .command("blame")
    .description("find the operation that changed what a question finds, by searching the past")
    .option("--from <seq>", "look at operations after this one; by default all", sequence)
    .option("--to <seq>", "and up to this one; by default until now", sequence);
  withEngine(
    withCommon(withStandingQuestion(command, "compared"), [
      'freshet blame "how do I configure retries?"',
      'freshet blame "who is on call?" --from 1099511627790 --tenant acme --json',
    ]),
  ).action(async (query: string, options: BlameOptions) => {
    const { from = 0, to = Number.POSITIVE_INFINITY } = options;
    if (to <= from) throw usageError("no operation is after --from and up to --to: --to is larger");
    const engine = connectEngine(resolveAddresses(options, terminal.env), options.tenant);
    const question = standingQuestion(query, options);
    await run(engine, question, { options, terminal });
  });
}

async function run(
  engine: Engine,
  question: StandingQuestion,
  { options, terminal }: { readonly options: BlameOptions; readonly terminal: Terminal },
): Promise<void> {
  const { signal } = terminal;
  // What is not there yet would be waited for.
  const { seq: newest } = await hitsNow(engine, question, signal);
  const to = Math.min(options.to ?? newest, newest);
  const { operations, isCut } = await operationsOf(engine, { from: options.from, to }, signal);
  let searches = 1;
  const hitsAt = (seq: number) => {
    searches += 1;
    return hitsAsOf(engine, { ...question, as_of: Math.max(1, seq) }, signal);
  };
  const blamed = await blame({ operations, hitsAt });
  if (options.json === true) {
    const { operation, change, before, after } = blamed ?? {};
    const said = { operation: operation ?? null, ...change, before, after };
    const looked = { operations: operations.length, searches, cut: isCut };
    terminal.out(`${printable(JSON.stringify({ ...said, ...looked }))}\n`);
    return;
  }
  if (isCut) {
    terminal.note(
      `only the newest ${operations.length} operations were looked at: --to goes back\n`,
    );
  }
  terminal.out(`${printable(linesOf(blamed, operations.length, searches).join("\n"))}\n`);
}

function linesOf(
  blamed: Blamed | undefined,
  operations: number,
  searches: number,
): readonly string[] {
  if (operations === 0) return ["no operation lies in this range: there is nothing to compare"];
  const looked = `${operations} operations, ${searches} searches`;
  if (blamed === undefined) return [`the hits are what they were before (${looked})`];
  const { at, seq, status, id } = blamed.operation;
  return [`${at}  ${seq}  ${status}  ${id ?? "-"}`, ...changeLines(blamed.change), looked];
}

/** The newest of them, at most as many as the searches of one run can tell apart. */
async function operationsOf(
  engine: Engine,
  range: { readonly from: number | undefined; readonly to: number },
  signal: AbortSignal,
): Promise<{ readonly operations: readonly StoredEvent[]; readonly isCut: boolean }> {
  const { from = 0, to } = range;
  const enough = new AbortController();
  const until = AbortSignal.any([signal, enough.signal]);
  let operations: StoredEvent[] = [];
  let isCut = false;
  if (to <= from) return { operations, isCut };
  try {
    for await (const event of engine.events({ from: from + 1, signal: until })) {
      if (event.seq <= to && changesDocuments(event)) operations.push(event);
      if (operations.length >= 2 * limits.blameOperationsMax) {
        operations = operations.slice(-limits.blameOperationsMax);
        isCut = true;
      }
      if (event.seq >= to) break;
    }
  } catch (thrown) {
    const oldest = oldestOf(thrown);
    if (range.from !== undefined || oldest === undefined) throw thrown;
    return await operationsOf(engine, { from: oldest - 1, to }, signal);
  } finally {
    enough.abort();
  }
  isCut ||= operations.length > limits.blameOperationsMax;
  return { operations: operations.slice(-limits.blameOperationsMax), isCut };
}

function oldestOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof FreshetError) || thrown.code !== "events_expired") return undefined;
  const oldest = thrown.details?.["oldest_seq"];
  return typeof oldest === "number" ? oldest : undefined;
}
