/** Partition leases, and what nodes announce of themselves. */

import { describe, expect, it } from "vitest";
import type { Partition } from "../../src/contract/ids.ts";
import type { Opened } from "./harness.ts";

export function describeLeases(opened: Opened): void {
  describe("leases", () => {
    const partition = 3 as Partition;

    it("are held by one node, renewed with the same epoch, and given back", async () => {
      const { log, other } = opened.harness;
      const lease = await log.leases.acquire(partition, "node-a");
      if (lease === null) return expect.fail("the partition was free");
      expect(await other.leases.acquire(partition, "node-b")).toBeNull();
      expect(await other.leases.renew(lease, "node-b")).toBeNull();
      const renewed = await log.leases.renew(lease, "node-a");
      expect(renewed?.epoch).toBe(lease.epoch);
      expect(renewed?.validUntilMs).toBeGreaterThanOrEqual(lease.validUntilMs);
      expect(await other.leases.holder(partition)).toBe("node-a");
      await other.leases.release(lease, "node-b");
      expect(await log.leases.holder(partition)).toBe("node-a");
      await log.leases.release(lease, "node-a");
      expect(await log.leases.holder(partition)).toBeNull();
      const next = await other.leases.acquire(partition, "node-b");
      expect(next?.epoch).toBeGreaterThan(lease.epoch);
      if (next !== null) await other.leases.release(next, "node-b");
    });

    it("go to one of two nodes that ask at once", async () => {
      const { log, other } = opened.harness;
      const free = 4 as Partition;
      const answers = await Promise.all([
        log.leases.acquire(free, "node-a"),
        other.leases.acquire(free, "node-b"),
      ]);
      expect(answers.filter((lease) => lease !== null)).toHaveLength(1);
    });

    it("give the node that holds one a new epoch when it asks again", async () => {
      const { log } = opened.harness;
      const own = 6 as Partition;
      const first = await log.leases.acquire(own, "node-a");
      const second = await log.leases.acquire(own, "node-a");
      expect(second?.epoch).toBeGreaterThan(first?.epoch ?? 0);
      if (first !== null) expect(await log.leases.renew(first, "node-a")).toBeNull();
    });

    it("expire without renewal; the next holder has a higher epoch, the last cannot renew", async () => {
      const { log, other, letLeasesExpire } = opened.harness;
      const lost = 5 as Partition;
      const lease = await log.leases.acquire(lost, "node-a");
      if (lease === null) return expect.fail("the partition was free");
      await letLeasesExpire();
      const taken = await other.leases.acquire(lost, "node-b");
      expect(taken?.epoch).toBeGreaterThan(lease.epoch);
      expect(await log.leases.renew(lease, "node-a")).toBeNull();
      await log.leases.release(lease, "node-a");
      expect(await log.leases.holder(lost)).toBe("node-b");
    });

    it("name the epoch under which they are held, through renewals, and none when free", async () => {
      const { log, other } = opened.harness;
      const told = 8 as Partition;
      expect(await other.leases.epochOf(told)).toBeNull();
      const lease = await log.leases.acquire(told, "node-a");
      if (lease === null) return expect.fail("the partition was free");
      expect(await other.leases.epochOf(told)).toBe(lease.epoch);
      await log.leases.renew(lease, "node-a");
      expect(await other.leases.epochOf(told)).toBe(lease.epoch);
      await log.leases.release(lease, "node-a");
      expect(await other.leases.epochOf(told)).toBeNull();
    });

    it("go at once to a later start of the same node, never back to an earlier one", async () => {
      const { log, other } = opened.harness;
      const own = 9 as Partition;
      const start = (boot: number) => ({ name: "node-a", boot });
      const first = await log.leases.acquire(own, "node-a~1", start(1));
      if (first === null) return expect.fail("the partition was free");
      // Renewed, so that it is seen that a renewal still says whose it is.
      await log.leases.renew(first, "node-a~1");
      const foreign = { name: "node-b", boot: 9 };
      expect(await other.leases.acquire(own, "node-b~9", foreign)).toBeNull();
      expect(await other.leases.acquire(own, "node-a~9")).toBeNull();
      const second = await other.leases.acquire(own, "node-a~2", start(2));
      if (second === null) return expect.fail("a later start did not get it");
      expect(second.epoch).toBeGreaterThan(first.epoch);
      expect(await log.leases.renew(first, "node-a~1")).toBeNull();
      for (let attempt = 0; attempt < 3; attempt += 1) {
        expect(await log.leases.acquire(own, "node-a~1", start(1))).toBeNull();
      }
      await log.leases.release(first, "node-a~1");
      expect(await log.leases.holder(own)).toBe("node-a~2");
      await other.leases.release(second, "node-a~2");
    });

    it("show every node what is announced and held, until it is withdrawn or given back", async () => {
      const { log, other } = opened.harness;
      const held = 7 as Partition;
      const name = "Zürich.rack-1 > *";
      const lease = await log.leases.acquire(held, "node-a");
      if (lease === null) return expect.fail("the partition was free");
      const first = await log.leases.announce(name);
      const second = await log.leases.announce(name);
      await other.leases.announce("another");
      for (const { leases } of [log, other]) {
        const { nodes, held: all } = await leases.snapshot();
        expect(nodes.toSorted()).toEqual([name, "another"].sort());
        expect(all).toContain(held);
      }
      await log.leases.withdraw(name, first);
      expect((await other.leases.snapshot()).nodes).toContain(name);
      await log.leases.withdraw(name, second);
      await log.leases.release(lease, "node-a");
      const left = await other.leases.snapshot();
      expect(left.nodes).toEqual(["another"]);
      expect(left.held).not.toContain(held);
      await log.leases.withdraw(name, second);
    });

    it("tell what nodes said of their models, and of which none was said", async () => {
      const { log, other } = opened.harness;
      const first = await log.leases.announce("knows", ["m-1"]);
      const again = await log.leases.announce("knows", ["m-1", "m-2"]);
      const silent = await log.leases.announce("earlier release");
      const saidBy = async (node: string) =>
        (await other.leases.announced()).filter(({ name }) => name === node);
      const models = ["m-1", "m-2"];
      expect(await saidBy("knows")).toEqual([{ name: "knows", models }]);
      const nothing = { name: "earlier release", models: undefined };
      expect(await saidBy("earlier release")).toEqual([nothing]);
      for (const revision of [first, again]) await log.leases.withdraw("knows", revision);
      await log.leases.withdraw("earlier release", silent);
      expect(await saidBy("knows")).toEqual([]);
    });

    it("forget announcements and leases with their age", async () => {
      const { log, other, letLeasesExpire } = opened.harness;
      await log.leases.announce("silent");
      await log.leases.acquire(5 as Partition, "node-a");
      await letLeasesExpire();
      expect(await other.leases.snapshot()).toEqual({ nodes: [], held: [] });
    });

    it("go to a node that saw them unchanged for a lease time, when the server drops nothing", async () => {
      const { log, other, setServerClockBack, passLeaseTime } = opened.harness;
      const [dead, alive] = [10 as Partition, 11 as Partition];
      const lost = await log.leases.acquire(dead, "node-a");
      let kept = await log.leases.acquire(alive, "node-a");
      await log.leases.announce("node-a");
      if (lost === null || kept === null) return expect.fail("the partitions were free");
      await setServerClockBack();
      for (let part = 0; part < 4; part += 1) {
        expect((await other.leases.snapshot()).held).toEqual(expect.arrayContaining([dead, alive]));
        expect(await other.leases.acquire(dead, "node-b")).toBeNull();
        await passLeaseTime(1 / 4);
        kept = await log.leases.renew(kept, "node-a");
        if (kept === null) return expect.fail("a lease that is renewed was lost");
      }
      await passLeaseTime(1 / 4);
      const seen = await other.leases.snapshot();
      expect(seen.held).toContain(alive);
      expect(seen.held).not.toContain(dead);
      expect(seen.nodes).not.toContain("node-a");
      const taken = await other.leases.acquire(dead, "node-b");
      expect(taken?.epoch).toBeGreaterThan(lost.epoch);
      expect(await log.leases.renew(lost, "node-a")).toBeNull();
      expect(await other.leases.acquire(alive, "node-b")).toBeNull();
    });
  });
}
