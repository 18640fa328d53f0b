/** What every cold shard promises of the marker; a part of `describeColdShard`. */

import { expect, test } from "vitest";
import { type Position, position } from "../../src/contract/ids.ts";
import type { ColdBench } from "./conformance-search.ts";
import { freshTenant, version } from "./objects.ts";

const incarnation = 2 ** 40;

export function describeColdMarker({
  cold,
  filled,
  found,
}: Pick<ColdBench, "cold" | "filled" | "found">): void {
  test("the marker is what was written last, per tenant", async () => {
    const tenant = freshTenant("marker");
    await cold().ensureTenant(tenant);
    expect(await cold().readMarker(tenant)).toBeNull();
    const first = { to: position(incarnation + 3), version: version(incarnation + 9) };
    await cold().writeMarker(tenant, first);
    expect(await cold().readMarker(tenant)).toEqual(first);
    const second = { to: (first.to + 1) as Position, version: version(incarnation + 12) };
    await cold().writeMarker(tenant, second);
    expect(await cold().readMarker(tenant)).toEqual(second);
    expect(await found(tenant)).toEqual([]);
    expect(await cold().readMarker(freshTenant("marker"))).toBeNull();
  });

  test("the marker is no object: walks of every page size, counts and searches are as without it", async () => {
    const { tenant, objects } = await filled("markedtoo", [{ id: "a" }, { id: "b" }, { id: "c" }]);
    await cold().writeMarker(tenant, { to: position(3), version: version(3) });
    const ids = objects.map(({ id }) => id).toSorted();
    for (const limit of [1, 2, 3, 4, 10]) {
      const walked: string[] = [];
      for (;;) {
        const page = await cold().walk(tenant, { after: walked.at(-1) ?? null, limit });
        if (page.length === 0) break;
        expect(page.length).toBeLessThanOrEqual(limit);
        walked.push(...page.map(({ id }) => id));
      }
      expect(walked).toEqual(ids);
    }
    expect(await cold().count(tenant)).toBe(3);
    expect(await found(tenant)).toEqual(["a", "b", "c"]);
    await cold().deleteIds(tenant, ids);
    expect(await cold().walk(tenant, { after: null, limit: 1 })).toEqual([]);
    expect(await cold().count(tenant)).toBe(0);
    expect(await cold().readMarker(tenant)).toEqual({ to: 3, version: 3 });
  });
}
