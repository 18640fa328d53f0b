/** Starting, watching and ending the build of a generation, with real Temporal. */

import { afterEach, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { connectTemporal } from "../../src/merges/temporal/client.ts";
import { type MergeWorker, startMergeWorker } from "../../src/merges/temporal/worker.ts";
import { createWorld } from "../activities/world.ts";
import { compiledDirectory } from "../support/environment.ts";
import { testSigner } from "../support/signer.ts";
import { eventually, freshName, server } from "./cluster.ts";

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

function site() {
  const { clock, logger, metrics, log, cold } = createWorld().ports;
  const options = { ...server(), clock, logger, taskQueue: freshName("reembeds") };
  const client = connectTemporal(options);
  closing.push(() => client.close());
  const startWorker = async (failure: FreshetError): Promise<void> => {
    const withEncoder = () => Promise.reject(failure);
    const stores = { log, cold, metrics, withEncoder, sign: testSigner };
    const bundleDir = compiledDirectory();
    const worker: MergeWorker = await startMergeWorker({ ...options, ...stores, bundleDir });
    const running = worker.run();
    closing.push(() => worker.shutdown().then(() => running));
    await worker.ready;
  };
  return { reembeds: client.reembeds, startWorker };
}

const plan = { model: "another", textsPerS: 10 };

it("a second start is told that one is under way, not that Temporal is away", async () => {
  const { reembeds } = site();
  const tenant = freshName("twice");
  await reembeds.start(tenant, plan);
  await expect(reembeds.start(tenant, plan)).rejects.toMatchObject({
    code: "invalid_request",
    message: `tenant ${tenant} is being re-embedded already`,
  });
  expect(await reembeds.cancel(tenant)).toBe(true);
  await reembeds.start(tenant, plan);
  await reembeds.cancel(tenant);
});

it("a build whose model does not load says why while it is tried again", async () => {
  const { reembeds, startWorker } = site();
  const tenant = freshName("broken");
  const why = "the graph makes vectors of 30522 dimensions, expected 128";
  await startWorker(new FreshetError("embedding_unavailable", why));
  await reembeds.start(tenant, plan);
  await eventually(async () => (await reembeds.outcome(tenant))?.why !== undefined);
  expect(await reembeds.outcome(tenant)).toEqual({ status: "RUNNING", why });
  await reembeds.cancel(tenant);
});
