/**
 * The commit of a merge. The order of its effects is what makes every crash point harmless:
 *
 *   CM1  first the dead letters: of the range's rejects, or a note of those that are owed (DL1);
 *        and of what cold refused for good, which no record tells of (DL3);
 *   CM2  then the heads pieces, read back: a manifest never names what is not there;
 *   CM3  then the marker in cold: readers take a marker that is behind the manifest for lost data,
 *        and ignore one that is ahead of it;
 *   CM4  last the manifest, by compare-and-set: the only step that readers see.
 *
 * CM1 to CM3 are idempotent and invisible; a lost answer of CM4 is found out by reading.
 */

import { incarnationOf, type TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import {
  confirmedTo,
  emptyManifest,
  type HeadsPiece,
  type Manifest,
} from "../../src/contract/manifest.ts";
import type { CommitResult } from "../../src/contract/merge.ts";
import type { CommitRequest } from "../../src/contract/merge-steps.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import { HeadsFold, headsEntryBytes, type NextPieces } from "../../src/heads/pieces.ts";
import { readPieces } from "../../src/heads/read-heads.ts";
import type { MergePorts } from "../context.ts";
import {
  announceRefused,
  refusedAmong,
  writeDeadLetters,
  writeRefusedDeadLetters,
} from "./dead-letters.ts";
import { foldHeads, readHeaders } from "./range.ts";

/** @throws FreshetError broken_chain, log_identity, log_unavailable, cold_unavailable */
export async function commitMerge(
  ports: MergePorts,
  request: CommitRequest,
): Promise<CommitResult> {
  const { tenant, from, to, purpose } = request;
  const result = await commit(ports, request);
  ports.logger.info({ tenant, from, to, purpose, result: result.kind }, "merge commit");
  return result;
}

async function commit(ports: MergePorts, request: CommitRequest): Promise<CommitResult> {
  const { tenant, from: after, to } = request;
  const stored = await ports.log.manifests.get(tenant);
  const manifest = stored?.manifest ?? emptyManifest;
  if (request.purpose === "repair") return commitRepair(ports, request, manifest);
  if (manifest.to >= to) return already(manifest);
  const asPlanned = (stored?.revision ?? 0) === request.expectedRevision && manifest.to === after;
  if (!asPlanned) return { kind: "replan" };
  const headers = await readHeaders(ports, request);
  const refused = refusedAmong(headers, request.refused);
  await writeDeadLetters(ports, request, headers);
  await writeRefusedDeadLetters(ports, refused);
  const fold = new HeadsFold(await readPieces(ports.log.manifests, tenant, manifest.pieces));
  await foldExpired(ports, request, fold);
  const { expiredAtMs } = request;
  foldHeads(fold, headers, { refused: new Set(request.refused), expiredAtMs });
  const pieces = await storePieces(ports, tenant, fold.next());
  if (request.marks && !(await mark(ports, request, manifest))) return { kind: "replan" };
  const next: Manifest = {
    format: 2,
    to,
    version: request.version,
    incarnation: incarnationOf(to),
    pieces,
    documents: fold.heads.size,
    workflowId: request.workflowId,
    confirmed: confirmedTo(manifest),
  };
  const result = await compareAndSet(ports, request, next);
  if (result.kind === "committed") announceRefused(ports, refused);
  return result;
}

/**
 * Documents that were merged before and have expired since: their entries go here, their objects
 * when the merge is cleaned up after, so that heads never promise what cold lacks.
 */
async function foldExpired(
  { cold }: MergePorts,
  { tenant, expiredAtMs }: CommitRequest,
  fold: HeadsFold,
): Promise<void> {
  if (expiredAtMs === undefined) return;
  const page = { atMs: expiredAtMs, limit: limits.mergeExpiredMax };
  for (const { documentId, version } of await cold.expired(tenant, page)) {
    const fingerprint = fingerprintOf(tenant, documentId);
    if (fold.heads.get(fingerprint) !== version) continue;
    fold.apply({ kind: "delete", version, fingerprint });
  }
}

async function compareAndSet(
  ports: MergePorts,
  { tenant, to, expectedRevision }: CommitRequest,
  next: Manifest,
): Promise<CommitResult> {
  const outcome = await ports.log.manifests.commit(tenant, next, expectedRevision);
  if (outcome === "committed") {
    return { kind: "committed", documents: next.documents, unconfirmed: true };
  }
  const current = (await ports.log.manifests.get(tenant))?.manifest ?? emptyManifest;
  return current.to >= to ? already(current) : { kind: "replan" };
}

function already(manifest: Manifest): CommitResult {
  const isConfirmed = confirmedTo(manifest) >= manifest.to;
  return isConfirmed ? { kind: "already" } : { kind: "already", unconfirmed: true };
}

/**
 * A repair lies at or below the watermark: the manifest is right already, only the marker follows.
 * A document that cold refuses now and took before stays in the heads, which harms nothing: its
 * dead letter says what became of it.
 */
async function commitRepair(
  ports: MergePorts,
  request: CommitRequest,
  manifest: Manifest,
): Promise<CommitResult> {
  const { tenant, to, version } = request;
  if (to > manifest.to) return { kind: "replan" };
  if (request.refused !== undefined) {
    const refused = refusedAmong(await readHeaders(ports, request), request.refused);
    await writeRefusedDeadLetters(ports, refused);
  }
  const marker = await ports.cold.readMarker(tenant);
  if ((marker?.to ?? 0) >= to) return { kind: "already" };
  await ports.cold.writeMarker(tenant, { to, version });
  return { kind: "committed", documents: manifest.documents };
}

/** False when cold lost data since the plan: then the marker may not move before a repair. */
async function mark(
  ports: MergePorts,
  { tenant, to, version }: CommitRequest,
  manifest: Manifest,
): Promise<boolean> {
  const marker = await ports.cold.readMarker(tenant);
  const markedTo = marker?.to ?? 0;
  if (markedTo < manifest.to) return false;
  // Never backwards: an attempt that stopped before its compare-and-set may have marked further
  // ahead.
  if (markedTo < to) await ports.cold.writeMarker(tenant, { to, version });
  return true;
}

async function storePieces(
  { log }: MergePorts,
  tenant: TenantId,
  { kept, written, run }: NextPieces,
): Promise<HeadsPiece[]> {
  const pieces = [...kept];
  for (const bytes of written) {
    const digest = await log.manifests.putPiece(tenant, bytes);
    pieces.push({ digest, entries: bytes.byteLength / headsEntryBytes, run });
  }
  return pieces;
}
