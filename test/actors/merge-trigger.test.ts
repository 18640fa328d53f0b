import { expect, it } from "vitest";
import { mergeTriggerActor } from "../../actors/merge-trigger.ts";
import type { MergeTriggerMessage } from "../../actors/messages.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { acme, globex, quiet, startActor } from "./kit.ts";

function setUp() {
  const clock = createManualClock();
  const asked: string[] = [];
  let down = false;
  const due = async (tenant: string, reason: string): Promise<void> => {
    asked.push(`${tenant} ${reason}`);
    if (down) throw new FreshetError("temporal_unavailable");
  };
  const started = startActor<MergeTriggerMessage>(
    mergeTriggerActor({ merges: { due }, everyMs: 1_000, logger: silentLogger }),
    { clock },
  );
  const tell = async (...messages: readonly MergeTriggerMessage[]) => {
    for (const message of messages) started.actor.mailbox.tryPut(message);
    await quiet();
  };
  const setDown = (value: boolean): void => {
    down = value;
  };
  return { clock, asked, tell, setDown, ...started };
}

const unmerged = { type: "unmerged", tenant: acme } as const;

it("MT1: repeats of one tenant are spaced, others are asked for at once", async () => {
  const { asked, tell, clock } = setUp();
  await tell(unmerged, unmerged, { ...unmerged, tenant: globex }, unmerged);
  expect(asked).toEqual(["acme size", "globex size"]);
  await clock.advance(999);
  await tell(unmerged);
  expect(asked).toHaveLength(2);
  await clock.advance(1);
  await tell(unmerged);
  expect(asked).toEqual(["acme size", "globex size", "acme size"]);
});

it("MT2: a request that comes too soon after another is made when its time has come, once", async () => {
  const { asked, tell, clock } = setUp();
  await tell(unmerged, unmerged, unmerged);
  expect(asked).toEqual(["acme size"]);
  await clock.advance(1_000);
  expect(asked).toEqual(["acme size", "acme size"]);
  await clock.advance(10_000);
  expect(asked).toHaveLength(2);
});

it("says when it is for memory", async () => {
  const { asked, tell } = setUp();
  await tell({ type: "pressure", tenant: acme });
  expect(asked).toEqual(["acme memory"]);
});

it("MT2: while Temporal is down nothing fails; then each tenant's request is made once, without another", async () => {
  const { asked, tell, clock, setDown, restarts } = setUp();
  setDown(true);
  await tell(unmerged, unmerged, { ...unmerged, tenant: globex }, unmerged);
  expect(asked).toEqual(["acme size", "globex size"]);
  await clock.advance(1_000);
  expect(asked).toHaveLength(4);
  setDown(false);
  await clock.advance(1_000);
  expect(asked.slice(4)).toEqual(["acme size", "globex size"]);
  await clock.advance(10_000);
  expect(asked).toHaveLength(6);
  expect(restarts).toEqual([]);
});
