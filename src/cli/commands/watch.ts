/** `freshet watch`: tells when what a standing question finds changes. */

import type { Command } from "commander";
import { resolveAddresses } from "../addresses.ts";
import { hitsAsOf, hitsNow } from "../evidence/as-of-hits.ts";
import { type StandingOptions, standingQuestion, withStandingQuestion } from "../evidence/flags.ts";
import { changeLines } from "../evidence/hits.ts";
import { type Watched, watch } from "../evidence/watch.ts";
import { connectEngine } from "../http-client.ts";
import { wholeNumber, withCommon, withEngine } from "../options.ts";
import { printable } from "../print.ts";
import type { Terminal } from "../terminal.ts";

export function addWatch(program: Command, terminal: Terminal): void {
  const sequence = wholeNumber(1, Number.MAX_SAFE_INTEGER);
  const command = program
    .command("watch")
    .description("tell when the passages that a question finds change, without end")
    .option("--from <seq>", "begin after this operation, the last that was told", sequence);
  withEngine(
    withCommon(withStandingQuestion(command, "watched"), [
      'freshet watch "who is on call?"',
      'freshet watch "who is on call?" --from 1099511627790 --tenant acme --json',
    ]),
  ).action(async (query: string, options: StandingOptions) => {
    const { signal } = terminal;
    const engine = connectEngine(resolveAddresses(options, terminal.env), options.tenant);
    const question = standingQuestion(query, options);
    const from = options.from ?? (await hitsNow(engine, question, signal)).seq;
    // Who is killed before the first change has to know where to begin again.
    terminal.note(options.json === true ? `{"from":${from}}\n` : `watching from ${from} on\n`);
    const changes = watch({
      from,
      events: (next) => engine.events({ from: next, signal }),
      hitsAt: (seq) => hitsAsOf(engine, { ...question, as_of: seq }, signal),
    });
    for await (const change of changes) {
      const line = options.json === true ? JSON.stringify(jsonOf(change)) : textOf(change);
      terminal.out(`${printable(line)}\n`);
    }
  });
}

function jsonOf({ operation, change, hits }: Watched): object {
  const { seq, id, status, at } = operation;
  return { seq, id, status, at, ...change, hits };
}

function textOf({ operation: { at, seq, status, id }, change }: Watched): string {
  return [`${at}  ${seq}  ${status}  ${id ?? "-"}`, ...changeLines(change)].join("\n");
}
