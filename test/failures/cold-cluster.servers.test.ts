/** A cluster of three Weaviates under an engine: one node is killed, then another comes back without its disk. */

import { afterAll, beforeAll, expect, it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import type { Answer } from "../../src/contract/query.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { type Client, httpClient, refusal } from "../support/http-service.ts";
import { eventually } from "../support/promises.ts";
import { serversOfFile } from "../support/side-by-side.ts";
import {
  homeOfTenant,
  startWeaviateCluster,
  type WeaviateCluster,
} from "../support/weaviate-cluster.ts";

let cluster: WeaviateCluster;
let site: Site;
let engine: FreshetProcess;
let client: Client;

const names = ["axe", "ladder", "saw"];
const question = "what is in the barn";

beforeAll(async () => {
  cluster = await startWeaviateCluster();
  const servers = { ...serversOfFile(), weaviate: cluster.address };
  const settings = { FRESHET_MERGE_SIZE_CHUNKS: "2" };
  site = await openSite(settings, undefined, { servers, prepare: async () => {} });
  [engine] = await Promise.all([site.startEngine(), site.startMergeWorker()]);
  client = httpClient(engine.url);
});

afterAll(async () => {
  await site.close();
  await cluster[Symbol.asyncDispose]();
});

async function mergedTenant(): Promise<TenantId> {
  const tenant = freshTenant("shared");
  for (const id of names) {
    const payload = new TextEncoder().encode(
      JSON.stringify({ id, text: `The ${id} is in the barn.` }),
    );
    const { seq } = await site.log.docs.publish({ tenant, payload });
    await site.event(seq);
  }
  await site.merges.force(tenant);
  await eventually(async () => {
    const { tenants } = await client.status();
    const status = tenants.find((one) => one.tenant === tenant);
    expect(status).toMatchObject({ unmerged_chunks: 0, hot: { documents: 0 } });
  });
  return tenant;
}

const idsOf = ({ sources }: Answer): string[] => sources.map(({ id }) => id).sort();

async function expectWhole(tenant: TenantId): Promise<void> {
  const found = await client.search(tenant, question);
  expect(found.coverage.cold).toBe("complete");
  expect(idsOf(found)).toEqual(names);
}

it("a tenant whose node is away is refused or answered from memory, and says so, while the others are whole; without its disk it says stale until a merge has written it again (I4, I12)", async () => {
  const first = await mergedTenant();
  const home = await homeOfTenant(cluster, first);
  let other = await mergedTenant();
  while ((await homeOfTenant(cluster, other)) === home) other = await mergedTenant();
  await Promise.all([first, other].map(expectWhole));

  await home.kill();
  expect((await refusal(client.search(first, question))).code).toBe("cold_unavailable");
  await expectWhole(other);
  const payload = new TextEncoder().encode(
    JSON.stringify({ id: "rope", text: "The rope is new in the barn." }),
  );
  const { seq } = await site.log.docs.publish({ tenant: first, payload });
  const degraded = await client.search(first, question, seq);
  expect(degraded.coverage).toMatchObject({ hot: "complete", cold: "unavailable" });
  expect(idsOf(degraded)).toEqual(["rope"]);

  home.loseDisk();
  let isWhole = false;
  const said = new Set<string>();
  const back = home.start();
  // At each moment: whole, or said not to be.
  await eventually(async () => {
    const found = await client.search(first, question).catch(() => undefined);
    if (found !== undefined) {
      said.add(found.coverage.cold);
      if (found.coverage.cold === "complete")
        expect(idsOf(found)).toEqual([...names, "rope"].sort());
      isWhole = found.coverage.cold === "complete";
    }
    await expectWhole(other);
    expect(isWhole).toBe(true);
  });
  await back;
  expect(said).toContain("stale");
});
