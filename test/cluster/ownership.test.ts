import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Members, type Move, PartitionClaim, preferredNode } from "../../src/cluster/ownership.ts";
import type { Partition } from "../../src/contract/ids.ts";

const partitions = Array.from({ length: 256 }, (_, index) => index as Partition);
const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), {
  minLength: 1,
  maxLength: 12,
});

describe("the node that a partition belongs to", () => {
  it("is exactly one of those that are there, the same in any order (O1)", () => {
    fc.assert(
      fc.property(names, fc.nat(255), fc.infiniteStream(fc.nat()), (nodes, index, order) => {
        const partition = index as Partition;
        const shuffled = nodes
          .map((node) => ({ node, at: order.next().value as number }))
          .sort((left, right) => left.at - right.at)
          .map(({ node }) => node);
        const preferred = preferredNode(partition, nodes);
        expect(nodes).toContain(preferred);
        expect(preferredNode(partition, shuffled)).toBe(preferred);
      }),
    );
    expect(preferredNode(0 as Partition, [])).toBeUndefined();
  });

  it("changes with a join only to the node that joins, and back when it leaves (O1)", () => {
    fc.assert(
      fc.property(names, fc.string({ minLength: 13, maxLength: 14 }), (nodes, joining) => {
        for (const partition of partitions.slice(0, 32)) {
          const before = preferredNode(partition, nodes);
          const after = preferredNode(partition, [...nodes, joining]);
          if (after !== joining) expect(after).toBe(before);
        }
      }),
    );
  });

  it("moves about one in n when the n-th node joins", () => {
    for (let count = 1; count <= 8; count += 1) {
      const nodes = Array.from({ length: count }, (_, index) => `host-${index}`);
      const joined = partitions.filter((one) => preferredNode(one, [...nodes, "new"]) === "new");
      const fair = partitions.length / (count + 1);
      // Five standard deviations of a binomial draw: a hash that favours a name fails here.
      expect(Math.abs(joined.length - fair)).toBeLessThan(5 * Math.sqrt(fair));
    }
  });

  it("is never the same for all partitions of a new log, with the names of ops/start", () => {
    for (let count = 2; count <= 4; count += 1) {
      const nodes = Array.from({ length: count }, (_, index) => `node-${index + 1}`);
      const owned = nodes.map(
        (node) => partitions.slice(0, 8).filter((one) => preferredNode(one, nodes) === node).length,
      );
      expect(Math.max(...owned) - Math.min(...owned)).toBeLessThanOrEqual(1);
    }
  });
});

describe("nodes that count (O2)", () => {
  const settleMs = 100;

  it("are those of the first look at once, and later ones when they were seen steadily", () => {
    const members = new Members({ me: "b", settleMs });
    expect(members.see(["a"], 1_000)).toEqual(["a", "b"]);
    expect(members.see(["a", "b", "c"], 1_050)).toEqual(["a", "b"]);
    expect(members.see(["a", "b"], 1_100)).toEqual(["a", "b"]);
    expect(members.see(["a", "b", "c"], 1_140)).toEqual(["a", "b"]);
    expect(members.see(["a", "c"], 1_239)).toEqual(["a", "b"]);
    expect(members.see(["a", "c"], 1_240)).toEqual(["a", "b", "c"]);
    expect(members.see(["c"], 1_241)).toEqual(["b", "c"]);
  });

  it("always hold this node itself, sorted, each once", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.constantFrom("a", "b", "c", "me"))), (looks) => {
        const members = new Members({ me: "me", settleMs });
        for (const [index, nodes] of looks.entries()) {
          const counted = members.see(nodes, index * 60);
          expect(counted).toContain("me");
          expect(counted).toEqual([...new Set(counted)].sort());
          for (const node of counted) if (node !== "me") expect(nodes).toContain(node);
        }
      }),
    );
  });
});

describe("the claim of a node on a partition", () => {
  const partition = 3 as Partition;
  const [first, second, third] = ranked(["a", "b", "c"]) as [string, string, string];
  const takeAnywayMs = 100;
  const claim = (me: string) => new PartitionClaim({ partition, me, takeAnywayMs });
  const view = (nodes: readonly string[], atMs: number, isHeld = false) => ({
    nodes,
    atMs,
    held: new Set(isHeld ? [partition] : []),
  });

  it("is taken when free, kept, and handed over to a node that it belongs to more", () => {
    const mine = claim(second);
    expect(mine.next(view([second], 0), false)).toEqual({ kind: "take" });
    expect(mine.next(view([second, third], 1, true), true)).toEqual({ kind: "keep" });
    const move: Move = { kind: "hand-over", to: first };
    expect(mine.next(view([first, second], 2, true), true)).toEqual(move);
    expect(mine.next(view([first, second], 3), false)).toEqual({ kind: "leave" });
    expect(mine.next(view([second], 4), false)).toEqual({ kind: "take" });
  });

  it("is awaited while another has it, but not for ever", () => {
    const mine = claim(first);
    expect(mine.next(view([first, second], 0, true), false)).toEqual({ kind: "await" });
    expect(mine.next(view([first, second], 99, true), false)).toEqual({ kind: "await" });
    expect(mine.next(view([first, second], 100, true), false)).toEqual({ kind: "leave" });
    expect(mine.next(view([first, second], 101), false)).toEqual({ kind: "take" });
  });

  it("passes over nodes that do not take the partition, one by one, until they leave (O3)", () => {
    const nodes = [first, second, third];
    const mine = claim(third);
    expect(mine.next(view(nodes, 0), false)).toEqual({ kind: "leave" });
    expect(mine.next(view(nodes, 100), false)).toEqual({ kind: "leave" });
    expect(mine.next(view(nodes, 199), false)).toEqual({ kind: "leave" });
    expect(mine.next(view(nodes, 200), false)).toEqual({ kind: "take" });
    expect(mine.next(view(nodes, 201, true), true)).toEqual({ kind: "keep" });
    expect(mine.next(view([second, third], 202, true), true)).toEqual({ kind: "keep" });
    expect(mine.next(view(nodes, 203, true), true)).toEqual({ kind: "hand-over", to: first });
  });

  it("starts counting anew when the partition was held in between", () => {
    const mine = claim(second);
    expect(mine.next(view([first, second], 0), false)).toEqual({ kind: "leave" });
    expect(mine.next(view([first, second], 99, true), false)).toEqual({ kind: "leave" });
    expect(mine.next(view([first, second], 150), false)).toEqual({ kind: "leave" });
    expect(mine.next(view([first, second], 249), false)).toEqual({ kind: "leave" });
    expect(mine.next(view([first, second], 250), false)).toEqual({ kind: "take" });
  });

  function ranked(nodes: readonly string[]): string[] {
    const best = preferredNode(partition, nodes);
    if (best === undefined) return [];
    return [best, ...ranked(nodes.filter((node) => node !== best))];
  }
});
