/**
 * Writing again what a read-back missed.
 *
 *   RP1  nothing is deleted for it: an attempt that is paused between its look and its act must not
 *        be able to take away what another one has repaired, verified and committed meanwhile. What
 *        is stored and not found is written anew in place (`ColdShard.rewrite`), and what was found
 *        is left alone;
 *   RP2  a document that cold refuses now gets one dead letter, and does not hold up the rest.
 */

import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { incomplete } from "../../src/contract/merge.ts";
import type { MergePorts } from "../context.ts";
import { refusedAmong, writeRefusedDeadLetters } from "./dead-letters.ts";
import { type ReadBack, readBack } from "./verify.ts";
import { writeRecords } from "./write.ts";

export interface Repaired {
  /** Objects written again; all of them were then found. */
  readonly repaired: number;
  /** Documents that cold took once and refuses now. */
  readonly refused: number;
}

/** @throws FreshetError cold_unavailable, broken_chain, cold_refused (too many) */
export async function repair(
  ports: MergePorts,
  tenant: TenantId,
  { lost, missing }: Pick<ReadBack, "lost" | "missing">,
): Promise<Repaired> {
  const [first] = lost;
  const end = lost.at(-1);
  if (first === undefined || end === undefined) return { repaired: 0, refused: 0 };
  await ports.cold.ensureTenant(tenant);
  const range = { tenant, after: first.previous, to: end.position };
  const { written: repaired, refused } = await writeRecords(ports, range, {
    live: lost,
    objectsMax: limits.mergeChunksMax,
    only: missing,
  });
  const refusedOnes = refusedAmong(lost, refused);
  await writeRefusedDeadLetters(ports, refusedOnes);
  const taken = lost.filter((record) => !refusedOnes.includes(record));
  const again = await readBack(ports, tenant, taken);
  if (again.lost.length > 0) throw new FreshetError(incomplete.code, incomplete.message);
  return { repaired, refused: refusedOnes.length };
}
