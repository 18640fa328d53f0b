/** Who publishes for a tenant that may not come in hears it at once, and nothing is stored. */

import { describe, expect, it } from "vitest";
import { tenantId } from "../../src/contract/ids.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";

const acme = tenantId("acme");
const stranger = tenantId("stranger");
const documentOf = (id: string) => ({
  payload: new TextEncoder().encode(JSON.stringify({ id, text: "The gate is shut." })),
});

async function during(engine: MemoryEngine, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    await engine.stop();
  }
}

describe("a publish for a tenant without anything (CA1, CA2)", () => {
  it("is refused where keys name the tenants and none names this one", async () => {
    const engine = startMemoryEngine({ tenants: { named: new Set([acme]), max: 10 } });
    await during(engine, async () => {
      const { seq } = await engine.service.publish(acme, documentOf("a"));
      await engine.event(seq);
      await expect(engine.service.publish(stranger, documentOf("b"))).rejects.toMatchObject({
        code: "unknown_tenant",
        message: "no API key names this tenant",
      });
      const deleting = { ...documentOf("b"), isDelete: true };
      await expect(engine.service.publish(stranger, deleting)).rejects.toMatchObject({
        code: "unknown_tenant",
      });
      expect(await engine.log.docs.lastVersion(stranger)).toBe(0);
    });
  });

  it("is taken where it has records, whoever names it no longer", async () => {
    const named = new Set([acme, stranger]);
    const engine = startMemoryEngine({ tenants: { named, max: 10 } });
    await during(engine, async () => {
      const { seq } = await engine.service.publish(stranger, documentOf("a"));
      await engine.event(seq);
      named.delete(stranger);
      await engine.restart();
      const later = await engine.service.publish(stranger, documentOf("b"));
      expect(await engine.event(later.seq)).toMatchObject({ status: "visible" });
    });
  });

  it("is refused where the installation has all the tenants it may have", async () => {
    const engine = startMemoryEngine({ tenants: { max: 1 } });
    await during(engine, async () => {
      const { seq } = await engine.service.publish(acme, documentOf("a"));
      await engine.event(seq);
      await expect(engine.service.publish(stranger, documentOf("b"))).rejects.toMatchObject({
        code: "unknown_tenant",
        message: expect.stringContaining("FRESHET_TENANTS_MAX"),
      });
      await expect(engine.service.publish(acme, documentOf("c"))).resolves.toBeDefined();
    });
  });
});
