import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DocumentId, Version } from "../../src/contract/ids.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { type Client, httpClient, refusal } from "../support/http-service.ts";
import { eventually } from "../support/promises.ts";

/**
 * The log is replaced under a running engine, by an older copy and by a stream of somebody else, and put back. The
 * stories go on from test to test: it is one engine, which no one restarts.
 */

const tenant = freshTenant("identity");
const question = "where does the boat lie";
const documentId = "boat" as DocumentId;
let site: Site;
let engine: FreshetProcess;
let client: Client;

beforeAll(async () => {
  site = await openSite();
  engine = await site.startEngine();
  client = httpClient(engine.url);
});

afterAll(() => site.close());

const folder = (): string => join(site.nats.directory, "jetstream");
const docs = (): string => join(folder(), "jetstream", "$G", "streams", "DOCS");

/** Stops NATS, does something to its data, and starts it again. */
async function whileDown(change: () => void): Promise<void> {
  await site.nats.stop();
  change();
  await site.nats.restart();
  await eventually(() => site.log.connection.flush());
}

async function publish(id: string, text: string): Promise<Version> {
  const payload = new TextEncoder().encode(JSON.stringify({ id, text }));
  const { seq } = await site.log.docs.publish({ tenant, payload });
  return seq;
}

async function visible(id: string, text: string): Promise<Version> {
  const seq = await publish(id, text);
  await site.event(seq);
  return seq;
}

async function readiness(): Promise<{ readonly ready: boolean; readonly missing: string[] }> {
  const reply = await fetch(`${engine.url}/readyz`);
  return (await reply.json()) as Awaited<ReturnType<typeof readiness>>;
}

async function untilRefused(): Promise<void> {
  await eventually(async () => {
    const { ready, missing } = await readiness();
    expect(ready).toBe(false);
    expect(missing.join("\n")).toMatch(/restore the JetStream data, or give up the old log/);
  });
}

async function untilReady(): Promise<void> {
  await eventually(async () => {
    const said = await readiness();
    expect(said, said.missing.join("; ")).toMatchObject({ ready: true });
  });
}

async function answersNothing(): Promise<void> {
  expect((await refusal(client.search(tenant, question))).code).toBe("log_identity");
  expect((await refusal(client.document({ tenant }, documentId))).code).toBe("log_identity");
  const reply = await fetch(`${engine.url}/v1/documents`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-tenant": tenant },
    body: JSON.stringify({ id: "late", text: "This came too late." }),
  });
  expect(reply.status).toBe(503);
  expect(await reply.json()).toMatchObject({
    code: "log_identity",
    retryable: false,
    detail: expect.stringContaining("restore the JetStream data"),
  });
}

const idsOf = async (minSeq?: number): Promise<string[]> => {
  const { sources } = await client.search(tenant, question, minSeq);
  return sources.map(({ id }) => id).sort();
};

describe("an older copy of the log, put under a running engine (L5)", () => {
  it("is refused: nothing is answered from memory, nothing is taken, and the engine says why", async () => {
    await visible("boat", "The boat lies at the jetty.");
    await whileDown(() => cpSync(folder(), `${folder()}.old`, { recursive: true }));
    await untilReady();
    await visible("oar", "The oar lies beside the boat.");
    await whileDown(() => {
      cpSync(folder(), `${folder()}.new`, { recursive: true });
      rmSync(folder(), { recursive: true });
      cpSync(`${folder()}.old`, folder(), { recursive: true });
    });
    await untilRefused();
    await answersNothing();
    expect((await client.status()).refusal).toMatch(/ends before what was built on it/);
    const metrics = await (await fetch(`${engine.url}/metrics`)).text();
    expect(metrics).toContain("freshet_log_refused 1");
  });

  it("is over when the newer data is put back: the same process serves again, with all it had (I7)", async () => {
    await whileDown(() => {
      rmSync(folder(), { recursive: true });
      cpSync(`${folder()}.new`, folder(), { recursive: true });
    });
    await untilReady();
    // A lease that ran out meanwhile is taken again: until then a client is told to come back.
    await eventually(async () => expect(await idsOf()).toEqual(["boat", "oar"]));
    const seq = await visible("sail", "The sail of the boat was mended.");
    expect(await idsOf(seq)).toEqual(["boat", "oar", "sail"]);
    const log = readFileSync(engine.logFile, "utf8");
    expect(log).toContain("the log is refused, nothing is served");
    expect(log).toContain("the log is the right one again");
  });
});

describe("a stream that is created again under a running engine, by somebody else", () => {
  it("is refused, and no document of it is taken for one of the log", async () => {
    await whileDown(() => cpSync(docs(), `${folder()}.docs`, { recursive: true }));
    await untilReady();
    const { streams } = await site.log.connection.jetstreamManager();
    const { config } = await streams.info("DOCS");
    await streams.delete("DOCS");
    await streams.add(config);
    const body = JSON.stringify({ id: "foreign", text: "The boat was sold." });
    const ack = await site.log.connection.jetstream().publish(`docs.${tenant}`, body);
    await untilRefused();
    await answersNothing();
    expect(site.events.some(({ id }) => id === "foreign")).toBe(false);
    expect(ack.seq).toBeGreaterThan(0);
  });

  it("is over when the log is put back, and what is published then is not skipped", async () => {
    // Only what was replaced: the other streams have gone on since, with a fence if a lease ran out.
    await whileDown(() => {
      rmSync(docs(), { recursive: true });
      cpSync(`${folder()}.docs`, docs(), { recursive: true });
    });
    await untilReady();
    const seq = await visible("anchor", "The anchor of the boat is new.");
    expect(await idsOf(seq)).toEqual(["anchor", "boat", "oar", "sail"]);
  });
});
