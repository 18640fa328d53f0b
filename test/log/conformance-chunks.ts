/** CHUNKS: the fenced append and unbroken reading. */

import { describe, expect, it } from "vitest";
import type { Position } from "../../src/contract/ids.ts";
import type { ChunkRecord } from "../../src/contract/record.ts";
import { eventually } from "../support/promises.ts";
import type { Opened } from "./harness.ts";
import { appendAll, collect, duplicate, fence, reject, removal, upsert } from "./records.ts";

const zero = 0 as Position;

export function describeChunks(opened: Opened): void {
  describe("CHUNKS", () => {
    it("gives back every kind of record as it was appended, in a chain", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      const origin = { tenant, version: 7, epoch: 3 };
      const records: ChunkRecord[] = [
        fence(origin),
        upsert(origin, " größe/%2F:1 "),
        removal(origin, "b"),
        reject(origin, null),
        reject(origin, "c"),
        duplicate(origin, 5),
      ];
      const positions = await appendAll(log.chunks, records);
      const to = positions.at(-1) ?? zero;
      const [first = zero] = positions;
      const found = await collect(other.chunks.read({ tenant, after: zero, to }));
      await eventually(async () => {
        const counts: number[] = [];
        const onCount = (count: number) => counts.push(count);
        expect(await collect(other.chunks.read({ tenant, after: zero, to, onCount }))).toEqual(
          found,
        );
        await collect(other.chunks.headers({ tenant, after: first, to, onCount }));
        // A copy that is behind its leader counts less.
        expect(counts).toEqual([6, 5]);
      });
      const placed = records.map((record, index) => ({
        ...record,
        position: positions[index],
        previous: positions[index - 1] ?? 0,
      }));
      expect(found).toEqual(placed);
      const headers = await collect(other.chunks.headers({ tenant, after: zero, to }));
      expect(headers.map(({ kind }) => kind)).toEqual(records.map(({ kind }) => kind));
      expect(headers[1]).toMatchObject({ documentId: " größe/%2F:1 ", chunkCount: 2 });
      expect(headers[4]).toMatchObject({ reason: "invalid_json", message: "bäd\n" });
      expect(headers[1]?.bytes).toBeGreaterThan(headers[0]?.bytes ?? 0);
      expect(headers.every(({ atMs }) => atMs > 0)).toBe(true);
      expect(await log.chunks.last(tenant)).toEqual(headers.at(-1));
    });

    it("lets one of two writers append that expect the same record (L2)", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      const [at = zero] = await appendAll(log.chunks, [fence({ tenant, version: 0, epoch: 1 })]);
      const outcomes = await Promise.all([
        log.chunks.append(upsert({ tenant, version: 1, epoch: 1 }, "a"), at),
        other.chunks.append(upsert({ tenant, version: 2, epoch: 1 }, "b"), at),
      ]);
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(["appended", "behind"]);
      const last = await log.chunks.last(tenant);
      expect(last?.previous).toBe(at);
      expect(outcomes).toContainEqual({ kind: "behind", last });
    });

    it("refuses a writer of an older epoch once a newer one has fenced (I6)", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      const [old = zero] = await appendAll(log.chunks, [fence({ tenant, version: 0, epoch: 1 })]);
      await appendAll(other.chunks, [fence({ tenant, version: 0, epoch: 2 })], old);
      const by = await other.chunks.last(tenant);
      expect(by).toMatchObject({ kind: "fence", epoch: 2 });
      const late = upsert({ tenant, version: 1, epoch: 1 }, "a");
      expect(await log.chunks.append(late, old)).toEqual({ kind: "fenced", by });
      expect(await log.chunks.last(tenant)).toEqual(by);
    });

    it("tells a writer that expects records of an empty tenant that there are none", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      const outcome = await log.chunks.append(
        fence({ tenant, version: 0, epoch: 1 }),
        99 as Position,
      );
      expect(outcome).toEqual({ kind: "behind", last: null });
      expect(await log.chunks.last(tenant)).toBeNull();
    });

    it("finds an append that landed without its acknowledgement, and appends it once", async () => {
      const { log, loseNextAppendAck } = opened.harness;
      const tenant = opened.tenant();
      const [at = zero] = await appendAll(log.chunks, [fence({ tenant, version: 0, epoch: 1 })]);
      loseNextAppendAck();
      const [position = zero] = await appendAll(
        log.chunks,
        [upsert({ tenant, version: 1, epoch: 1 }, "a")],
        at,
      );
      const found = await collect(log.chunks.headers({ tenant, after: zero, to: position }));
      expect(found.map(({ kind }) => kind)).toEqual(["fence", "upsert"]);
    });

    it("reads a range from its middle to its middle, longer than a page", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      const records = Array.from({ length: 150 }, (_, index) =>
        upsert({ tenant, version: index, epoch: 1 }, `document ${index}`),
      );
      const positions = await appendAll(log.chunks, records);
      const range = { tenant, after: positions[9] ?? zero, to: positions[139] ?? zero };
      const found = await collect(log.chunks.read(range));
      expect(found.map(({ position }) => position)).toEqual(positions.slice(10, 140));
      expect(await collect(log.chunks.headers({ ...range, after: range.to }))).toEqual([]);
    });

    it("reads a tenant's records between those of its neighbours", async () => {
      const { log } = opened.harness;
      const [tenant, neighbour] = [opened.tenant(), opened.tenant()];
      const [one = zero] = await appendAll(log.chunks, [fence({ tenant, version: 0, epoch: 1 })]);
      await appendAll(log.chunks, [fence({ tenant: neighbour, version: 0, epoch: 1 })]);
      const [two = zero] = await appendAll(
        log.chunks,
        [removal({ tenant, version: 1, epoch: 1 }, "a")],
        one,
      );
      const found = await collect(log.chunks.read({ tenant, after: zero, to: two }));
      expect(found.map(({ position }) => position)).toEqual([one, two]);
    });

    it("fails with broken_chain where a range's beginning was purged or its end is missing (L3)", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      const origin = { tenant, version: 1, epoch: 1 };
      const positions = await appendAll(log.chunks, [
        fence(origin),
        removal(origin, "a"),
        removal(origin, "b"),
        removal(origin, "c"),
      ]);
      const [first = zero, second = zero, third = zero, last = zero] = positions;
      expect(await log.chunks.purge({ tenant, below: third })).toBe(2);
      const broken = { code: "broken_chain" };
      const read = (after: Position, to: Position) =>
        collect(log.chunks.read({ tenant, after, to }));
      await expect(read(zero, last)).rejects.toMatchObject(broken);
      await expect(read(first, last)).rejects.toMatchObject(broken);
      expect(await read(second, last)).toHaveLength(2);
      await expect(read(second, (last + 5) as Position)).rejects.toMatchObject(broken);
      const beyond = { tenant, after: last, to: (last + 5) as Position };
      await expect(collect(log.chunks.headers(beyond))).rejects.toMatchObject(broken);
    });

    it("says a tenant's oldest record that is still held, whatever others write", async () => {
      const { log, other } = opened.harness;
      const [tenant, neighbour] = [opened.tenant(), opened.tenant()];
      expect(await log.chunks.first(tenant)).toBeNull();
      await appendAll(log.chunks, [fence({ tenant: neighbour, version: 0, epoch: 1 })]);
      const origin = { tenant, version: 1, epoch: 1 };
      const records = [fence(origin), removal(origin, "a"), removal(origin, "b")];
      const [one = zero, two = zero, three = zero] = await appendAll(log.chunks, records);
      expect(await other.chunks.first(tenant)).toMatchObject({ position: one, previous: 0 });
      expect(await other.chunks.first(tenant, two)).toMatchObject({ position: two });
      const between = (one + 1) as Position;
      expect(await other.chunks.first(tenant, between)).toMatchObject({ position: two });
      expect(await other.chunks.first(tenant, (three + 1) as Position)).toBeNull();
      await log.chunks.purge({ tenant, below: three });
      expect(await other.chunks.first(tenant)).toMatchObject({ position: three, previous: two });
      expect(await other.chunks.first(tenant, one)).toMatchObject({ position: three });
    });

    it("keeps the newest record of a tenant in every purge, so that the fence stands", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      const origin = { tenant, version: 1, epoch: 4 };
      const [, last = zero] = await appendAll(log.chunks, [fence(origin), removal(origin, "a")]);
      expect(await log.chunks.purge({ tenant, below: (last + 1_000) as Position })).toBe(1);
      expect(await log.chunks.purge({ tenant, below: last })).toBe(0);
      expect(await log.chunks.last(tenant)).toMatchObject({ position: last, epoch: 4 });
      const late = await log.chunks.append(fence({ tenant, version: 1, epoch: 3 }), zero);
      expect(late.kind).toBe("fenced");
    });

    it("tells the oldest record, whose predecessor is where a range may begin", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      expect(await log.chunks.first(tenant)).toBeNull();
      expect(await log.chunks.purge({ tenant, below: 1 as Position })).toBe(0);
      const origin = { tenant, version: 1, epoch: 1 };
      const records = [fence(origin), removal(origin, "a"), removal(origin, "b")];
      const [one = zero, two = zero, three = zero] = await appendAll(log.chunks, records);
      expect(await log.chunks.first(tenant)).toMatchObject({ position: one, previous: 0 });
      await log.chunks.purge({ tenant, below: two });
      const first = await other.chunks.first(tenant);
      expect(first).toMatchObject({ position: two, previous: one });
      const range = { tenant, after: first?.previous ?? zero, to: three };
      expect(await collect(log.chunks.headers(range))).toHaveLength(2);
    });

    it("finds the first position that is as young as a moment", async () => {
      const { log, atNextMoment } = opened.harness;
      const tenant = opened.tenant();
      const origin = { tenant, version: 1, epoch: 1 };
      const [older = zero] = await appendAll(log.chunks, [fence(origin)]);
      const moment = await atNextMoment();
      expect(await log.chunks.firstSince(moment)).toBeGreaterThan(older);
      const [younger = zero] = await appendAll(log.chunks, [removal(origin, "a")], older);
      expect(await log.chunks.firstSince(moment)).toBe(younger);
      expect(await log.chunks.firstSince(0)).toBeLessThanOrEqual(older);
    });
  });
}
