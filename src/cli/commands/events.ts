/**
 * `freshet events`: what became of each operation, as it happens. Ended streams are opened again
 * after the newest event that was printed, so nothing is lost or printed twice.
 */

import { type Command, InvalidArgumentError } from "commander";
import type { StoredEvent } from "../../contract/events.ts";
import { resolveAddresses } from "../addresses.ts";
import { connectEngine } from "../http-client.ts";
import { type CommonOptions, withCommon, withEngine } from "../options.ts";
import { printable } from "../print.ts";
import type { Terminal } from "../terminal.ts";

interface EventsOptions extends CommonOptions {
  readonly url?: string;
  readonly fromSeq?: number;
}

export function addEvents(program: Command, terminal: Terminal): void {
  const command = program
    .command("events")
    .description("what became of each operation, without end: visible, deleted, rejected")
    .option("--from-seq <seq>", "begin with this operation instead of now", sequence);
  withEngine(
    withCommon(command, ["freshet events", "freshet events --from-seq 0 --json --tenant acme"]),
  ).action(async (options: EventsOptions) => {
    const engine = connectEngine(resolveAddresses(options, terminal.env), options.tenant);
    // Who is killed before the first event has to know where to begin again.
    const onPosition = (seq: number) =>
      terminal.note(options.json === true ? `{"after":${seq}}\n` : `from behind ${seq} on\n`);
    const { signal } = terminal;
    const events = engine.events({ from: options.fromSeq, onPosition, signal });
    for await (const event of events) {
      const line = options.json === true ? JSON.stringify(event) : lineOf(event);
      terminal.out(`${printable(line)}\n`);
    }
  });
}

function lineOf({ at, seq, status, id, reason, message }: StoredEvent): string {
  const why = reason === undefined ? "" : `  ${reason}: ${message ?? ""}`;
  return `${at}  ${seq}  ${status.padEnd(10)}  ${id ?? "-"}${why}`;
}

function sequence(text: string): number {
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new InvalidArgumentError("the seq of an event or a receipt");
}
