/** The real engine with a remote embedder, and what happens to it when the model behind it is another one. */

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { logPath } from "../../ops/servers/supervise.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Endpoint, startEndpoint } from "../answer/misbehaving-endpoint.ts";
import { asNumbers, embedding } from "../embedding/remote-endpoint.ts";
import { freshTenant, openSite, type Site } from "../support/engine-process.ts";
import { httpClient } from "../support/http-service.ts";
import { eventually } from "../support/promises.ts";

const tenant = freshTenant("remote");
let site: Site;
let endpoint: Endpoint;

beforeAll(async () => {
  endpoint = await startEndpoint();
  endpoint.handle = embedding();
  site = await openSite({
    FRESHET_EMBED_URL: `${endpoint.url}/v1`,
    FRESHET_EMBED_API_KEY: "a-key-that-nobody-sees",
    FRESHET_EMBED_DIMENSIONS: "384",
  });
});

afterAll(async () => {
  await site.close();
  await endpoint.close();
});

const ferry = { id: "ferry", text: "The ferry leaves from pier nine at noon." };
const question = {
  query: "Where does the ferry leave?",
  mode: "search",
  top_k: 1,
  deadline_ms: 9_000,
} as const;

async function publish(document: object): Promise<number> {
  const payload = new TextEncoder().encode(JSON.stringify(document));
  return (await site.log.docs.publish({ tenant, payload })).seq;
}

describe("an engine with a remote embedder", () => {
  it("indexes and answers, waits out an outage of the endpoint, and loses nothing", async () => {
    const engine = await site.startEngine();
    const client = httpClient(engine.url);
    expect(await site.event(await publish(ferry))).toMatchObject({ status: "visible" });
    expect(await client.question(tenant, question)).toMatchObject({ sources: [{ id: "ferry" }] });
    let outages = 0;
    endpoint.handle = (_request, response) => {
      outages += 1;
      response.writeHead(503).end();
    };
    const seq = await publish({ id: "tram", text: "The tram stops at the old mill." });
    const late = site.event(seq);
    await eventually(() => expect(outages).toBeGreaterThan(limits.embedRemoteAttemptsMax));
    endpoint.handle = embedding();
    expect(await late).toMatchObject({ id: "tram", status: "visible" });
    await engine.stop();
    expect(readFileSync(engine.logFile, "utf8")).not.toContain("nobody-sees");
  });

  it("goes on with the same model in another rounding, and is refused with another model", async () => {
    endpoint.handle = embedding((entries) =>
      entries.map((e) => ({ ...e, embedding: asNumbers(e).map((v) => Math.round(v * 500)) })),
    );
    const engine = await site.startEngine();
    expect(await httpClient(engine.url).question(tenant, question)).toMatchObject({
      sources: [{ id: "ferry" }],
    });
    await engine.stop();
    endpoint.handle = embedding((entries) =>
      entries.map((e) => ({ ...e, embedding: asNumbers(e).reverse() })),
    );
    await expect(site.startEngine()).rejects.toThrow();
    const log = readFileSync(logPath(site.nats.directory, "engine"), "utf8");
    expect(log).toMatch(
      /^freshet: the data was embedded with another model .*; set the old model back; freshet reembed gives a tenant another one$/m,
    );
  });

  it("does not start without its endpoint, and says so in one line", async () => {
    endpoint.handle = (_request, response) => response.writeHead(401).end();
    await expect(site.startEngine()).rejects.toThrow();
    const log = readFileSync(logPath(site.nats.directory, "engine"), "utf8");
    expect(log).toMatch(/^freshet: http:\/\/127\.0\.0\.1:\d+: .* check FRESHET_EMBED_API_KEY$/m);
  });
});
