/** The merged part of one tenant: its manifest, the heads that it names, and what cold holds. */

import type { ObjectCopies } from "../../compose/backup.ts";
import type { BackupMerged } from "../../contract/backup.ts";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { confirmedTo, type Manifest } from "../../contract/manifest.ts";
import { fingerprintOf } from "../../heads/fingerprint.ts";
import type { Heads } from "../../heads/heads.ts";
import { decodePieces, runOf } from "../../heads/pieces.ts";
import { readPieces } from "../../heads/read-heads.ts";
import type { ManifestStore } from "../../log/port.ts";
import { decodeManifest, encodeManifest } from "../../log/wire/manifest.ts";
import { CliError } from "../exit.ts";
import type { Parts } from "./store.ts";

export interface MergedSources {
  readonly manifests: Pick<ManifestStore, "get" | "getPiece">;
  readonly objects: Pick<ObjectCopies, "pages">;
  readonly parts: Parts;
  readonly signal: AbortSignal;
  readonly onObjects: (tenant: TenantId, objects: number) => void;
}

export interface KeptMerged extends BackupMerged {
  readonly dimensions: number;
}

/**
 * As of one manifest. A merge that commits meanwhile takes away what only older heads name: then
 * the tenant is read again.
 * @throws CliError when merges are faster than this; FreshetError log_unavailable, log_identity,
 * cold_unavailable
 */
export async function keepMerged(
  sources: MergedSources,
  tenant: TenantId,
): Promise<KeptMerged | undefined> {
  const { manifests } = sources;
  for (let attempt = 1; attempt <= limits.backupTenantAttemptsMax; attempt += 1) {
    const stored = await manifests.get(tenant);
    if (stored === null || stored.manifest.to === 0) return undefined;
    const kept = await keepAsOf(sources, tenant, stored.manifest).catch(async (thrown) => {
      // A piece that an older manifest names may have been swept.
      const now = await manifests.get(tenant);
      if (now?.revision === stored.revision) throw thrown;
      return null;
    });
    if (kept === null) continue;
    if (kept.lacking === 0 || (await manifests.get(tenant))?.revision === stored.revision) {
      return kept;
    }
  }
  const advice = `pause them meanwhile (freshet merge --pause ${tenant}, then --resume)`;
  throw new CliError(`merges of ${tenant} are faster than its backup: ${advice}`);
}

async function keepAsOf(
  { manifests, objects, parts, signal, onObjects }: MergedSources,
  tenant: TenantId,
  manifest: Manifest,
): Promise<KeptMerged> {
  const found = await readPieces(manifests, tenant, manifest.pieces);
  const pieces: BackupMerged["pieces"] = [];
  for (const { piece, bytes } of found) {
    pieces.push({ digest: piece.digest, part: await parts.write(bytes, piece.entries) });
  }
  const heads = headsIn(found);
  const counts = { objects: 0, documents: 0, chunksDue: 0, dimensions: 0 };
  const pages: BackupMerged["pages"] = [];
  const isLive = (id: Parameters<typeof fingerprintOf>[1], version: number): boolean =>
    heads.get(fingerprintOf(tenant, id)) === version;
  if (heads.size > 0) {
    for await (const page of objects.pages({ tenant, isLive })) {
      signal.throwIfAborted();
      pages.push(await parts.write(page.bytes, page.objects));
      counts.objects += page.objects;
      counts.documents += page.documents;
      counts.chunksDue += page.chunksDue;
      counts.dimensions = page.dimensions;
      onObjects(tenant, page.objects);
    }
  }
  const { payload, headers } = encodeManifest(manifest);
  const missing = heads.size - counts.documents;
  const { dimensions } = counts;
  return {
    manifest: { body: Buffer.from(payload).toString("base64"), headers },
    ...{ to: manifest.to, pieces, pages, dimensions },
    ...{ documents: heads.size, objects: counts.objects },
    // A document without its first chunk counts once, a chunk that is missing of another one too.
    lacking: Math.max(0, missing) + Math.abs(counts.chunksDue - counts.objects),
  };
}

function headsIn(found: Awaited<ReturnType<typeof readPieces<Manifest["pieces"][number]>>>): Heads {
  return decodePieces(
    found.map(({ bytes }) => bytes),
    found.map(({ piece }) => runOf(piece)),
  );
}

/** @throws CliError when it is not readable */
export function manifestIn({ manifest }: Pick<BackupMerged, "manifest">): Manifest {
  const body = Buffer.from(manifest.body, "base64");
  const reading = decodeManifest(body, (name) => manifest.headers[name]);
  if (reading.kind === "manifest") return reading.manifest;
  throw new CliError("a manifest of this backup is damaged, or of a later Freshet");
}

export const confirmedIn = (merged: BackupMerged | undefined): number =>
  merged === undefined ? 0 : confirmedTo(manifestIn(merged));
