import { expect, it } from "vitest";
import {
  begin,
  cutOver,
  feed,
  firstGeneration,
  join,
  rollBack,
  type TenantGenerations,
} from "../../src/contract/generation.ts";
import type { Position, TenantId, Version } from "../../src/contract/ids.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import type { Observation } from "./check-answer.ts";
import { AnsweringGenerations, nextStep } from "./generations.ts";

const acme = "acme" as TenantId;
const built = begin(firstGeneration, { model: "m", from: 0 as Position, upTo: 0 as Version });
const fed = feed(join(built, 2), { number: 2, builtTo: 0 as Version });
const cut = cutOver(fed, { at: 1 as Version, atMs: 1, isForced: true });
const back = rollBack(cut, { at: 1 as Version, atMs: 2 });

it("an operator takes every step of a generation's life, and only such as it permits", () => {
  const steps = (record: TenantGenerations) =>
    new Set(Array.from({ length: 100 }, (_, nth) => nextStep(record, nth)[0]));
  expect(steps(firstGeneration)).toEqual(new Set(["start"]));
  expect(steps(built)).toEqual(new Set(["pause", "resume", "abandon"]));
  expect(steps(fed)).toEqual(new Set(["cut-over", "abandon"]));
  expect(steps(cut)).toEqual(new Set(["rollback", "finish"]));
  expect(steps(back)).toEqual(new Set(["cut-over", "abandon"]));
});

it("a reply of a generation that has not answered for a minute is wrong, and no earlier one", async () => {
  const { generations: store } = createMemoryLog();
  const answering = new AnsweringGenerations(store);
  const reply = (generation: number, atMs: number): Observation => ({
    ...{ tenant: acme, bucket: "bucket-0", node: "engine-1", floor: 0, minSeq: 0 },
    ...{ generation, atMs, result: { kind: "found", visible: 1, cold: "complete", sources: [] } },
  });
  const judge = (atMs: number) => answering.judge(() => atMs);
  await store.put(acme, fed, 0);
  answering.observe(reply(1, 900));
  expect(await judge(1_000)).toEqual([]);
  const { revision } = await store.get(acme);
  await store.put(acme, cut, revision);
  // Of the old one a moment later, and of the new one before the record was read again.
  answering.observe(reply(1, 2_000));
  answering.observe(reply(2, 2_000));
  expect(await judge(2_500)).toEqual([]);
  expect(answering.activeOf(acme)).toBe(2);
  answering.observe(reply(1, 62_000));
  answering.observe(reply(2, 62_000));
  expect(await judge(61_000)).toEqual([]);
  expect(await judge(63_000)).toEqual([expect.stringContaining("generation 1 answered")]);
});
