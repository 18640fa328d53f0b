import { expect, it } from "vitest";
import {
  begin,
  cutOver,
  feed,
  finish,
  firstGeneration,
  join,
} from "../../src/contract/generation.ts";
import type { Position, TenantId, Version } from "../../src/contract/ids.ts";
import { KnownGenerations } from "../../src/log/generations.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";

const acme = "acme" as TenantId;
const built = begin(firstGeneration, { model: "m", from: 0 as Position, upTo: 0 as Version });
const fed = feed(join(built, 2), { number: 2, builtTo: 4 as Version });
const cut = cutOver(fed, { at: 5 as Version, atMs: 1, isForced: true });

it("the new generation answers as soon as it shows all that the old one has shown (GB2)", () => {
  const life = {};
  const shown = new Map<string, Version>([["acme", 5 as Version]]);
  const known = new KnownGenerations(createMemoryLog().generations, {
    lifeOf: () => life,
    visibleOf: (name) => shown.get(name),
  });
  const answering = () => known.answering(acme);
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
  const served = {
    lifeOf: (name: TenantId) => lives.get(name),
    // Nothing is ready but the old one, which is quicker to load.
    visibleOf: (name: TenantId) => (name === acme ? (7 as Version) : undefined),
  };
  const known = new KnownGenerations(createMemoryLog().generations, served);
  const answering = () => known.answering(acme);
  known.heard(acme, fed, 1);
  known.heard(acme, cut, 2);
  lives.set(acme, { life: "of the next owner" });
  expect([answering(), known.isAnswering(acme)]).toEqual(["acme~2", false]);

  const owner = new KnownGenerations(createMemoryLog().generations, served);
  const asked = () => owner.answering(acme);
  owner.heard(acme, fed, 1);
  owner.heard(acme, cut, 2);
  expect(asked()).toBe("acme");
  // It lost the tenant, another one answered, and it has it again.
  lives.set(acme, { life: "later" });
  expect(asked()).toBe("acme~2");
});

it("what the old one has shown is not forgotten while its view is loaded again (GB2)", () => {
  const life = {};
  const shown = new Map<string, Version>([
    ["acme", 5 as Version],
    ["acme~2", 4 as Version],
  ]);
  const known = new KnownGenerations(createMemoryLog().generations, {
    lifeOf: () => life,
    visibleOf: (name) => shown.get(name),
  });
  known.heard(acme, fed, 1);
  known.heard(acme, cut, 2);
  shown.delete("acme");
  expect(known.answering(acme)).toBe("acme");
  shown.set("acme", 5 as Version);
  expect(known.answering(acme)).toBe("acme");
  shown.set("acme~2", 5 as Version);
  expect(known.answering(acme)).toBe("acme~2");
});

it("an owner that lost the tenant in the moment of a cut-over has compared nothing (GB4)", () => {
  const lives = new Map<string, object>([acme, "acme~2"].map((name) => [name, { name }]));
  const shown = new Map<string, Version>([["acme", 9 as Version]]);
  const known = new KnownGenerations(createMemoryLog().generations, {
    lifeOf: (name) => lives.get(name),
    visibleOf: (name) => shown.get(name),
  });
  known.heard(acme, fed, 1);
  known.heard(acme, cut, 2);
  expect(known.answering(acme)).toBe("acme");
  // It has it again, and the new one is the first that is loaded.
  lives.set("acme", {}).set("acme~2", {});
  shown.delete("acme");
  shown.set("acme~2", 3 as Version);
  expect([known.answering(acme), known.unproved(acme)]).toEqual(["acme~2", "acme"]);
});

it("the next owner has to show what the old one had recorded, each life once (GB4)", () => {
  const lives = new Map<string, object>([["acme~2", { life: 1 }]]);
  const known = new KnownGenerations(createMemoryLog().generations, {
    lifeOf: (name) => lives.get(name),
  });
  known.heard(acme, cut, 1);
  expect(known.unproved(acme)).toBe("acme");
  known.prove(acme, lives.get("acme~2") ?? {});
  expect(known.unproved(acme)).toBeUndefined();
  lives.set("acme~2", { life: 2 });
  expect(known.unproved(acme)).toBe("acme");
  // One that saw both through the cut-over has compared them.
  let shown: Version | undefined = 5 as Version;
  const seen = new KnownGenerations(createMemoryLog().generations, {
    lifeOf: (name) => lives.get(name),
    visibleOf: () => shown,
  });
  lives.set("acme", {});
  seen.heard(acme, fed, 1);
  seen.heard(acme, cut, 2);
  expect(seen.unproved(acme)).toBeUndefined();
  seen.answering(acme);
  shown = undefined;
  expect([seen.answering(acme), seen.unproved(acme)]).toEqual(["acme~2", undefined]);
});

/** Both are fed by a stream that does not end; the new one is always some operations behind. */
function behind(operations: number, { msPerOperation }: { readonly msPerOperation: number }) {
  const lives = new Map<string, object>([acme, "acme~2"].map((name) => [name, { name }]));
  let at = 10;
  const known = new KnownGenerations(createMemoryLog().generations, {
    lifeOf: (name) => lives.get(name),
    visibleOf: (name) => (name === acme ? at : at - operations) as Version,
    nowMs: () => at * msPerOperation,
  });
  known.heard(acme, fed, 1);
  known.heard(acme, cut, 2);
  const publish = (): boolean => {
    at += 1;
    return known.isAnswering("acme~2" as TenantId);
  };
  return { known, publish, shown: () => at };
}

it("a generation that is always a little behind takes over all the same, and what was shown is waited for (GB2, GB5)", () => {
  const { known, publish, shown } = behind(3, { msPerOperation: 20 });
  expect(known.answering(acme)).toBe("acme");
  const answered = Array.from({ length: 6 }, publish);
  expect(answered).toEqual([false, false, true, true, true, true]);
  expect([known.answering(acme), known.floorOf(acme)]).toEqual(["acme~2", shown() - 3]);
  expect(known.unproved(acme)).toBeUndefined();
  known.reached(acme, (shown() - 4) as Version);
  expect(known.floorOf(acme)).toBe(shown() - 3);
  known.reached(acme, (shown() - 3) as Version);
  expect(known.floorOf(acme)).toBe(0);
});

it("one that is far behind does not: the old one answers on (GB5)", () => {
  const { known, publish } = behind(200, { msPerOperation: 20 });
  expect(Array.from({ length: 1_000 }, publish)).not.toContain(true);
  expect([known.answering(acme), known.floorOf(acme)]).toEqual(["acme", 0]);
});

it("what the old one has shown is waited for where it is given up before it was overtaken (GB2, GB5)", () => {
  const { known, publish, shown } = behind(200, { msPerOperation: 20 });
  publish();
  known.heard(acme, finish(cut), 3);
  expect([known.answering(acme), known.floorOf(acme)]).toEqual(["acme~2", shown()]);
});

it("a process that begins after a cut-over answers from the new one alone (GB1)", async () => {
  const log = createMemoryLog();
  await log.generations.put(acme, cut, 0);
  const known = new KnownGenerations(log.generations);
  await known.load();
  expect(known.answering(acme)).toBe("acme~2");
  expect([known.fed(acme), [...known.models().keys()]]).toEqual([["acme~2", "acme"], ["m"]]);
});

it("what is older than what was heard changes nothing", () => {
  const known = new KnownGenerations(createMemoryLog().generations);
  expect([known.heard(acme, cut, 2), known.heard(acme, fed, 1)]).toEqual([true, false]);
  expect(known.of("acme~2" as TenantId)).toBe(cut);
});
