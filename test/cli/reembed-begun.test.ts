/** `reembed start` says what a merge worker found, not only that Temporal took the start. */

import { expect, it } from "vitest";
import { untilBegun } from "../../src/cli/reembed/begun.ts";
import { tenantId } from "../../src/contract/ids.ts";
import type { ReembedProgress } from "../../src/contract/reembed.ts";
import type { ReembedOutcome } from "../../src/merges/port.ts";
import { systemClock } from "../../src/runtime/clock.ts";

const tenant = tenantId("acme");
const progressOf = (number: number | null): ReembedProgress => ({
  ...{ tenant, model: "m", number, phase: number === null ? "starting" : "building" },
  ...{ textsPerS: 1, texts: 0, done: 0, total: 0, startedAtMs: 0 },
});

/** What Temporal says, look after look; the last one stays. */
const looks = (told: readonly (readonly [ReembedOutcome | null, number | null | Error])[]) => {
  let look = 0;
  const now = () => told[Math.min(look, told.length - 1)] ?? [null, null];
  return {
    outcome: async () => now()[0],
    progress: async () => {
      const [, number] = now();
      look += 1;
      if (number instanceof Error) throw number;
      return progressOf(number);
    },
  };
};
const running = { status: "RUNNING" };
const soon = { clock: systemClock, waitMs: 2_000 };

it("waits until a worker has given the generation its number", async () => {
  const reembeds = looks([
    [running, new Error("no worker answers a query")],
    [running, null],
    [running, 2],
  ]);
  expect(await untilBegun(reembeds, tenant, soon)).toEqual({ kind: "begun" });
});

it("says why the worker refused it", async () => {
  const why = "no model x in /models";
  const reembeds = looks([
    [running, null],
    [{ status: "FAILED", why }, null],
  ]);
  expect(await untilBegun(reembeds, tenant, soon)).toEqual({ kind: "failed", why });
});

it("does not wait for ever for a worker that is not there", async () => {
  const reembeds = looks([[running, new Error("no worker answers a query")]]);
  expect(await untilBegun(reembeds, tenant, { ...soon, waitMs: 300 })).toEqual({ kind: "waiting" });
});

it("says with what the worker that came to it has failed, while that is tried again", async () => {
  const why = "the graph makes vectors of 30522 dimensions, expected 128";
  const reembeds = looks([[{ status: "RUNNING", why }, null]]);
  const begun = await untilBegun(reembeds, tenant, { ...soon, waitMs: 300 });
  expect(begun).toEqual({ kind: "waiting", why });
});
