/**
 * A rolling upgrade of two engines and the merge worker under load, and back again: nothing wrong,
 * nothing lost, no question failed beyond what a client retries.
 *
 * FRESHET_TEST_OLD names another checkout, whose engines are the old version; else both are this one.
 */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { connect, type NatsConnection } from "nats";
import { afterAll, beforeAll, expect, it } from "vitest";
import { preferredNode } from "../../src/cluster/ownership.ts";
import { type DocumentId, partitionOf, type TenantId } from "../../src/contract/ids.ts";
import type { WorkerVersions } from "../../src/merges/port.ts";
import { connectVersions } from "../../src/merges/temporal/versions.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { httpClient } from "../support/http-service.ts";
import { eventually } from "../support/promises.ts";
import { serversOfFile } from "../support/side-by-side.ts";
import { UpgradeLoad } from "../support/upgrade-load.ts";

/** As `ops/start` has them: they share eight partitions evenly. */
const names = ["node-1", "node-2"] as const;
const checkout = process.env["FRESHET_TEST_OLD"];
const old = checkout === undefined ? undefined : pathToFileURL(join(checkout, "src/main.ts"));
/** What two engines on two busy cores can do: above it every refusal is one of too much work. */
const questionsPerS = Number(process.env["FRESHET_TEST_QPS"] ?? 8);
const rate = { questionsPerS, publishesPerS: questionsPerS / 8 };
/** Long enough for questions to meet a node that has just come, short enough for a test. */
const betweenMs = 2_000;

/** Five engines and two workers start one after the other. */
const testMs = 400_000;

let site: Site;
let connection: NatsConnection;
let versions: WorkerVersions;
let tenants: readonly TenantId[];

beforeAll(async () => {
  site = await openSite({ FRESHET_MERGE_AGE_MS: "1000" });
  connection = await connect({ servers: site.nats.url });
  versions = await connectVersions({ ...serversOfFile().temporal, clock: systemClock });
  tenants = names.flatMap((name) => [tenantOf(name), tenantOf(name)]);
});
afterAll(async () => {
  // Files that come later in this namespace have workers without a version.
  await versions.makeCurrent(null);
  await versions.close();
  await connection.close();
  await site.close();
});

function tenantOf(name: string): TenantId {
  for (;;) {
    const tenant = freshTenant("upgrade");
    if (preferredNode(partitionOf(tenant, 8), names) === name) return tenant;
  }
}

const start = (name: string, program?: URL, port?: string): Promise<FreshetProcess> =>
  site.startEngine({ FRESHET_NODE: name }, program, port === undefined ? undefined : Number(port));

const startWorker = (version: string): Promise<FreshetProcess> =>
  site.startMergeWorker({
    env: { FRESHET_MERGE_VERSIONING: "on", FRESHET_BUILD_ID: version },
  });

/** Both serve their share. */
async function untilShared(engines: readonly FreshetProcess[]): Promise<void> {
  await eventually(async () => {
    const states = await Promise.all(engines.map(({ url }) => httpClient(url).status()));
    expect(states.map(({ partitions }) => partitions.owned)).toEqual([4, 4]);
    expect(states.map(({ ready }) => ready)).toEqual([true, true]);
  });
}

it(
  "answers everything right while each node is replaced, forward and back (I1, I5, I8)",
  async () => {
    const first = await start("node-1", old);
    const second = await start("node-2", old);
    const engines = [first, second];
    const worker = await startWorker("1.0.0");
    await eventually(async () => versions.makeCurrent("1.0.0"));
    await untilShared(engines);
    const urls = engines.map(({ url }) => url);
    const load = await UpgradeLoad.begin({ urls, connection, tenants, ...rate });

    await systemClock.sleep(betweenMs);
    for (const [index, name] of names.entries()) {
      const before = engines[index] as FreshetProcess;
      load.phase(`${name} forward`);
      await before.stop();
      engines[index] = await start(name, undefined, new URL(before.url).port);
      await untilShared(engines);
      await systemClock.sleep(betweenMs);
    }
    const newer = await startWorker("2.0.0");
    await eventually(async () => versions.makeCurrent("2.0.0"));
    await worker.stop();
    // Back again, within the format.
    load.phase("node-2 back");
    const port = new URL((engines[1] as FreshetProcess).url).port;
    await engines[1]?.stop();
    engines[1] = await start("node-2", old, port);
    await untilShared(engines);
    await systemClock.sleep(betweenMs);
    if (old !== undefined) {
      load.phase("node-1 again");
      await engines[0]?.restart();
    }
    const result = await load.end();

    const { newest, ...shown } = result;
    process.stdout.write(`upgrade: ${JSON.stringify(shown)}\n`);
    expect(result.wrong).toEqual([]);
    expect(result.failed).toEqual([]);
    // What an older release does when it stops is shown, not judged.
    const isJudged = (phase: string): boolean => old === undefined || !/forward/.test(phase);
    expect(Object.keys(result.broken).filter(isJudged)).toEqual([]);
    expect(result.questions).toBeGreaterThan(rate.questionsPerS * 5);
    for (const [tenant, documents] of newest) {
      for (const [id, seq] of documents) {
        // What was acknowledged last may be on its way, through a node that has just come.
        await eventually(async () => {
          const state = await httpClient(urls[0] as string).document({ tenant }, id as DocumentId);
          expect(state).toMatchObject({ status: "visible", seq });
        });
      }
    }
    const merged = await site.merges.force(tenants[0] as TenantId);
    expect(["merged", "nothing"]).toContain(merged.kind);
    expect(await versions.list()).toMatchObject({ current: "2.0.0" });
    await newer.stop();
  },
  testMs,
);
