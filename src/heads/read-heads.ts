/** Reading the pieces that a manifest names: several at a time, in its order. */

import { FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { HeadsPiece } from "../contract/manifest.ts";
import type { ManifestStore } from "../log/port.ts";
import { forEachAtMost } from "../runtime/for-each.ts";
import type { Heads } from "./heads.ts";
import { decodePieces, headsEntryBytes, type ReadPiece, runOf } from "./pieces.ts";

/**
 * @throws FreshetError log_identity when a piece is missing, damaged or of another size;
 * log_unavailable
 */
export async function readPieces(
  manifests: Pick<ManifestStore, "getPiece">,
  tenant: TenantId,
  pieces: readonly HeadsPiece[],
): Promise<readonly ReadPiece[]> {
  const found: ReadPiece[] = [];
  await forEachAtMost(pieces.entries(), limits.headsPiecesInFlight, async ([at, piece]) => {
    const bytes = await manifests.getPiece(tenant, piece.digest);
    if (bytes.byteLength !== piece.entries * headsEntryBytes) {
      const message = "a heads piece has not the size that its manifest says";
      throw new FreshetError("log_identity", message);
    }
    found[at] = { piece, bytes };
  });
  return found;
}

/** @throws FreshetError log_identity, log_unavailable */
export async function readHeads(
  manifests: Pick<ManifestStore, "getPiece">,
  tenant: TenantId,
  pieces: readonly HeadsPiece[],
): Promise<Heads> {
  const found = await readPieces(manifests, tenant, pieces);
  return decodePieces(
    found.map(({ bytes }) => bytes),
    found.map(({ piece }) => runOf(piece)),
  );
}
