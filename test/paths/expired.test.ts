import { expect, it } from "vitest";
import type { DocumentId, TenantId } from "../../src/contract/ids.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { startMemoryEngine } from "../support/memory-engine.ts";

const tenant = "expired" as TenantId;

it("a merged document whose time is over is absent also after a restart, before any further merge", async () => {
  let aheadMs = 0;
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
  const engine = startMemoryEngine({ clock });
  const stateOf = (id: string) => engine.service.document({ tenant }, id as DocumentId);
  try {
    const publish = async (id: string, expiresAt?: string) => {
      const json = { id, text: "The lift opens at nine.", expires_at: expiresAt };
      const payload = new TextEncoder().encode(JSON.stringify(json));
      const { seq } = await engine.service.publish(tenant, { payload });
      await engine.event(seq);
    };
    await publish("brief", new Date(clock.nowMs() + 3_600_000).toISOString());
    await publish("lasting");
    expect(await engine.merges.force(tenant)).toMatchObject({ kind: "merged", upserts: 2 });
    const waits = { timeout: 20_000 };
    // Once it is confirmed the next owner replays nothing of it.
    const hotDocuments = () =>
      engine.service.status().tenants.find((each) => each.tenant === tenant)?.hot.documents;
    await expect.poll(hotDocuments, waits).toBe(0);
    await engine.restart();
    const visible = { status: "visible", shard: "cold" };
    await expect.poll(() => stateOf("brief").catch(() => undefined), waits).toMatchObject(visible);
    aheadMs = 3_600_001;
    expect(await stateOf("brief")).toMatchObject({ id: "brief", status: "absent" });
    expect(await stateOf("lasting")).toMatchObject(visible);
    // While cold is away its documents are what the heads say.
    engine.cold.setDown(true);
    expect(await stateOf("lasting")).toMatchObject(visible);
  } finally {
    await engine.stop();
  }
});
