import { describe, expect, it } from "vitest";
import type { Position } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { ConfirmResult } from "../../src/contract/merge.ts";
import type { ConfirmRequest } from "../../src/contract/merge-steps.ts";
import { TenantConfirm } from "../../workflows/tenant-confirm.ts";
import { acme } from "../activities/world.ts";

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
  const owe = (to: number, committedAtMs: number, deployment?: string) =>
    confirm.owe({ to: to as Position, committedAtMs, deployment });
  return { confirm, owe, asked, step, pass: (ms: number) => (nowMs += ms), now: () => nowMs };
}

describe("what is unconfirmed", () => {
  it("is due after its time, all that is due with one look, and is then forgotten (TC1)", async () => {
    const { confirm, owe, asked, step, pass, now } = setUp(({ to }) => ({
      through: to,
      repaired: 0,
    }));
    expect(confirm.dueInMs(0)).toBe(Number.POSITIVE_INFINITY);
    for (const one of [at(5, 0), at(7, 500), at(9, 2_000)]) owe(one.to, one.atMs);
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
    const { confirm, owe, asked, step } = setUp(() => {
      through += 3;
      return { through: through as Position, repaired: 0 };
    });
    owe(8, -confirmMs);
    await step();
    expect(asked).toEqual([8, 8, 8]);
    expect(confirm.carried()).toEqual([]);
  });

  it("is looked at again after another wait when something was missing (TC2)", async () => {
    let repaired = 4;
    const { confirm, owe, step, pass, now } = setUp(({ to }) => ({
      through: (repaired > 0 ? 0 : to) as Position,
      repaired,
    }));
    owe(8, -confirmMs);
    await step();
    expect(confirm.dueInMs(now())).toBe(confirmMs);
    repaired = 0;
    pass(confirmMs);
    await step();
    expect(confirm.carried()).toEqual([]);
  });

  it("is tried again after growing, bounded pauses when a look fails (TC2)", async () => {
    const { confirm, owe, step, pass, now } = setUp(() => new Error("cold is down"));
    owe(8, -confirmMs);
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 12; attempt += 1) {
      await expect(step()).rejects.toThrow("cold is down");
      confirm.retryLater(now());
      pauses.push(confirm.dueInMs(now()));
      pass(confirm.dueInMs(now()));
    }
    expect(pauses).toEqual(pauses.toSorted((left, right) => left - right));
    expect(pauses[0]).toBe(limits.mergeRetryMinMs);
    expect(pauses.at(-1)).toBe(limits.mergeRetryMaxMs);
  });

  it("goes with the next run of the workflow (TC3)", () => {
    const { confirm, owe } = setUp(() => new Error("not asked"));
    owe(8, 700);
    owe(6, 900);
    const unconfirmed = structuredClone(confirm.carried());
    const carried = { paused: false, due: false, lastMerge: null, unconfirmed };
    const next = new TenantConfirm({ tenant: acme, confirmMs, carried });
    expect(next.carried()).toEqual([at(8, 700 + confirmMs)]);
    expect(next.dueInMs(1_200)).toBe(500);
  });

  it("says why the newest look failed, until one does not (TC2)", async () => {
    let works = false;
    const { confirm, owe, step, pass, now } = setUp(({ to }) =>
      works ? { through: to, repaired: 0 } : new Error("cold is down"),
    );
    owe(8, -confirmMs);
    expect(confirm.standing).toEqual({ dueAtMs: 0, failure: null });
    await expect(step()).rejects.toThrow();
    confirm.retryLater(now(), { code: "cold_unavailable", message: "cold is down" });
    const failure = { code: "cold_unavailable", message: "cold is down", attempt: 1 };
    const retryAtMs = limits.mergeRetryMinMs;
    expect(confirm.standing).toEqual({ dueAtMs: retryAtMs, failure: { ...failure, retryAtMs } });
    works = true;
    pass(retryAtMs);
    await step();
    expect(confirm.failure).toBeNull();
    expect(confirm.standing).toBeUndefined();
  });

  it("of a log that another one has taken the place of ends with that one's first merge (TC4)", async () => {
    const { confirm, owe, asked, step, pass, now } = setUp(({ to, deployment }) =>
      deployment === "new" ? { through: to, repaired: 0 } : new Error("records are not in CHUNKS"),
    );
    owe(40, -confirmMs, "old");
    await expect(step()).rejects.toThrow();
    confirm.retryLater(now(), { code: "broken_chain", message: "records are not in CHUNKS" });
    owe(3, now(), "new");
    expect(confirm.failure).toBeNull();
    expect(confirm.carried()).toEqual([{ ...at(3, confirmMs), deployment: "new" }]);
    pass(confirmMs);
    await step();
    expect(asked).toEqual([40, 3]);
    expect(confirm.carried()).toEqual([]);
  });

  it("that an earlier Freshet handed on stays, although it does not say whose it is (TC4)", () => {
    const unconfirmed = [at(8, 500)];
    const carried = { paused: false, due: false, lastMerge: null, unconfirmed };
    const confirm = new TenantConfirm({ tenant: acme, confirmMs, carried });
    confirm.owe({ to: 9 as Position, committedAtMs: 0, deployment: "ours" });
    expect(confirm.carried().map(({ to }) => to)).toEqual([8, 9]);
  });
});
