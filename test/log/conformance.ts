/**
 * What every adapter of the log port must do (L1 … L4; L5 needs an adapter's own means). The harness opens
 * the log twice, as two nodes would, and lends the few hooks that no port offers.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DocumentEvent } from "../../src/contract/events.ts";
import { partitionOf, tenantId } from "../../src/contract/ids.ts";
import { describeChunks } from "./conformance-chunks.ts";
import { describeDocs } from "./conformance-docs.ts";
import { describeStores } from "./conformance-stores.ts";
import type { LogHarness, Opened } from "./harness.ts";

let tenants = 0;

export function describeLog(name: string, open: () => Promise<LogHarness>): void {
  describe(`the log in ${name}`, () => {
    let harness: LogHarness | undefined;
    beforeAll(async () => {
      harness = await open();
    });
    afterAll(async () => {
      await harness?.close();
    });
    const opened: Opened = {
      get harness() {
        if (harness === undefined) throw new Error("the log is not open");
        return harness;
      },
      tenant: () => {
        tenants += 1;
        return tenantId(`Tenant_${tenants}-x`);
      },
    };
    describeDocs(opened);
    describeChunks(opened);
    describeStores(opened);

    it("is whole", async () => {
      await expect(opened.harness.log.checkIdentity()).resolves.toBeUndefined();
    });

    it("takes documents as large as the contract promises", () => {
      expect(opened.harness.log.documentTextBytesMax).toBe(256 * 1024);
      expect(opened.harness.log.partitions).toBe(opened.harness.other.partitions);
    });

    it("sends events to whoever listens", async () => {
      const { harness: of } = opened;
      const tenant = opened.tenant();
      const heard = await of.listen(tenant);
      const event: DocumentEvent = { id: "a", seq: 5, status: "visible", ms: 3 };
      of.log.events.publish(tenant, event);
      expect(await heard.event).toEqual(event);
    });

    it("lists the tenants of a partition, and only those", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      await log.docs.publish({ tenant, payload: new Uint8Array([123, 125]) });
      const own = partitionOf(tenant, log.partitions);
      expect(await log.docs.tenants(own)).toContain(tenant);
      expect(await log.chunks.tenants(own)).not.toContain(tenant);
    });
  });
}
