/**
 * Sends planted values in through every surface of a running engine, has all of it merged, and asks
 * for it with planted values in the questions. What came out meanwhile is in what it returns.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { forEachAtMost } from "../../src/runtime/for-each.ts";
import { Garden, plantedDocument, plantedFiles, refusedBodies } from "./documents.ts";
import { Plants } from "./kinds.ts";
import { askEverything } from "./questions.ts";
import { get, type LeakSite, post } from "./site.ts";

export interface Heard {
  readonly garden: Garden;
  /** What the engine said, by where it said it. */
  readonly outputs: Readonly<Record<string, readonly string[]>>;
}

const atOnce = 24;
const linesARequest = 20;
const patienceMs = 120_000;

export async function tellLeakStory(
  site: LeakSite,
  { documents, seed }: { readonly documents: number; readonly seed: number },
): Promise<Heard> {
  const garden = new Garden(new Plants(seed));
  const events: string[] = [];
  const heard = site.nats.subscribe("events.>", {
    callback: (_, message) => void events.push(message.string()),
  });
  const outputs = {
    events,
    replies: [] as string[],
    metrics: [] as string[],
    status: [] as string[],
  };
  await addSources(site);
  await publishAll(site, garden, documents);
  site.say(`${garden.all.length} values are planted`);
  await ingestFiles(site, garden, Math.max(1, Math.floor(documents / 1_000)));
  for (const body of refusedBodies(garden)) {
    site.nats.publish(`docs.${site.tenant}`, body);
    await post(site, "/v1/documents", body);
  }
  await site.nats.flush();
  await change(site, garden, documents);
  await allVisible(site, outputs.replies);
  site.say("all of it is visible");
  await askEverything(site, garden, outputs.replies);
  await site.merge();
  site.say("all of it is merged");
  await askEverything(site, garden, outputs.replies);
  outputs.metrics.push(await (await fetch(`${site.httpUrl}/metrics`)).text());
  for (const path of ["/v1/status", "/v1/usage", "/v1/documents?limit=100", "/v1/feedback"])
    outputs.status.push(await (await get(site, path)).text());
  outputs.status.push(await site.freshet(["dlq", "list", "--json"]));
  outputs.status.push(await site.freshet(["source", "show", "mapped", "--json"]));
  heard.unsubscribe();
  return { garden, outputs };
}

/** One whose mapper works, one whose mapper chokes on the value, one that says it as a reason. */
async function addSources({ freshet }: LeakSite): Promise<void> {
  const webhook = (name: string, expression: string): Promise<string> =>
    freshet(["source", "add", name, "--webhook", "--expr", expression]);
  await webhook("mapped", `{"id": body.id, "text": body.text, "metadata": body.metadata}`);
  await webhook("choking", `{"id": body.id, "text": $string($number(body.text))}`);
  await webhook("throwing", `$error(body.text)`);
  await webhook("skipping", `{"op": "skip", "reason": body.text}`);
}

async function publishAll(site: LeakSite, garden: Garden, count: number): Promise<void> {
  const bodies = Array.from({ length: count }, (_, number) => plantedDocument(garden, number).body);
  const waiting: (() => Promise<void>)[] = [];
  const lines: object[] = [];
  for (const [number, body] of bodies.entries()) {
    const key =
      number % 9 === 0 ? { "idempotency-key": garden.plant("message id", "email").value } : {};
    switch (number % 10) {
      case 0:
      case 1:
        waiting.push(() => natsPublish(site, body));
        break;
      case 2:
        waiting.push(() => accepted(post(site, "/v1/sources/mapped/events", body, key)));
        break;
      case 3:
      case 4:
      case 5:
        waiting.push(() => accepted(post(site, "/v1/documents", body, key)));
        break;
      default:
        lines.push(body);
    }
  }
  const type = { "content-type": "application/x-ndjson" };
  for (let at = 0; at < lines.length; at += linesARequest) {
    const some = lines.slice(at, at + linesARequest).map((body) => JSON.stringify(body));
    waiting.push(() => accepted(post(site, "/v1/documents", some.join("\n"), type)));
  }
  for (const name of ["choking", "throwing", "skipping"])
    for (const id of ["a", "b", "c"]) {
      const body = { id, text: garden.in(`event of a ${name} source`) };
      waiting.push(async () => void (await post(site, `/v1/sources/${name}/events`, body)));
    }
  await forEachAtMost(waiting, atOnce, (send) => send());
}

async function natsPublish({ nats, tenant }: LeakSite, body: object): Promise<void> {
  await nats.jetstream().publish(`docs.${tenant}`, JSON.stringify(body), { timeout: patienceMs });
}

async function accepted(sent: Promise<Response>): Promise<void> {
  const response = await sent;
  const text = await response.text();
  if (response.status !== 202) throw new Error(`refused: ${response.status} ${text}`);
}

async function ingestFiles(site: LeakSite, garden: Garden, sets: number): Promise<void> {
  mkdirSync(site.spool, { recursive: true });
  for (let set = 0; set < sets; set += 1)
    for (const { name, bytes } of await plantedFiles(garden, set))
      writeFileSync(join(site.spool, name), bytes);
  // Ends with 1 where a document was refused: one of each set is, for its name.
  await site.freshet(["ingest", site.spool]).catch((thrown: Error) => {
    if (!thrown.message.includes("1")) throw thrown;
  });
}

/** Some anew with other values, some deleted. */
async function change(site: LeakSite, garden: Garden, count: number): Promise<void> {
  for (let number = 0; number < count; number += 15) {
    await accepted(post(site, "/v1/documents", plantedDocument(garden, number).body));
    const path = `${site.httpUrl}/v1/documents/document-${number + 1}`;
    await accepted(fetch(path, { method: "DELETE", headers: { "x-tenant": site.tenant } }));
  }
}

/** Read your writes: of an operation behind all others. */
async function allVisible(site: LeakSite, replies: string[]): Promise<void> {
  const response = await post(site, "/v1/documents", { id: "last", text: "The last lamp is lit." });
  const { seq } = (await response.json()) as { seq: number };
  const until = performance.now() + 10 * patienceMs;
  for (;;) {
    const asked = { query: "the last lamp", mode: "search", min_seq: seq, wait_ms: 30_000 };
    const reply = await post(site, "/answer", { ...asked, deadline_ms: 60_000 });
    const text = await reply.text();
    if (reply.ok) return void replies.push(text);
    if (performance.now() > until) throw new Error(`not visible: ${text}`);
    await sleep(500);
  }
}
