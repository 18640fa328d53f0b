/** What every store of webhooks does. */

import { describe, expect, it } from "vitest";
import { type Endpoint, eventTypeNames } from "../../src/contract/endpoint.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { EndpointStore } from "../../src/log/endpoint-port.ts";

const acme = "acme" as TenantId;
const globex = "globex" as TenantId;
const idOf = (index: number): string => `wh_${String(index).padStart(16, "0")}`;
const begun = { after: 5, delivered: 0, failed: 0 };

const endpoint = (index: number, tenant: TenantId = acme): Endpoint => ({
  id: idOf(index),
  ...{ tenant, url: "https://example.com/", types: [...eventTypeNames], status: "active" },
  createdAtMs: 1,
  secrets: [{ value: "whsec_AAAA", createdAtMs: 1 }],
});

export function endpointStoreSuite(name: string, open: () => Promise<EndpointStore>): void {
  describe(`webhooks in ${name}`, () => {
    it("are listed by tenant and read as they were stored", async () => {
      const store = await open();
      await store.add(endpoint(2), begun);
      await store.add(endpoint(1), begun);
      await store.add(endpoint(3, globex), begun);
      expect((await store.list(acme)).map(({ id }) => id)).toEqual([idOf(1), idOf(2)]);
      expect(await store.all()).toHaveLength(3);
      expect((await store.get(acme, idOf(2)))?.value).toEqual(endpoint(2));
      expect(await store.get(globex, idOf(2))).toBeNull();
      expect((await store.state(endpoint(2)))?.value).toEqual(begun);
    });

    it("change only from what was read (HX1)", async () => {
      const store = await open();
      await store.add(endpoint(1), begun);
      const found = await store.get(acme, idOf(1));
      const revision = found?.revision ?? 0;
      expect(await store.put({ ...endpoint(1), status: "paused" }, revision)).toBe(true);
      expect(await store.put(endpoint(1), revision)).toBe(false);
      expect((await store.get(acme, idOf(1)))?.value.status).toBe("paused");
      const state = (await store.state(endpoint(1)))?.revision ?? 0;
      const moved = await store.putState(endpoint(1), { ...begun, after: 6 }, state);
      expect(await store.putState(endpoint(1), begun, state)).toBeUndefined();
      const further = await store.putState(endpoint(1), { ...begun, after: 7 }, moved ?? 0);
      expect(further).toBeGreaterThan(moved ?? Number.POSITIVE_INFINITY);
      expect((await store.state(endpoint(1)))?.value.after).toBe(7);
    });

    it("keep the newest failures, newest first", async () => {
      const store = await open();
      await store.add(endpoint(1), begun);
      const count = limits.endpointFailuresMax + 2;
      for (let seq = 1; seq <= count; seq += 1) {
        const failure = { seq, type: "document.indexed", attempt: 1, reason: "x", at: "now" };
        await store.addFailure(endpoint(1), failure);
      }
      const kept = await store.failures(endpoint(1));
      expect([kept.length, kept[0]?.seq]).toEqual([limits.endpointFailuresMax, count]);
    });

    it("leave nothing when they are removed, and nothing comes later (HX2)", async () => {
      const store = await open();
      await store.add(endpoint(1), begun);
      const state = await store.state(endpoint(1));
      expect(await store.remove(acme, idOf(1))).toBe(true);
      expect(await store.remove(acme, idOf(1))).toBe(false);
      expect(await store.putState(endpoint(1), begun, state?.revision ?? 0)).toBeUndefined();
      const failure = { seq: 1, type: "t", attempt: 1, reason: "x", at: "now" };
      await store.addFailure(endpoint(1), failure);
      expect(await store.failures(endpoint(1))).toEqual([]);
      expect(await store.state(endpoint(1))).toBeNull();
      expect(await store.countOf(acme)).toBe(0);
    });

    it("go with their tenant, and with no other", async () => {
      const store = await open();
      await store.add(endpoint(1), begun);
      await store.add(endpoint(2, globex), begun);
      expect(await store.countOf(acme)).toBeGreaterThan(0);
      await store.eraseTenant(acme);
      await store.eraseTenant(acme);
      expect(await store.countOf(acme)).toBe(0);
      expect(await store.list(globex)).toHaveLength(1);
    });
  });
}
