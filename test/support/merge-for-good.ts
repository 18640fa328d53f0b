/** A merge of a site's tenant, until cold holds it for good. */

import { expect } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import { confirmedTo } from "../../src/contract/manifest.ts";
import type { Site } from "./engine-process.ts";
import { eventually } from "./promises.ts";

export async function mergeForGood(
  { merges, log }: Pick<Site, "merges" | "log">,
  tenant: TenantId,
): Promise<void> {
  await merges.force(tenant);
  await eventually(async () => {
    const stored = await log.manifests.get(tenant);
    expect(stored && confirmedTo(stored.manifest)).toBe(stored?.manifest.to);
    expect(stored?.manifest.to).toBeGreaterThan(0);
  });
}
