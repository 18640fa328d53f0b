/** A cold shard from when on each node of its cluster can answer. */

import type { ColdShard } from "../../src/cold/port.ts";
import { eventually } from "../support/promises.ts";
import { direction, freshTenant } from "./objects.ts";

/**
 * The first tenant makes the collection, which the nodes of a cluster learn of one after the other:
 * asked meanwhile, they answer that they cannot tell. A tenant lies on one node, these on each.
 */
export async function settled(cold: ColdShard): Promise<void> {
  for (const label of ["first", "second", "third", "fourth", "fifth", "sixth"]) {
    const tenant = freshTenant(label);
    await cold.ensureTenant(tenant);
    await eventually(async () => {
      await cold.search({ tenant, vector: direction(0), text: "text", limit: 1 });
    });
  }
}
