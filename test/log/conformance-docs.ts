/** DOCS: publishing and reading. */

import { describe, expect, it } from "vitest";
import {
  incarnationOf,
  incarnationSpan,
  type Position,
  partitionOf,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import type { Log } from "../../src/log/port.ts";
import { eventually } from "../support/promises.ts";
import type { Opened } from "./harness.ts";
import { take } from "./records.ts";

const payload = (text: string): Uint8Array => new TextEncoder().encode(text);
const zero = 0 as Version;
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

async function publishAll(log: Log, tenant: TenantId, texts: readonly string[]) {
  const versions: Version[] = [];
  for (const text of texts) {
    versions.push((await log.docs.publish({ tenant, payload: payload(text) })).seq);
  }
  return versions;
}

export function describeDocs(opened: Opened): void {
  describe("DOCS", () => {
    it("gives each publish a higher sequence of the log's incarnation (L1)", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      const [first, second] = await publishAll(log, tenant, ["one", "two"]);
      expect(second).toBeGreaterThan(first ?? 0);
      expect(incarnationOf(first ?? 0)).toBeGreaterThan(0);
      expect(await other.docs.lastVersion(tenant)).toBe(second);
      expect(await other.docs.lastSequence()).toBeGreaterThanOrEqual(second ?? 0);
    });

    it("keeps with a replay what it repeats, for every reader", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      const replay = { of: 7 as Version, after: 9 as Position };
      const { seq } = await log.docs.publish({ tenant, payload: payload("again"), replay });
      const [plain] = await publishAll(log, tenant, ["new"]);
      const read = await other.docs.readTenant({ tenant, after: 0 as Version, max: 9 });
      expect(read.map((operation) => [operation.version, operation.replay])).toEqual([
        [seq, replay],
        [plain, undefined],
      ]);
      const end = new AbortController();
      const partition = partitionOf(tenant, log.partitions);
      const reading = other.docs.read({ partition, from: seq, signal: end.signal });
      const [first] = await take(reading, 1, end);
      expect(first?.replay).toEqual(replay);
    });

    it("stores what two tenants send under one message id, and repetitions (I1, I9)", async () => {
      const { log, other } = opened.harness;
      const [tenant, neighbour] = [opened.tenant(), opened.tenant()];
      const messageId = "order-1";
      const send = (to: TenantId, text: string) =>
        log.docs.publish({ tenant: to, payload: payload(text), messageId });
      const sent = [await send(tenant, "mine"), await send(neighbour, "theirs")];
      sent.push(await send(tenant, "mine"));
      expect(new Set(sent.map(({ seq }) => seq)).size).toBe(3);
      const [mine, theirs] = await Promise.all(
        [tenant, neighbour].map((of) => other.docs.readTenant({ tenant: of, after: zero, max: 9 })),
      );
      expect(mine?.map((operation) => [operation.messageId, textOf(operation.payload)])).toEqual([
        [messageId, "mine"],
        [messageId, "mine"],
      ]);
      expect(theirs?.map((operation) => textOf(operation.payload))).toEqual(["theirs"]);
    });

    it("yields a tenant's recent message ids up to an operation, in order, none after it", async () => {
      const { log, other, atNextMoment } = opened.harness;
      const [tenant, neighbour] = [opened.tenant(), opened.tenant()];
      const send = async (to: TenantId, messageId?: string) =>
        (await log.docs.publish({ tenant: to, payload: payload("x"), messageId })).seq;
      const idsTo = async (to: Version, windowMs: number) => {
        const ids: [number, string][] = [];
        for await (const id of other.docs.messageIds({ tenant, to, windowMs })) {
          expect(id.atMs).toBeGreaterThan(0);
          ids.push([id.version, id.messageId]);
        }
        return ids;
      };
      const old = await send(tenant, "old");
      await atNextMoment();
      const first = await send(tenant, "a");
      await send(neighbour, "not mine");
      const plain = await send(tenant);
      const second = await send(tenant, "with space and ü");
      await send(tenant, "later");
      const all = [
        [old, "old"],
        [first, "a"],
        [second, "with space and ü"],
      ];
      expect(await idsTo(second, 60_000)).toEqual(all);
      expect(await idsTo(plain, 60_000)).toEqual(all.slice(0, 2));
      expect(await idsTo(second, 0)).not.toContainEqual([old, "old"]);
      await log.docs.purge({ tenant, below: second });
      expect(await idsTo(second, 60_000)).toEqual(all.slice(2));
      expect(await idsTo(plain, 60_000)).toEqual([]);
    });

    it("refuses what is above the payload limit as too large", async () => {
      const { log } = opened.harness;
      const message = { tenant: opened.tenant(), payload: new Uint8Array(4 * 1024 * 1024 + 1) };
      await expect(log.docs.publish(message)).rejects.toMatchObject({ code: "document_too_large" });
    });

    it("reads a partition in order, from a cursor on, and continues with what comes later", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      const [skipped, one] = await publishAll(log, tenant, ["skipped", "one"]);
      const end = new AbortController();
      const reading = take(
        other.docs.read({
          partition: partitionOf(tenant, log.partitions),
          from: ((skipped ?? 0) + 1) as Version,
          signal: end.signal,
        }),
        2,
        end,
      );
      const [two] = await publishAll(log, tenant, ["two"]);
      const found = await reading;
      expect(found.map(({ version }) => version)).toEqual([one, two]);
      expect(found.map((operation) => textOf(operation.payload))).toEqual(["one", "two"]);
      expect(found.every((operation) => operation.tenant === tenant)).toBe(true);
      expect(found.every((operation) => operation.atMs > 0)).toBe(true);
    });

    it("delivers operations under tokens that are no tenant ids, unchecked", async () => {
      const { log, publishRaw } = opened.harness;
      const from = ((await log.docs.lastSequence()) + 1) as Version;
      const token = "no-tenant:ü";
      await publishRaw(token, payload("raw"));
      const end = new AbortController();
      const readers = Array.from({ length: log.partitions }, (_, index) =>
        take(log.docs.read({ partition: index as never, from, signal: end.signal }), 1, end),
      );
      const found = (await Promise.all(readers)).flat();
      expect(found.map(({ tenant }) => tenant)).toEqual([token]);
      const after = (from - 1) as Version;
      const own = await log.docs.readTenant({ tenant: token as TenantId, after, max: 5 });
      expect(own.map(({ version }) => version)).toEqual(found.map(({ version }) => version));
    });

    it("starts later where older operations were purged, and ends with its signal", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      const [, second = zero] = await publishAll(log, tenant, ["one", "two"]);
      expect(await log.docs.purge({ tenant, below: second })).toBe(1);
      const found = await log.docs.readTenant({ tenant, after: 0 as Version, max: 10 });
      expect(found.map(({ version }) => version)).toEqual([second]);
      const end = new AbortController();
      end.abort();
      const read = log.docs.read({ partition: 0 as never, from: 0 as Version, signal: end.signal });
      for await (const operation of read) expect.fail(`read ${operation.version} after the end`);
    });

    it("purges one tenant's operations below a version, and again without effect", async () => {
      const { log, other } = opened.harness;
      const [tenant, neighbour] = [opened.tenant(), opened.tenant()];
      const [theirs] = await publishAll(log, neighbour, ["not mine"]);
      const versions = await publishAll(log, tenant, ["a", "b", "c"]);
      const [first = zero, , last = zero] = versions;
      expect(await log.docs.purge({ tenant, below: first })).toBe(0);
      expect(await log.docs.purge({ tenant, below: zero })).toBe(0);
      const twice = [await log.docs.purge({ tenant, below: last })];
      twice.push(await other.docs.purge({ tenant, below: last }));
      expect(twice).toEqual([2, 0]);
      expect(await other.docs.lastVersion(tenant)).toBe(last);
      const left = await log.docs.readTenant({ tenant: neighbour, after: zero, max: 5 });
      expect(left.map(({ version }) => version)).toEqual([theirs]);
      const [next = zero] = await publishAll(log, tenant, ["d"]);
      expect(next).toBeGreaterThan(last);
    });

    it("finds the first sequence that is as young as a moment", async () => {
      const { log, atNextMoment } = opened.harness;
      const tenant = opened.tenant();
      const [older = zero] = await publishAll(log, tenant, ["older"]);
      const moment = await atNextMoment();
      expect(await log.docs.firstSince(moment)).toBe((await log.docs.lastSequence()) + 1);
      const [younger = zero] = await publishAll(log, tenant, ["younger"]);
      expect(await log.docs.firstSince(moment)).toBe(younger);
      expect(await log.docs.firstSince(0)).toBeLessThanOrEqual(older);
    });

    it("refuses a cursor beyond the end, whose tail must have been lost (L5)", async () => {
      const { log } = opened.harness;
      const from = ((await log.docs.lastSequence()) + 1000) as Version;
      const { signal } = new AbortController();
      const next = log.docs.read({ partition: 0 as never, from, signal })[Symbol.asyncIterator]();
      await expect(next.next()).rejects.toMatchObject({ code: "log_identity" });
    });

    it("refuses a cursor of another incarnation (L5)", async () => {
      const { log } = opened.harness;
      const from = ((await log.docs.lastSequence()) - incarnationSpan) as Version;
      const { signal } = new AbortController();
      const older = { partition: 0 as never, from: Math.max(from, 5) as Version, signal };
      const next = log.docs.read(older)[Symbol.asyncIterator]();
      await expect(next.next()).rejects.toMatchObject({ code: "log_identity" });
    });

    it("reads every publish that returned before, and the next one after each (L8)", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      const versions: Version[] = [];
      for (let index = 0; index < 20; index += 1) {
        versions.push(...(await publishAll(log, tenant, [`text ${index}`])));
        const after = versions.at(-2) ?? zero;
        const later = await other.docs.readTenant({ tenant, after, max: 5 });
        expect(later.map(({ version }) => version)).toEqual(versions.slice(-1));
        expect(await other.docs.nextVersion({ tenant, after })).toBe(versions.at(-1));
      }
      const all = await other.docs.readTenant({ tenant, after: zero, max: 100 });
      expect(all.map(({ version }) => version)).toEqual(versions);
      expect(await other.docs.nextVersion({ tenant, after: zero })).toBe(versions[0]);
      expect(await other.docs.nextVersion({ tenant, after: versions.at(-1) ?? zero })).toBe(0);
    });

    it("reads one tenant's operations after a version, at most so many", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      const neighbour = opened.tenant();
      const versions = await publishAll(log, tenant, ["a", "b"]);
      await publishAll(log, neighbour, ["not mine"]);
      versions.push(...(await publishAll(log, tenant, ["c", "d"])));
      const after = versions[0] ?? (0 as Version);
      let count: number | undefined;
      const onCount = (operations: number) => {
        count = operations;
      };
      await eventually(async () => {
        const some = await log.docs.readTenant({ tenant, after, max: 2, onCount });
        expect(some.map((operation) => textOf(operation.payload))).toEqual(["b", "c"]);
        // A copy that is behind its leader counts less.
        expect(count).toBe(3);
      });
      const end = versions[3] ?? (0 as Version);
      expect(await log.docs.readTenant({ tenant, after: end, max: 2, onCount })).toEqual([]);
      expect(count).toBe(0);
      const bytes = { tenant, after: 0 as Version, max: 9 };
      const first = (await log.docs.readTenant({ ...bytes, max: 1 }))[0]?.payload.byteLength ?? 0;
      const read = async (bytesMax: number): Promise<number> =>
        (await log.docs.readTenant({ ...bytes, bytesMax })).length;
      expect([await read(1), await read(first + 1), await read(1_000_000)]).toEqual([1, 2, 4]);
      const unknown = opened.tenant();
      expect(await log.docs.readTenant({ tenant: unknown, after: 0 as Version, max: 2 })).toEqual(
        [],
      );
      expect(await log.docs.lastVersion(unknown)).toBe(0);
    });
  });
}
