import { expect, it } from "vitest";
import { FreshetError } from "../../../src/contract/errors.ts";
import type { StoredEvent } from "../../../src/contract/events.ts";
import { tenantId, version } from "../../../src/contract/ids.ts";
import { TenantEventBus } from "../../../src/gateway/mcp/event-bus.ts";
import { systemClock } from "../../../src/runtime/clock.ts";

it("MN1: a change that came while the log was away is heard of, also as the first", async () => {
  const change: StoredEvent = { id: "a", seq: version(8), status: "visible", at: "" };
  let reads = 0;
  const bus = new TenantEventBus({
    tenant: tenantId("demo"),
    clock: { ...systemClock, sleep: () => systemClock.turn() },
    handler: {
      lastVersion: async () => version(7 + reads),
      events: async function* (_reader, { after, signal }) {
        reads += 1;
        yield [];
        if (reads === 1) throw new FreshetError("log_unavailable");
        // Meanwhile the document with seq 8 has changed: who reads from now on does not hear of it.
        if (Number(after ?? 8) < 8) yield [change];
        await systemClock.sleep(60_000, signal);
      },
    },
  });
  const heard = Promise.withResolvers<unknown>();
  const leave = bus.subscribe(heard.resolve);
  const late = systemClock.sleep(1_000).then(() => "nothing");
  const uri = "freshet://demo/documents/a";
  expect(await Promise.race([heard.promise, late])).toEqual({ kind: "resource_updated", uri });
  leave();
});
