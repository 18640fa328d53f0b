/**
 * Whether cold holds what an erase of documents is about to remove from the log (ED5 of
 * `documents.ts`). The manifest alone does not tell: what it once confirmed may be lost since, with
 * a disk of Weaviate or by a restore, and is then merged again out of these records.
 */

import { FreshetError } from "../../src/contract/errors.ts";
import type { Position, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { emptyManifest } from "../../src/contract/manifest.ts";
import { backoffMs } from "../../src/runtime/backoff.ts";
import type { MergePorts } from "../context.ts";
import { readUnlessBroken } from "../merge/range.ts";
import { scrubLog } from "../scrub/log-pass.ts";
import type { ErasePorts } from "./tenant.ts";

/** `partly`: cold lost some of it, and the log no longer holds all that was lost. */
type Standing = "whole" | "repairable" | "partly";

async function standingOf(ports: MergePorts, name: TenantId, below: Position): Promise<Standing> {
  const { to } = (await ports.log.manifests.get(name))?.manifest ?? emptyManifest;
  const from = (await ports.cold.readMarker(name))?.to ?? (0 as Position);
  if (from >= Math.min(below, to)) return "whole";
  const lost = await readUnlessBroken(ports, { tenant: name, from, to });
  return lost === null ? "partly" : "repairable";
}

/** Whether no merge has to repair cold first; else one is asked for. */
export async function isRepaired(
  ports: ErasePorts,
  name: TenantId,
  below: Position,
): Promise<boolean> {
  return (await look(ports, name, below)) !== "repairable";
}

async function look(ports: ErasePorts, name: TenantId, below: Position): Promise<Standing> {
  const standing = await standingOf(ports, name, below);
  if (standing === "repairable") await ports.requestMerge(name);
  return standing;
}

/**
 * Resolves when nothing is lost with the records below: then they may go.
 * @throws FreshetError not_ready (it is to be asked again), cold_unavailable, log_unavailable
 */
export async function awaitWhole(
  ports: ErasePorts,
  name: TenantId,
  below: Position,
): Promise<void> {
  const pauses = { backoffMinMs: limits.erasePauseMinMs, backoffMaxMs: limits.erasePauseMaxMs };
  for (let looks = 1; ; looks += 1) {
    const standing = await look(ports, name, below);
    if (standing === "whole") return;
    if (standing === "partly") return writeHeld(ports, name, below);
    if (looks >= (ports.looksMax ?? Number.POSITIVE_INFINITY)) throw new FreshetError("not_ready");
    ports.heartbeat({ done: looks - 1, total: looks - 1 });
    await ports.clock.sleep(backoffMs(pauses, looks - 1), ports.signal());
    ports.signal()?.throwIfAborted();
  }
}

/** Out of what the log holds still, as a scrub does: no merge repairs a range with gaps. */
async function writeHeld(ports: MergePorts, name: TenantId, below: Position): Promise<void> {
  const first = await ports.log.chunks.first(name);
  if (first === null) return;
  for (let after = first.previous; after < below; ) {
    ports.signal()?.throwIfAborted();
    const window = { tenant: name, after, to: below, settleMs: 0 };
    ({ through: after } = await scrubLog(ports, window));
  }
}
