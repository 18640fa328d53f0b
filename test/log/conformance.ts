/**
 * What every adapter of the log port must do (L1 … L4, L6; L5 needs an adapter's own means). The
 * harness opens the log twice, as two nodes would, and lends the few hooks that no port offers.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DocumentEvent } from "../../src/contract/events.ts";
import {
  type Epoch,
  type Position,
  partitionOf,
  tenantId,
  type Version,
} from "../../src/contract/ids.ts";
import { describeChunks } from "./conformance-chunks.ts";
import { describeDocs } from "./conformance-docs.ts";
import { describeFeedback } from "./conformance-feedback.ts";
import { describeForeign } from "./conformance-foreign.ts";
import { describeLeases } from "./conformance-leases.ts";
import { describeLives } from "./conformance-lives.ts";
import { describeStores } from "./conformance-stores.ts";
import { describeTokens } from "./conformance-tokens.ts";
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
    describeLeases(opened);
    describeTokens(opened);
    describeFeedback(opened);
    describeForeign(opened);
    describeLives(opened);

    it("is whole", async () => {
      await expect(opened.harness.log.checkIdentity()).resolves.toBeUndefined();
    });

    it("keeps the embedding model that was claimed first, also of two at once (L6)", async () => {
      const { log, other } = opened.harness;
      const probe = (name: string, sign: number) => ({
        text: `the sentence of ${name}`,
        // Values that JSON could not carry exactly in few digits, and a large one.
        vector: Float32Array.from({ length: 384 }, (_, i) => (sign * Math.sqrt(i + 0.1)) / 7),
        name,
      });
      const [one, two] = [probe("one", 1), probe("two", -1)];
      const claims = await Promise.all([log.claimModel(one), other.claimModel(two)]);
      const first = claims[0].name === "one" ? one : two;
      expect(claims).toEqual([first, first]);
      expect(await log.claimModel(probe("three", 1))).toEqual(first);
      expect(await other.claimModel(two)).toEqual(first);
    });

    it("keeps the secret of redaction that was claimed first, also of two at once (L6)", async () => {
      const { log, other } = opened.harness;
      const made = { kind: "kept", secret: new Uint8Array(32).fill(9) } as const;
      const configured = { kind: "configured", check: "0123456789abcdef" } as const;
      const [here, there] = await Promise.all([
        log.claimRedaction(made),
        other.claimRedaction(configured),
      ]);
      expect(there).toEqual(here);
      expect([made, configured]).toContainEqual(here);
      expect(await log.claimRedaction(configured)).toEqual(here);
    });

    it("tells the time by the clock that stamps its records", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      const before = await log.nowMs();
      const base = { tenant, version: 1 as Version, epoch: 1 as Epoch };
      await log.chunks.append({ ...base, kind: "fence" }, 0 as Position);
      const after = await log.nowMs();
      const atMs = (await log.chunks.last(tenant))?.atMs ?? 0;
      expect(before - 1).toBeLessThanOrEqual(atMs);
      expect(atMs).toBeLessThanOrEqual(after + 1);
    });

    it("takes documents as large as the contract promises", () => {
      expect(opened.harness.log.documentTextBytesMax).toBe(256 * 1024);
      expect(opened.harness.log.partitions).toBe(opened.harness.other.partitions);
    });

    it("sends events to all who listen", async () => {
      const { harness: of } = opened;
      const tenant = opened.tenant();
      const heard = await of.listen(tenant);
      const event: DocumentEvent = { id: "a", seq: 5, status: "visible", ms: 3 };
      let got: DocumentEvent | undefined;
      void heard.event.then((one) => {
        got = one;
      });
      // That somebody listens goes from one server of a cluster to the next by itself.
      const tell = (): DocumentEvent | undefined => {
        of.log.events.publish(tenant, event);
        return got;
      };
      await expect.poll(tell, { timeout: 30_000 }).toEqual(event);
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
