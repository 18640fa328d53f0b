/** Reading the pieces that a manifest names: several at a time, in its order. */

import { FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { HeadsPiece } from "../contract/manifest.ts";
import type { ManifestStore } from "../log/port.ts";
import type { Heads } from "./heads.ts";
import { decodePieces, headsEntryBytes, runOf } from "./pieces.ts";

/** What names a piece: its digest, and its size and run where they are known. */
type NamedPiece = Pick<HeadsPiece, "digest"> & Partial<HeadsPiece>;

interface FoundPiece<Piece> {
  readonly piece: Piece;
  readonly bytes: Uint8Array;
}

/**
 * @throws FreshetError log_identity when a piece is missing, damaged or of another size;
 *   log_unavailable
 */
export async function readPieces<Piece extends NamedPiece>(
  manifests: Pick<ManifestStore, "getPiece">,
  tenant: TenantId,
  pieces: readonly Piece[],
): Promise<readonly FoundPiece<Piece>[]> {
  const found: FoundPiece<Piece>[] = [];
  const atOnce = limits.headsPiecesInFlight;
  for (let at = 0; at < pieces.length; at += atOnce) {
    const reading = pieces.slice(at, at + atOnce).map(async (piece) => {
      const bytes = await manifests.getPiece(tenant, piece.digest);
      const { entries = bytes.byteLength / headsEntryBytes } = piece;
      if (bytes.byteLength === entries * headsEntryBytes) return { piece, bytes };
      const message = "a heads piece has not the size that its manifest says";
      throw new FreshetError("log_identity", message);
    });
    found.push(...(await Promise.all(reading)));
  }
  return found;
}

/** @throws FreshetError log_identity, log_unavailable */
export async function readHeads(
  manifests: Pick<ManifestStore, "getPiece">,
  tenant: TenantId,
  pieces: readonly NamedPiece[],
): Promise<Heads> {
  const found = await readPieces(manifests, tenant, pieces);
  return decodePieces(
    found.map(({ bytes }) => bytes),
    found.map(({ piece }) => runOf(piece)),
  );
}
