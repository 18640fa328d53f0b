import { expect, it } from "vitest";
import { nodeBytes, TenantBytes } from "../../actors/directory/bytes.ts";
import { Directory, noProgress, recoveringStatus } from "../../actors/directory/directory.ts";
import { KeptRows } from "../../actors/directory/kept-rows.ts";
import { TenantRoute } from "../../actors/directory/route.ts";
import { manifestWatcherActor } from "../../actors/manifest-watcher.ts";
import type { TenantViewMessage, TenantWriterMessage } from "../../actors/messages.ts";
import type { Epoch, Position, TenantId } from "../../src/contract/ids.ts";
import { emptyManifest } from "../../src/contract/manifest.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import type { ManifestStore } from "../../src/log/port.ts";
import { BoundedMailbox } from "../../src/runtime/mailbox.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { acme, drain, globex, quiet, startActor } from "./kit.ts";

function setUp(wrap: (manifests: ManifestStore) => Pick<ManifestStore, "watch"> = (all) => all) {
  const clock = createManualClock();
  const log = createMemoryLog({ clock, partitions: 2 });
  const directory = new Directory(2);
  const serve = (tenant: TenantId, capacity = 10): BoundedMailbox<TenantViewMessage> => {
    const view = new BoundedMailbox<TenantViewMessage>(capacity);
    const mailbox = new BoundedMailbox<TenantWriterMessage>(1);
    const bytes = new TenantBytes(tenant, nodeBytes(), 1_000);
    const route = new TenantRoute(mailbox, bytes);
    const epoch = 1 as Epoch;
    const entry = {
      tenant,
      epoch,
      view,
      route,
      progress: noProgress(),
      kept: new KeptRows(),
      status: recoveringStatus,
    };
    directory.partitionOf(tenant).tenants.set(tenant, entry);
    return view;
  };
  const commit = (tenant: TenantId, to: number, revision: number) =>
    log.manifests.commit(tenant, { ...emptyManifest, to: to as Position }, revision);
  const start = () =>
    startActor<never>(
      manifestWatcherActor({
        manifests: wrap(log.manifests),
        directory,
        retryMs: 100,
        logger: silentLogger,
      }),
      { clock },
    );
  return { clock, log, serve, commit, start };
}

async function watermarks(view: BoundedMailbox<TenantViewMessage>): Promise<number[]> {
  const messages = await drain(view);
  return messages.map((message) =>
    message.type === "manifest" ? message.stored.manifest.to : Number.NaN,
  );
}

it("W1: a commit reaches the view of its tenant, and no other", async () => {
  const { serve, commit, start } = setUp();
  const view = serve(acme);
  start();
  await commit(acme, 7, 0);
  await commit(globex, 8, 0);
  await quiet();
  expect(await watermarks(view)).toEqual([7]);
});

it("W1: a commit from before the start is delivered, too", async () => {
  const { serve, commit, start } = setUp();
  const view = serve(acme);
  await commit(acme, 7, 0);
  start();
  await quiet();
  expect(await watermarks(view)).toEqual([7]);
});

it("W2: a watch that breaks is opened again, and what was committed meanwhile comes first", async () => {
  let broken = true;
  const { serve, commit, start, clock } = setUp((manifests) => ({
    async *watch(signal) {
      if (broken) throw new Error("the watch broke");
      yield* manifests.watch(signal);
    },
  }));
  const view = serve(acme);
  const { restarts } = start();
  await quiet();
  await commit(acme, 7, 0);
  broken = false;
  expect(view.depth).toBe(0);
  await clock.advance(100);
  await quiet();
  expect(await watermarks(view)).toEqual([7]);
  expect(restarts).toEqual([]);
});

it("W3: a view that takes nothing delays no other, and gets its newest manifest when it does (I9)", async () => {
  const { serve, commit, start } = setUp();
  const stuck = serve(acme, 1);
  const other = serve(globex);
  stuck.tryPut({ type: "drop", watermark: 1 as Position });
  start();
  for (const [revision, to] of [7, 8, 9].entries()) {
    await commit(acme, to, revision === 0 ? 0 : revision);
    await quiet();
  }
  await commit(globex, 5, 0);
  await quiet();
  expect(await watermarks(other)).toEqual([5]);
  await stuck.take();
  await quiet();
  const first = await watermarks(stuck);
  await quiet();
  const delivered = [...first, ...(await watermarks(stuck))];
  expect(delivered.at(-1)).toBe(9);
  expect(delivered).not.toContain(8);
});

it("W3: a manifest that waits for a view that ends goes to its successor", async () => {
  const { serve, commit, start } = setUp();
  const ended = serve(acme, 1);
  ended.tryPut({ type: "drop", watermark: 1 as Position });
  start();
  await commit(acme, 7, 0);
  await quiet();
  const next = serve(acme);
  ended.close();
  await quiet();
  expect(await watermarks(next)).toEqual([7]);
});
