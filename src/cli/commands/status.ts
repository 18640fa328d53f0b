/** `freshet status`: what the engine holds, and what it can reach. */

import type { Command } from "commander";
import { resolveAddresses } from "../addresses.ts";
import { connectEngine } from "../http-client.ts";
import { type CommonOptions, withCommon, withEngine } from "../options.ts";
import { printable, statusLines } from "../print.ts";
import type { Terminal } from "../terminal.ts";

export function addStatus(program: Command, terminal: Terminal): void {
  const command = program.command("status").description("state of the engine and its tenants");
  withEngine(
    withCommon(command, ["freshet status", "freshet status --json --url http://127.0.0.1:8787"]),
  ).action(async (options: CommonOptions & { url?: string }) => {
    const addresses = resolveAddresses(options, terminal.env);
    const status = await connectEngine(addresses, options.tenant).status(terminal.signal);
    const text = options.json === true ? [JSON.stringify(status)] : statusLines(status);
    terminal.out(`${text.map(printable).join("\n")}\n`);
  });
}
