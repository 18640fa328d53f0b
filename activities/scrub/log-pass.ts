/**
 * The half of a scrub that follows the log: what its records say that cold must hold is read back,
 * and what is missing is written again. Ids are immutable, so repeating a window is harmless.
 */

import type { Version } from "../../src/contract/ids.ts";
import type { ScrubLogRequest, ScrubLogResult } from "../../src/contract/scrub.ts";
import { logNowMs, type MergePorts } from "../context.ts";
import { readBoundedHeaders } from "../merge/range.ts";
import { repair } from "../merge/repair.ts";
import { readBack } from "../merge/verify.ts";
import { liveIn, readScrubbed } from "./standing.ts";

/**
 * One window of records.
 * @throws FreshetError broken_chain, cold_unavailable, log_unavailable, log_identity
 */
export async function scrubLog(
  ports: MergePorts,
  request: ScrubLogRequest,
): Promise<ScrubLogResult> {
  const { tenant, after, to, settleMs } = request;
  const { heads, revision } = await readScrubbed(ports, tenant);
  const { headers } = await readBoundedHeaders(ports, { tenant, from: after, to });
  const live = liveIn(heads, headers);
  const found = await readBack(ports, tenant, live);
  const { repaired, refused } = await repair(ports, tenant, found);
  const oldBeforeMs = (await logNowMs(ports)) - settleMs;
  const settled = headers.findLast(({ atMs }) => atMs <= oldBeforeMs);
  return {
    revision,
    checked: found.checked,
    repaired,
    ...(refused === 0 ? {} : { refused }),
    through: headers.at(-1)?.position ?? to,
    settledVersion: settled?.version ?? (0 as Version),
  };
}
