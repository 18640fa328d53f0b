/** `freshet watch` as the process that people start, killed again and again while they publish. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { hitsAsOf } from "../../src/cli/evidence/as-of-hits.ts";
import { watch } from "../../src/cli/evidence/watch.ts";
import { connectEngine } from "../../src/cli/http-client.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";

const entry = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const query = "Where does the crane stand?";
const top = 3;
const kills = 50;

let site: Site;
let engine: FreshetProcess;

beforeAll(async () => {
  site = await openSite();
  engine = await site.startEngine();
});
afterAll(() => site.close());

async function publish(tenant: TenantId, operation: object): Promise<number> {
  const payload = new TextEncoder().encode(JSON.stringify(operation));
  const { seq } = await site.log.docs.publish({ tenant, payload });
  await site.event(seq);
  return seq;
}

/** Some change what the question finds, some do not, and some are refused. */
function operationOf(index: number): object {
  if (index % 5 === 4) return { id: `soup-${index}`, text: `Soup number ${index} has leeks.` };
  if (index % 11 === 10) return { id: `crane-${index % 3}`, text: 7 };
  if (index % 7 === 6) return { op: "delete", id: `crane-${index % 3}` };
  return { id: `crane-${index % 3}`, text: `The crane stands in hall ${index}.` };
}

interface Subscriber {
  readonly process: ChildProcess;
  /** Whole lines that it wrote. */
  readonly told: number[];
  /** Where it said that it began. */
  from: number | undefined;
}

function subscribe(tenant: TenantId, from: number | undefined): Subscriber {
  const begin = from === undefined ? [] : ["--from", String(from)];
  const args = ["watch", query, "-k", String(top), "--json", "--tenant", tenant, ...begin];
  const child = spawn(process.execPath, [entry, ...args, "--url", engine.url], {
    stdio: ["ignore", "pipe", "pipe"],
    // Fifty starts of the same program: half of their work is reading its text.
    env: { ...site.env, NODE_COMPILE_CACHE: join(site.nats.directory, "compiled") },
  });
  const subscriber: Subscriber = { process: child, told: [], from };
  wholeLines(child.stdout, (line) => subscriber.told.push(JSON.parse(line).seq));
  wholeLines(child.stderr, (line) => {
    subscriber.from = JSON.parse(line).from;
  });
  return subscriber;
}

function wholeLines(stream: NodeJS.ReadableStream, line: (text: string) => void): void {
  let rest = "";
  stream.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const each of lines) line(each);
  });
}

/** `kill -9`, whatever it is at; what it had written is read to the end. */
async function kill({ process: child }: Subscriber): Promise<void> {
  const closed = once(child, "close");
  child.kill("SIGKILL");
  await closed;
}

async function until(done: () => boolean, ms: number): Promise<void> {
  const endMs = Date.now() + ms;
  while (!done() && Date.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 10));
}

it("tells each change once over fifty kills of the process while documents are published", async () => {
  const tenant = freshTenant("watch");
  const first = await publish(tenant, { id: "crane-0", text: "The crane stands outside." });

  // Killed before the first change: what it said of where it began is all that is left of it.
  const earliest = subscribe(tenant, undefined);
  await until(() => earliest.from !== undefined, 60_000);
  await kill(earliest);
  expect(earliest).toMatchObject({ from: first, told: [] });

  let index = 0;
  const publishSome = async (): Promise<void> => {
    for (const end = index + 6; index < end; index += 1) await publish(tenant, operationOf(index));
  };
  const told: number[] = [];
  let from = first;
  for (let count = 1; count < kills; count += 1) {
    const publishing = publishSome();
    const subscriber = subscribe(tenant, from);
    // Some at their start, some in the midst of their work, some after a change or two.
    if (count % 3 === 0) await until(() => subscriber.told.length > 0, count * 20);
    else await until(() => subscriber.told.length >= (count % 2) + 1, 120_000);
    await kill(subscriber);
    await publishing;
    told.push(...subscriber.told);
    from = told.at(-1) ?? from;
  }
  const last = await publish(tenant, { id: "crane-0", text: "The crane has gone to the quay." });
  const rest = subscribe(tenant, from);
  await until(() => rest.told.at(-1) === last, 300_000);
  await kill(rest);
  told.push(...rest.told);

  expect(told).toEqual(await changesOf(tenant, first, last));
  expect(told.length).toBeGreaterThan(kills / 2);
}, 1_800_000);

/** What one that nobody kills says of the same log. */
async function changesOf(tenant: TenantId, from: number, last: number): Promise<number[]> {
  const { signal } = new AbortController();
  const addresses = { http: engine.url } as Parameters<typeof connectEngine>[0];
  const client = connectEngine(addresses, tenant);
  const asked = { query, top_k: top };
  const changes = watch({
    from,
    events: (next) => client.events({ from: next, signal }),
    hitsAt: (seq) => hitsAsOf(client, { ...asked, as_of: seq }, signal),
  });
  const seqs: number[] = [];
  for await (const { operation } of changes) {
    seqs.push(operation.seq);
    if (operation.seq === last) break;
  }
  return seqs;
}
