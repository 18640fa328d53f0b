/**
 * Writing again what a read-back missed.
 *
 *   RP1  nothing is deleted for it: an attempt that is paused between its look and its act must not be able to take away
 *        what another one has repaired, verified and committed meanwhile. What is stored and not found is written anew
 *        in place (`ColdShard.rewrite`), and what was found is left alone.
 */

import { FreshetError } from "../src/contract/errors.ts";
import type { TenantId } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import { incomplete } from "../src/contract/merge.ts";
import type { MergePorts } from "./context.ts";
import { type ReadBack, readBack } from "./read-back.ts";
import { writeRecords } from "./write-range.ts";

/** Objects written again; all of them were then found. @throws FreshetError cold_unavailable, broken_chain */
export async function repair(
  ports: MergePorts,
  tenant: TenantId,
  { lost, missing }: Pick<ReadBack, "lost" | "missing">,
): Promise<number> {
  const [first] = lost;
  const end = lost.at(-1);
  if (first === undefined || end === undefined) return 0;
  await ports.cold.ensureTenant(tenant);
  const range = { tenant, after: first.previous, to: end.position };
  const { written } = await writeRecords(ports, range, {
    live: lost,
    objectsMax: limits.mergeChunksMax,
    only: missing,
  });
  const again = await readBack(ports, tenant, lost);
  if (again.lost.length > 0) throw new FreshetError(incomplete.code, incomplete.message);
  return written;
}
