/**
 * `freshet mcp`: the engine's `/mcp` for agents that start a program and speak over its standard
 * streams. It passes messages on, both ways, and understands none of them, so every revision that
 * the engine speaks goes through.
 */

import type { Command } from "commander";
import { resolveAddresses } from "../addresses.ts";
import { CliError } from "../exit.ts";
import { type CommonOptions, withCommon, withEngine } from "../options.ts";
import { startCommand } from "../run-file.ts";
import type { Terminal } from "../terminal.ts";

interface McpOptions extends CommonOptions {
  readonly url?: string;
}

export function addMcp(program: Command, terminal: Terminal): void {
  const command = program
    .command("mcp")
    .description("an MCP server over standard streams, for agents that start programs");
  withEngine(
    withCommon(command, ["freshet mcp", "claude mcp add freshet -- freshet mcp --tenant demo"]),
  ).action(async (options: McpOptions) => {
    const { http, api } = resolveAddresses(options, terminal.env);
    const headers: Record<string, string> = { "x-tenant": options.tenant };
    if (api?.key !== undefined) headers["authorization"] = `Bearer ${api.key()}`;
    await bridge(new URL("/mcp", http), { headers, terminal });
  });
}

async function bridge(
  url: URL,
  { headers, terminal }: { readonly headers: Record<string, string>; readonly terminal: Terminal },
): Promise<void> {
  // Loaded here: no other command needs the protocol.
  const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const { StdioServerTransport } = await import("@modelcontextprotocol/server/stdio");
  const engine = new StreamableHTTPClientTransport(url, { requestInit: { headers } });
  const agent = new StdioServerTransport();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  terminal.signal.addEventListener("abort", () => end(), { once: true });
  agent.onclose = end;
  engine.onmessage = (message) => void agent.send(message);
  agent.onmessage = (message) => {
    engine.send(message).catch((thrown: unknown) => {
      const { message: why } = new CliError(`the engine at ${url.origin} did not take a message`, {
        cause: thrown,
      });
      terminal.note(`${why}\n`);
      if (!("id" in message) || !("method" in message) || message.id === undefined) return;
      const error = { code: -32_000, message: `${why}: is it running? ${startCommand}` };
      void agent.send({ jsonrpc: "2.0", id: message.id, error });
    });
  };
  await engine.start();
  await agent.start();
  await ended;
  await engine.close();
  await agent.close();
}
