import { afterAll, beforeAll, expect, it } from "vitest";
import type { Version } from "../../src/contract/ids.ts";
import { confirmedTo } from "../../src/contract/manifest.ts";
import type { Answer, Coverage } from "../../src/contract/query.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { type Client, httpClient } from "../support/http-service.ts";
import { eventually } from "../support/promises.ts";

/** The story goes on from test to test. */
const tenant = freshTenant("resident");
const question = "what lies in the harbour";
let site: Site;
let engine: FreshetProcess;
let client: Client;

beforeAll(async () => {
  site = await openSite({
    FRESHET_HOT_KEPT_BYTES: String(64 * 2 ** 20),
    FRESHET_MERGE_SIZE_CHUNKS: "3",
  });
  [engine] = await Promise.all([site.startEngine(), site.startMergeWorker()]);
  client = httpClient(engine.url);
});

afterAll(() => site.close());

it("what is merged is kept: the tenant is resident, and its documents are said to lie in cold", async () => {
  await publish({ id: "barge", text: "The barge lies in the harbour." });
  await publish({ id: "ferry", text: "The ferry lies in the harbour." });
  await publish({ id: "tug", text: "The tug lies in the harbour." });
  await eventually(async () => {
    const found = await client.search(tenant, question);
    expect(namesOf(found)).toEqual(["barge cold", "ferry cold", "tug cold"]);
    expect(found.coverage.cold).toBe("resident");
  });
  await confirmed();
});

it("what changes is answered from memory at once, in its newest version (I3, I4)", async () => {
  await publish({ id: "tug", op: "delete" });
  const last = await publish({ id: "ferry", text: "The ferry has left the harbour." });
  const found = await client.search(tenant, question, last);
  expect(found.coverage.cold).toBe("resident");
  expect(namesOf(found)).toEqual(["barge cold", "ferry hot"]);
  await site.merges.force(tenant);
  await confirmed();
});

it("after a restart it is asked and resident again, from the log (I7)", async () => {
  await engine.restart();
  await untilCovered("resident");
  expect(namesOf(await client.search(tenant, question))).toEqual(["barge cold", "ferry cold"]);
});

it("where the log has forgotten its records, from cold, with texts and vectors (I7)", async () => {
  const before = await client.search(tenant, question);
  const manifest = (await site.log.manifests.get(tenant))?.manifest;
  if (manifest === undefined) throw new Error("nothing is merged");
  await site.log.chunks.purge({ tenant, below: confirmedTo(manifest) });
  await engine.restart();
  await untilCovered("complete");
  await untilCovered("resident");
  const after = await client.search(tenant, question);
  expect(namesOf(after)).toEqual(namesOf(before));
  expect(after.sources.map(({ text }) => text)).toEqual(before.sources.map(({ text }) => text));
  for (const [at, { score }] of after.sources.entries()) {
    expect(score).toBeCloseTo(before.sources[at]?.score ?? Number.NaN, 4);
  }
});

/** Returns when the operation is applied. */
async function publish(body: object): Promise<Version> {
  const payload = new TextEncoder().encode(JSON.stringify(body));
  const { seq } = await site.log.docs.publish({ tenant, payload });
  await site.event(seq);
  return seq;
}

/** All that is published is merged, for good. */
async function confirmed(): Promise<void> {
  await eventually(async () => {
    const [stored, last] = await Promise.all([
      site.log.manifests.get(tenant),
      site.log.chunks.last(tenant),
    ]);
    expect(stored && confirmedTo(stored.manifest)).toBe(last?.position);
  });
}

async function untilCovered(cold: Coverage["cold"]): Promise<void> {
  await eventually(async () => {
    const found = await client.search(tenant, question);
    expect(found.coverage.cold).toBe(cold);
  });
}

function namesOf({ sources }: Answer): string[] {
  return sources.map(({ id, shard }) => `${id} ${shard}`).sort();
}
