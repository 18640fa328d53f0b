/** `freshet ingest`: its options; what it does is in `../ingest/passes.ts`. */

import type { Command } from "commander";
import { readableNames } from "../../ingest/formats/kinds.ts";
import type { Terminal } from "../terminal.ts";
import { type IngestFlags, withIngestOptions } from "./ingest-options.ts";

export function addIngest(program: Command, terminal: Terminal): void {
  const command = program
    .command("ingest")
    .description(`publish documents: ${readableNames}; unchanged ones are skipped`);
  withIngestOptions(command).action(async (paths: string[], flags: IngestFlags) => {
    // The readers of files are the largest part of the command line, and of no other command.
    const { ingest } = await import("../ingest/passes.ts");
    await ingest(paths, flags, terminal);
  });
}
