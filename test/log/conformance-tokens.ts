/** The tokens of a tenant's day. */

import { expect, it } from "vitest";
import type { Opened } from "./harness.ts";

export function describeTokens(opened: Opened): void {
  it("the journal of tokens keeps each tenant's newest day, which is no manifest", async () => {
    const { log, other } = opened.harness;
    const tenant = opened.tenant();
    expect(await log.tokens.get(tenant)).toBeNull();
    await log.tokens.put(tenant, { day: 20_000, tenant: 12, credentials: {} });
    const newest = { day: 20_000, tenant: 30, credentials: { "token:0123456789ab": 18 } };
    await other.tokens.put(tenant, newest);
    expect(await log.tokens.get(tenant)).toEqual(newest);
    expect(await log.tokens.get(opened.tenant())).toBeNull();
    expect(await log.manifests.tenants()).not.toContain(tenant);
  });
}
