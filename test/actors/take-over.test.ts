/** Questions that wait for the generation that has taken over (GB5). */
import { expect, it } from "vitest";
import { Directory, recoveringStatus, type TenantEntry } from "../../actors/directory/directory.ts";
import type { TenantEncoder } from "../../actors/topology/encoders.ts";
import { tenantGenerations } from "../../actors/topology/generations.ts";
import type { TopologyOptions } from "../../actors/topology/options.ts";
import { createSystem } from "../../actors/topology/system.ts";
import { begin, cutOver, feed, firstGeneration, join } from "../../src/contract/generation.ts";
import type { Position, TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { codeOf } from "../support/promises.ts";

const acme = "acme" as TenantId;
const next = "acme~2" as TenantId;
const built = begin(firstGeneration, { model: "m", from: 0 as Position, upTo: 0 as Version });
const fed = feed(join(built, 2), { number: 2, builtTo: 4 as Version });

/** The new one has taken over while it was three operations behind. */
function takenOver() {
  const clock = createManualClock();
  const log = createMemoryLog({ clock });
  const quiet = { clock, logger: silentLogger, metrics: silentMetrics };
  const options = { ...quiet, log, settings: {} } as unknown as TopologyOptions;
  const directory = new Directory(log.partitions);
  const own = {} as TenantEncoder;
  const parts = tenantGenerations(createSystem(quiet), options, { own, directory });
  const shows = (tenant: TenantId, visible: number): void => {
    const status = { ...recoveringStatus, state: "ready" as const, visible: visible as Version };
    const { tenants } = directory.partitionOf(tenant);
    const entry = tenants.get(tenant);
    if (entry === undefined) tenants.set(tenant, { tenant, status } as TenantEntry);
    else entry.status = status;
  };
  shows(acme, 10);
  shows(next, 7);
  parts.generations.heard(acme, fed, 1);
  parts.generations.heard(acme, cutOver(fed, { at: 5 as Version, atMs: 1, isForced: true }), 2);
  expect(parts.answering(acme)).toBe(acme);
  shows(acme, 13);
  shows(next, 10);
  expect(parts.answering(acme)).toBe(next);
  return { clock, shows, caughtUp: parts.caughtUp, directory };
}

const patient = { waitMs: 60_000, signal: new AbortController().signal };

it("a question waits until the new one shows what the old one had shown", async () => {
  const { clock, shows, caughtUp } = takenOver();
  const waits = caughtUp(acme, patient);
  await clock.advance(limits.ownerPollMs);
  shows(next, 13);
  await clock.advance(limits.ownerPollMs);
  await waits;
});

it("one waits no longer than its deadline, nor when its caller has left", async () => {
  const { clock, caughtUp } = takenOver();
  const short = codeOf(caughtUp(acme, { ...patient, waitMs: 2 * limits.ownerPollMs }));
  const leaves = new AbortController();
  const left = codeOf(caughtUp(acme, { ...patient, signal: leaves.signal }));
  const long = codeOf(caughtUp(acme, patient));
  const ended: string[] = [];
  void short.then(() => ended.push("short"));
  void left.then(() => ended.push("left"));
  leaves.abort();
  for (let at = 0; at < 3; at += 1) await clock.advance(limits.ownerPollMs);
  expect(ended).toEqual(["left", "short"]);
  expect([await short, await left]).toEqual(["not_ready", "cancelled"]);
  for (let ms = 0; ms <= 2 * limits.generationLagMs; ms += limits.ownerPollMs) {
    await clock.advance(limits.ownerPollMs);
  }
  expect(await long).toBe("not_ready");
});

it("one waits no more for a tenant that has left the node", async () => {
  const { clock, caughtUp, directory } = takenOver();
  const waits = caughtUp(acme, patient);
  directory.partitionOf(next).tenants.delete(next);
  await clock.advance(limits.ownerPollMs);
  await waits;
});
