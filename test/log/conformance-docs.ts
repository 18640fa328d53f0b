/** DOCS: publishing and reading. */

import { describe, expect, it } from "vitest";
import {
  incarnationOf,
  incarnationSpan,
  partitionOf,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import type { Log } from "../../src/log/port.ts";
import type { Opened } from "./harness.ts";
import { take } from "./records.ts";

const payload = (text: string): Uint8Array => new TextEncoder().encode(text);
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

    it("answers a repeated idempotency key with the first sequence", async () => {
      const { log } = opened.harness;
      const message = { tenant: opened.tenant(), payload: payload("x"), messageId: "key-1" };
      const first = await log.docs.publish(message);
      expect(first.duplicate).toBe(false);
      expect(await log.docs.publish(message)).toEqual({ seq: first.seq, duplicate: true });
    });

    it("refuses what is above the payload limit as too large", async () => {
      const { log } = opened.harness;
      const message = { tenant: opened.tenant(), payload: new Uint8Array(4 * 1024 * 1024 + 1) };
      await expect(log.docs.publish(message)).rejects.toMatchObject({ code: "document_too_large" });
    });

    it("reads a partition in order, from a cursor on, and goes on with what comes later", async () => {
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
    });

    it("starts later where older operations were purged, and ends when the signal aborts", async () => {
      const { log, purgeDocs } = opened.harness;
      const tenant = opened.tenant();
      const [first, second] = await publishAll(log, tenant, ["one", "two"]);
      await purgeDocs(tenant, first ?? 0);
      const found = await log.docs.readTenant({ tenant, after: 0 as Version, max: 10 });
      expect(found.map(({ version }) => version)).toEqual([second]);
      const end = new AbortController();
      end.abort();
      const read = log.docs.read({ partition: 0 as never, from: 0 as Version, signal: end.signal });
      for await (const operation of read) expect.fail(`read ${operation.version} after the end`);
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

    it("reads one tenant's operations behind a version, at most so many", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      const neighbour = opened.tenant();
      const versions = await publishAll(log, tenant, ["a", "b"]);
      await publishAll(log, neighbour, ["not mine"]);
      versions.push(...(await publishAll(log, tenant, ["c", "d"])));
      const after = versions[0] ?? (0 as Version);
      const counts: number[] = [];
      const onCount = (count: number) => counts.push(count);
      const some = await log.docs.readTenant({ tenant, after, max: 2, onCount });
      expect(some.map((operation) => textOf(operation.payload))).toEqual(["b", "c"]);
      const end = versions[3] ?? (0 as Version);
      expect(await log.docs.readTenant({ tenant, after: end, max: 2, onCount })).toEqual([]);
      expect(counts).toEqual([3, 0]);
      const unknown = opened.tenant();
      expect(await log.docs.readTenant({ tenant: unknown, after: 0 as Version, max: 2 })).toEqual(
        [],
      );
      expect(await log.docs.lastVersion(unknown)).toBe(0);
    });
  });
}
