/** `freshet mcp` as an agent starts it: a child process, over its standard streams. */

import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterEach, describe, expect, it } from "vitest";
import { type Fixture, fixture } from "../gateway/http-fixture.ts";
import { inheritedEnvironment } from "../support/environment.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

let current: Fixture;
let client: Client | undefined;
afterEach(async () => {
  await client?.close();
  await current.close();
});

async function connect(url: string, mode: "auto" | "legacy"): Promise<Client> {
  const made = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
  await made.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [main, "mcp", "--url", url, "--tenant", "acme"],
      env: inheritedEnvironment(),
      stderr: "ignore",
    }),
  );
  client = made;
  return made;
}

describe.each(["auto", "legacy"] as const)("freshet mcp for an agent of the era %s", (mode) => {
  it("offers the engine's tools and resources", async () => {
    current = fixture();
    const agent = await connect((await current.listen()).url, mode);
    await current.app.inject({
      method: "POST",
      url: "/v1/documents",
      headers: { "x-tenant": "acme", "content-type": "application/json" },
      payload: JSON.stringify({ id: "a", text: "rivers are long" }),
    });
    const found = await agent.callTool({ name: "search", arguments: { query: "rivers" } });
    expect(found.structuredContent).toMatchObject({ results: [{ id: "a" }] });
    const { resources } = await agent.listResources();
    expect(resources).toMatchObject([{ uri: "freshet://acme/documents/a" }]);
  });
});

it("says to the agent that no engine runs", async () => {
  current = fixture();
  await expect(connect("http://127.0.0.1:9", "legacy")).rejects.toThrow(/is it running/);
});
