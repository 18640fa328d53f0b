/**
 * What was ingested before, so that unchanged content is not sent again. A memory of the publisher
 * only: losing it costs work, never correctness.
 *
 * It belongs to one log: sequences of another incarnation, or past its end, mean another log or one
 * that lost its tail, and then nothing counts as ingested.
 */

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { incarnationOf, type TenantId } from "../../contract/ids.ts";

const schema = z.object({
  format: z.literal(1),
  /** Newest sequence of these documents. */
  seq: z.int().min(0),
  /** Document id → digest of what was published. */
  digests: z.record(z.string(), z.string()),
});

export interface Seen {
  readonly seq: number;
  readonly digests: ReadonlyMap<string, string>;
}

const nothing: Seen = { seq: 0, digests: new Map() };

export function seenPath(dataDir: string, tenant: TenantId): string {
  return join(dataDir, `ingested-${tenant}.json`);
}

export function readSeen(path: string, lastSequence: number): Seen {
  try {
    const { seq, digests } = schema.parse(JSON.parse(readFileSync(path, "utf8")));
    const sameLog = incarnationOf(seq) === incarnationOf(lastSequence) && seq <= lastSequence;
    return sameLog ? { seq, digests: new Map(Object.entries(digests)) } : nothing;
  } catch {
    return nothing;
  }
}

export function writeSeen(path: string, { seq, digests }: Seen): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify({ format: 1, seq, digests: Object.fromEntries(digests) }));
  renameSync(draft, path);
}

export function digestOf(payload: Uint8Array): string {
  return createHash("sha256").update(payload).digest("base64url");
}

/**
 * The message id of a publish. It holds what was there before: going back to it is a change, not a
 * repetition.
 */
export function messageIdOf(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}
