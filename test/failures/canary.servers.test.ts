/** The canary of a real engine, while its log is away, and the metrics of a merge worker. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "../../ops/servers/ports.ts";
import { openSite, type Site } from "../support/engine-process.ts";
import { eventually } from "../support/promises.ts";

let site: Site;
let mergePort: number;
beforeAll(async () => {
  mergePort = await freePort();
  site = await openSite({
    FRESHET_CANARY: "on",
    FRESHET_MERGE_METRICS_PORT: String(mergePort),
    // The canary's tenants need no key.
    FRESHET_API_KEYS: "0123456789abcdef0123=acme",
    FRESHET_OPERATOR_TOKEN: "t".repeat(32),
  });
});
afterAll(() => site.close());

const headers = { authorization: `Bearer ${"t".repeat(32)}` };

async function sum(url: string, metric: string): Promise<number> {
  const text = await (await fetch(url, { headers })).text();
  const lines = text.split("\n").filter((line) => line.startsWith(metric));
  return lines.reduce((total, line) => total + Number(line.split(" ").at(-1)), 0);
}

it("the canary finds its documents in every partition, and counts as failed what a log that is away takes", async () => {
  const [engine] = await Promise.all([site.startEngine(), site.startMergeWorker()]);
  const url = `${engine.url}/metrics`;
  for (let partition = 0; partition < 8; partition += 1) {
    const found = `freshet_canary_visible_seconds_count{partition="${partition}"}`;
    await eventually(async () => expect(await sum(url, found)).toBeGreaterThan(0));
  }
  expect(await sum(url, "freshet_canary_failures_total")).toBe(0);
  const worker = `http://127.0.0.1:${mergePort}/metrics`;
  expect((await fetch(worker)).status).toBe(401);
  expect(await sum(worker, "freshet_process_resident_memory_bytes")).toBeGreaterThan(0);
  await site.nats.stop();
  const failed = 'freshet_canary_failures_total{partition="0",step="publish"}';
  await eventually(async () => expect(await sum(url, failed)).toBeGreaterThan(0));
  await site.nats.restart();
});
