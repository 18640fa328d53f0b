import { expect, it } from "vitest";
import { begin, cutOver, feed, firstGeneration, join } from "../../src/contract/generation.ts";
import type { Position, TenantId, Version } from "../../src/contract/ids.ts";
import { KnownGenerations } from "../../src/log/generations.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";

const acme = "acme" as TenantId;
const built = begin(firstGeneration, { model: "m", from: 0 as Position, upTo: 0 as Version });
const fed = feed(join(built, 2), { number: 2, builtTo: 4 as Version });
const cut = cutOver(fed, { at: 5 as Version, atMs: 1, isForced: true });

it("the new generation answers as soon as it shows all that the old one has shown (GB2)", () => {
  const life = {};
  const known = new KnownGenerations(createMemoryLog().generations, () => life);
  const shown = new Map<string, Version>([["acme", 5 as Version]]);
  const answering = () => known.answering(acme, (name) => shown.get(name));
  expect(answering()).toBe("acme");
  known.heard(acme, fed, 1);
  expect(answering()).toBe("acme");
  known.heard(acme, cut, 2);
  expect(answering()).toBe("acme");
  shown.set("acme~2", 4 as Version);
  expect([answering(), known.isAnswering(acme)]).toEqual(["acme", true]);
  shown.set("acme~2", 5 as Version);
  expect([answering(), known.isAnswering("acme~2" as TenantId)]).toEqual(["acme~2", true]);
  // It stays, whatever is shown later.
  shown.set("acme", 9 as Version);
  expect(answering()).toBe("acme~2");
});

it("who begins to serve the tenant after a cut-over never answers from the old one (GB3)", () => {
  const lives = new Map<string, object>();
  const known = new KnownGenerations(createMemoryLog().generations, (name) => lives.get(name));
  // Nothing is ready but the old one, which is quicker to load.
  const answering = () =>
    known.answering(acme, (name) => (name === acme ? (7 as Version) : undefined));
  known.heard(acme, fed, 1);
  known.heard(acme, cut, 2);
  lives.set(acme, { life: "of the next owner" });
  expect([answering(), known.isAnswering(acme)]).toEqual(["acme~2", false]);

  const owner = new KnownGenerations(createMemoryLog().generations, (name) => lives.get(name));
  const asked = () => owner.answering(acme, (name) => (name === acme ? (7 as Version) : undefined));
  owner.heard(acme, fed, 1);
  owner.heard(acme, cut, 2);
  expect(asked()).toBe("acme");
  // It lost the tenant, another one answered, and it has it again.
  lives.set(acme, { life: "later" });
  expect(asked()).toBe("acme~2");
});

it("the next owner has to show what the old one had recorded, each life once (GB4)", () => {
  const lives = new Map<string, object>([["acme~2", { life: 1 }]]);
  const known = new KnownGenerations(createMemoryLog().generations, (name) => lives.get(name));
  known.heard(acme, cut, 1);
  expect(known.unproved(acme)).toBe("acme");
  known.prove(acme, lives.get("acme~2") ?? {});
  expect(known.unproved(acme)).toBeUndefined();
  lives.set("acme~2", { life: 2 });
  expect(known.unproved(acme)).toBe("acme");
  // One that saw both through the cut-over has compared them.
  const seen = new KnownGenerations(createMemoryLog().generations, (name) => lives.get(name));
  lives.set("acme", {});
  seen.heard(acme, fed, 1);
  seen.heard(acme, cut, 2);
  expect(seen.unproved(acme)).toBeUndefined();
  seen.answering(acme, () => 5 as Version);
  expect([seen.answering(acme, () => undefined), seen.unproved(acme)]).toEqual([
    "acme~2",
    undefined,
  ]);
});

it("a process that begins after a cut-over answers from the new one alone (GB1)", async () => {
  const log = createMemoryLog();
  await log.generations.put(acme, cut, 0);
  const known = new KnownGenerations(log.generations, () => undefined);
  await known.load();
  expect(known.answering(acme, () => undefined)).toBe("acme~2");
  expect([known.fed(acme), [...known.models().keys()]]).toEqual([["acme~2", "acme"], ["m"]]);
});

it("what is older than what was heard changes nothing", () => {
  const known = new KnownGenerations(createMemoryLog().generations, () => undefined);
  expect([known.heard(acme, cut, 2), known.heard(acme, fed, 1)]).toEqual([true, false]);
  expect(known.of("acme~2" as TenantId)).toBe(cut);
});
