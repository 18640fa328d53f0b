import { describe, expect, it } from "vitest";
import { sourcesActor } from "../../actors/source/sources.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId, Version } from "../../src/contract/ids.ts";
import { ActorSystem } from "../../src/runtime/system.ts";
import { eventually } from "../support/promises.ts";
import { hastyClock, sourceWorld, tenant, testSource } from "./source-kit.ts";

function nodeOf(world: ReturnType<typeof sourceWorld>, name: string) {
  const node = { owns: new Set<TenantId>() };
  const system = new ActorSystem({
    clock: hastyClock,
    restart: { backoffMinMs: 1, backoffMaxMs: 1, restartsMax: 1, windowMs: 1 },
    stopMs: 10_000,
    unanswered: () => new FreshetError("not_ready"),
  });
  system.spawn<never>({
    name: "sources",
    capacity: 1,
    behaviour: sourcesActor({
      ...world.options(),
      node: name,
      isOwner: (of) => node.owns.has(of),
      isFull: () => false,
      visible: () => Number.MAX_SAFE_INTEGER as Version,
    }),
  });
  return { ...node, stop: () => system.stop() };
}

describe("the sources of a node", () => {
  it("are read where their tenant is, and by the next owner after it moved (OS1)", async () => {
    const world = sourceWorld();
    const nodes = [nodeOf(world, "n1"), nodeOf(world, "n2")];
    await world.store.add(world.source);
    nodes[0]?.owns.add(tenant);
    world.emit({ id: "a", v: 1 });
    const count = (wanted: number) =>
      eventually(async () => expect(await world.operations()).toHaveLength(wanted));
    const reader = async () => (await world.store.state(world.source))?.node;
    await count(1);
    expect(await reader()).toBe("n1");
    nodes[0]?.owns.delete(tenant);
    nodes[1]?.owns.add(tenant);
    world.emit({ id: "a", v: 2 });
    await count(2);
    // The first owner may write down its last state after the second has begun: with what comes
    // next the second writes its own.
    await eventually(async () => {
      world.emit({ id: "a", v: 3 });
      expect(await reader()).toBe("n2");
    });
    await Promise.all(nodes.map((node) => node.stop()));
  });

  it("end when they are removed, and begin anew when they are added again (OS2)", async () => {
    const world = sourceWorld();
    const node = nodeOf(world, "n1");
    node.owns.add(tenant);
    await world.store.add(world.source);
    world.emit({ id: "a", v: 1 });
    await eventually(async () => expect(await world.operations()).toHaveLength(1));
    await world.store.remove("one");
    const again = testSource({ generation: "00000002" });
    await world.store.add(again);
    await eventually(async () => expect(await world.operations()).toHaveLength(2));
    await node.stop();
    expect((await world.store.state(again))?.counts.mapped).toBe(1);
  });

  it("are found without a word of the watch, which may hear nothing new (OS2)", async () => {
    const world = sourceWorld();
    world.store.watch = async function* (signal) {
      yield [];
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    };
    const node = nodeOf(world, "n1");
    node.owns.add(tenant);
    await world.store.add(world.source);
    world.emit({ id: "a", v: 1 });
    await eventually(async () => expect(await world.operations()).toHaveLength(1));
    await node.stop();
  });

  it("do not stop one another: one without its stream only says so", async () => {
    const world = sourceWorld();
    const node = nodeOf(world, "n1");
    node.owns.add(tenant);
    const lost = testSource({
      name: "lost",
      input: { kind: "stream", stream: "nowhere", start: "all" },
    });
    await world.store.add(lost);
    await world.store.add(world.source);
    world.emit({ id: "a", v: 1 });
    await eventually(async () => expect(await world.operations()).toHaveLength(1));
    await eventually(async () =>
      expect((await world.store.state(lost))?.trouble).toContain("no stream nowhere"),
    );
    await node.stop();
  });
});
