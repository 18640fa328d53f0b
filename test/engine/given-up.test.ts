/** A generation that is given up between two looks of one request. */

import { expect, it } from "vitest";
import { Directory } from "../../actors/directory/directory.ts";
import type { Topology } from "../../actors/topology/topology.ts";
import { createMemoryCold } from "../../src/cold/memory.ts";
import { generationName, type TenantId } from "../../src/contract/ids.ts";
import { createLocalService } from "../../src/engine/local-service.ts";
import { KnownGenerations } from "../../src/log/generations.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { createManualClock } from "../support/manual-clock.ts";

it("what it had is not said to be nothing: not of one document, and not of the next page", async () => {
  const tenant = "acme" as TenantId;
  const log = createMemoryLog();
  let name = generationName(tenant, 2);
  const topology = {
    directory: new Directory(1),
    generations: new KnownGenerations(log.generations),
    isOwner: () => true,
    proofs: { prove: async () => {} },
    lives: { check: () => {} },
    awake: async () => {},
    caughtUp: async () => {},
    absence: () => undefined,
    answering: () => name,
  } as unknown as Topology;
  const service = createLocalService({
    ...{ topology, log, cold: createMemoryCold(), clock: createManualClock() },
    trust: { pass: async () => {}, refusal: undefined },
  } as unknown as Parameters<typeof createLocalService>[0]);
  const list = () => service.documents({ tenant }, { after: undefined, limit: 10 });
  const look = () => service.document({ tenant }, "a" as never);
  await expect(list()).rejects.toMatchObject({ code: "not_ready" });
  await expect(look()).rejects.toMatchObject({ code: "not_ready" });
  name = tenant;
  expect(await list()).toEqual({ documents: [], next: null });
  expect(await look()).toMatchObject({ status: "absent" });
});
