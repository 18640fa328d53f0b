/**
 * The half of a scrub that follows the log: what its records say that cold must hold is read back, and what is
 * missing is written again. Ids are immutable, so repeating a window is harmless.
 */

import { FreshetError } from "../src/contract/errors.ts";
import type { Position, TenantId, Version } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import { incomplete } from "../src/contract/merge.ts";
import type { ScrubLogResult } from "../src/contract/scrub.ts";
import type { Heads } from "../src/log/heads.ts";
import type { MergePorts } from "./context.ts";
import { logNowMs } from "./log-time.ts";
import { fingerprintOfHeader, readBoundedHeaders } from "./merge-headers.ts";
import type { LiveUpsert } from "./merge-plan.ts";
import { readBack } from "./read-back.ts";
import { refusedAmong, writeRefusedLetters } from "./refused-documents.ts";
import { readScrubbed } from "./scrub-standing.ts";
import { writeRecords } from "./write-range.ts";

export interface ScrubLogRequest {
  readonly tenant: TenantId;
  /** Where to go on: a position of the tenant, or that before its oldest record. */
  readonly after: Position;
  readonly to: Position;
  /** Age from which a record is known to every owner that answers, milliseconds. */
  readonly settleMs: number;
}

/** One window of records. @throws FreshetError broken_chain, cold_unavailable, log_unavailable, log_identity */
export async function scrubLog(
  ports: MergePorts,
  request: ScrubLogRequest,
): Promise<ScrubLogResult> {
  const { tenant, after, to, settleMs } = request;
  const { heads, revision } = await readScrubbed(ports, tenant);
  const { headers } = await readBoundedHeaders(ports, { tenant, from: after, to });
  const live = headers.filter((header): header is LiveUpsert => isLive(heads, header));
  const found = await readBack(ports, tenant, live);
  const { repaired, refused } = await repair(ports, tenant, found.lost);
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

function isLive(heads: Heads, header: LiveUpsert | Parameters<typeof fingerprintOfHeader>[0]) {
  if (header.kind !== "upsert") return false;
  const fingerprint = fingerprintOfHeader(header);
  return fingerprint !== null && heads.get(fingerprint) === header.version;
}

/**
 * Writes all chunks of each document that lacked one. What cold took once and refuses now has a dead letter, once; the
 * scrub says so, and nobody tries it again before the next one.
 */
async function repair(
  ports: MergePorts,
  tenant: TenantId,
  lost: readonly LiveUpsert[],
): Promise<{ readonly repaired: number; readonly refused: number }> {
  const [first] = lost;
  const end = lost.at(-1);
  if (first === undefined || end === undefined) return { repaired: 0, refused: 0 };
  const range = { tenant, after: first.previous, to: end.position };
  const { written, refused } = await writeRecords(ports, range, {
    live: lost,
    objectsMax: limits.mergeChunksMax,
  });
  const refusedOnes = refusedAmong(lost, refused);
  await writeRefusedLetters(ports, refusedOnes);
  const taken = lost.filter((record) => !refusedOnes.includes(record));
  const again = await readBack(ports, tenant, taken);
  if (again.lost.length > 0) throw new FreshetError(incomplete.code, incomplete.message);
  return { repaired: written, refused: refusedOnes.length };
}
