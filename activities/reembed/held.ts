/**
 * Documents that a walk through cold has not met, and of which the log has the records still. The
 * next scrub would write them into cold again, but a build that went on before it would leave them
 * out, and with the old generation they would be gone (GX2).
 */

import type { Position, TenantId, Version } from "../../src/contract/ids.ts";
import type { Heads } from "../../src/heads/heads.ts";
import type { MergePorts } from "../context.ts";
import { readBoundedHeaders } from "../merge/range.ts";
import { repair } from "../merge/repair.ts";
import { readBack } from "../merge/verify.ts";
import { liveIn } from "../scrub/standing.ts";

/**
 * Writes them into cold, from where the next walk takes them.
 * @throws FreshetError cold_unavailable, log_unavailable, broken_chain
 */
export async function writeHeld(
  ports: MergePorts,
  name: TenantId,
  of: { readonly heads: Heads; readonly missing: Iterable<Version>; readonly to: Position },
): Promise<void> {
  const { heads, to } = of;
  const missing = new Set(of.missing);
  const first = await ports.log.chunks.first(name);
  if (first === null || missing.size === 0) return;
  for (let after = first.previous; after < to; ) {
    ports.signal()?.throwIfAborted();
    const { headers } = await readBoundedHeaders(ports, { tenant: name, from: after, to });
    const live = liveIn(heads, headers).filter(({ version }) => missing.has(version));
    await repair(ports, name, await readBack(ports, name, live));
    after = headers.at(-1)?.position ?? to;
  }
}
