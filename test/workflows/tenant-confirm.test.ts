import { describe, expect, it } from "vitest";
import { createMergeActivities } from "../../activities/steps.ts";
import { toFreshetError } from "../../src/contract/errors.ts";
import type { Position } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { ConfirmResult } from "../../src/contract/merge.ts";
import type { ConfirmRequest } from "../../src/contract/merge-steps.ts";
import { MergeRequests } from "../../workflows/merge-requests.ts";
import type { MergeRuntime } from "../../workflows/merge-runtime.ts";
import { TenantCleaning } from "../../workflows/tenant-cleaning.ts";
import { TenantConfirm } from "../../workflows/tenant-confirm.ts";
import { TenantRounds } from "../../workflows/tenant-rounds.ts";
import { WorkInHand } from "../../workflows/work-in-hand.ts";
import { acme, createWorld } from "../activities/world.ts";

const confirmMs = 1_000;
const at = (to: number, atMs: number) => ({ to: to as Position, atMs });

function setUp(answer: (request: ConfirmRequest) => ConfirmResult | Error) {
  let nowMs = 0;
  const asked: number[] = [];
  const confirm = new TenantConfirm({ tenant: acme, confirmMs });
  const steps = {
    async confirmMerge(request: ConfirmRequest): Promise<ConfirmResult> {
      asked.push(request.to);
      const result = answer(request);
      if (result instanceof Error) throw result;
      return result;
    },
  };
  const step = () => confirm.step(steps, () => nowMs);
  return { confirm, asked, step, pass: (ms: number) => (nowMs += ms), now: () => nowMs };
}

describe("what is unconfirmed", () => {
  it("is due after its time, all that is due with one look, and is then forgotten (TC1)", async () => {
    const { confirm, asked, step, pass, now } = setUp(({ to }) => ({ through: to, repaired: 0 }));
    expect(confirm.dueInMs(0)).toBe(Number.POSITIVE_INFINITY);
    for (const one of [at(5, 0), at(7, 500), at(9, 2_000)]) confirm.owe(one.to, one.atMs);
    expect(confirm.dueInMs(now())).toBe(1_000);
    pass(1_500);
    expect(confirm.dueInMs(now())).toBe(0);
    await step();
    expect(asked).toEqual([7]);
    expect(confirm.dueInMs(now())).toBe(1_500);
    expect(confirm.carried()).toEqual([at(9, 3_000)]);
  });

  it("is looked at in windows until the end is reached", async () => {
    let through = 0;
    const { confirm, asked, step } = setUp(() => {
      through += 3;
      return { through: through as Position, repaired: 0 };
    });
    confirm.owe(8 as Position, -confirmMs);
    await step();
    expect(asked).toEqual([8, 8, 8]);
    expect(confirm.carried()).toEqual([]);
  });

  it("is looked at again after another wait when something was missing (TC2)", async () => {
    let repaired = 4;
    const { confirm, step, pass, now } = setUp(({ to }) => ({
      through: (repaired > 0 ? 0 : to) as Position,
      repaired,
    }));
    confirm.owe(8 as Position, -confirmMs);
    await step();
    expect(confirm.dueInMs(now())).toBe(confirmMs);
    repaired = 0;
    pass(confirmMs);
    await step();
    expect(confirm.carried()).toEqual([]);
    expect(confirm.trouble).toBeNull();
  });

  it("is tried again after growing, bounded pauses when a look fails (TC2)", async () => {
    const { confirm, step, pass, now } = setUp(() => new Error("cold is down"));
    confirm.owe(8 as Position, -confirmMs);
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 12; attempt += 1) {
      await expect(step()).rejects.toThrow("cold is down");
      confirm.retryLater(now(), { code: "cold_unavailable", message: "cold is down" });
      const retryAtMs = now() + confirm.dueInMs(now());
      expect(confirm.trouble).toMatchObject({ code: "cold_unavailable", attempt, retryAtMs });
      pauses.push(confirm.dueInMs(now()));
      pass(confirm.dueInMs(now()));
    }
    expect(pauses).toEqual(pauses.toSorted((left, right) => left - right));
    expect(pauses[0]).toBe(limits.mergeRetryMinMs);
    expect(pauses.at(-1)).toBe(limits.mergeRetryMaxMs);
  });

  it("goes with the next run of the workflow (TC3)", () => {
    const { confirm } = setUp(() => new Error("not asked"));
    confirm.owe(8 as Position, 700);
    confirm.owe(6 as Position, 900);
    confirm.owe(undefined, 0);
    const unconfirmed = structuredClone(confirm.carried());
    const carried = { paused: false, due: false, lastMerge: null, unconfirmed };
    const next = new TenantConfirm({ tenant: acme, confirmMs, carried });
    expect(next.carried()).toEqual([at(8, 700 + confirmMs)]);
    expect(next.dueInMs(1_200)).toBe(500);
  });

  it("of another log takes no place of what a commit of this one owes, nor its time (TC4)", async () => {
    const { ports, writer, log } = createWorld();
    await writer.upsert("alpha");
    let nowMs = 1_000;
    const unconfirmed = [at(writer.last + 500, nowMs), at(writer.last - 1, nowMs + 10)];
    const carried = { paused: false, due: false, lastMerge: null, unconfirmed };
    const confirm = new TenantConfirm({ tenant: acme, confirmMs, carried });
    const steps = createMergeActivities(ports);
    const runtime = plainRuntime(() => nowMs);
    const requests = new MergeRequests(undefined);
    const work = new WorkInHand(runtime);
    const cleaning = new TenantCleaning();
    const parts = { tenant: acme, steps, runtime, work, requests, confirm, cleaning };
    const rounds = new TenantRounds(parts, undefined);
    const forced = requests.force(undefined);
    expect(rounds.settle(await rounds.attempt())).toBeUndefined();
    expect(await forced).toMatchObject({ kind: "merged", to: writer.last });
    const own = [at(writer.last - 1, 1_010), at(writer.last, 1_000 + confirmMs)];
    expect(confirm.carried()).toEqual(own);
    nowMs += confirmMs;
    await confirm.step(steps, () => nowMs);
    expect(confirm.carried()).toEqual([]);
    const stored = await log.manifests.get(acme);
    expect(stored?.manifest).toMatchObject({ to: writer.last, confirmed: writer.last });
  });
});

function plainRuntime(nowMs: () => number): MergeRuntime {
  return {
    nowMs,
    until: async () => true,
    cancellable: () => ({ run: (work) => work(), cancel: () => {} }),
    uncancellable: (work) => work(),
    failureOf: (thrown) => toFreshetError(thrown),
    isFull: () => false,
    isNew: () => true,
    onState: () => {},
  };
}
