/**
 * The watermark manifest of a tenant: one small value that says how far the cold shard equals the
 * log, and names the heads that go with it. Watermark and heads can never disagree, because the
 * pieces are immutable, written and read back before the manifest is committed by compare-and-set.
 */

import { z } from "zod";
import type { Position, Version } from "./ids.ts";

const shape = {
  /** 2 since heads are stored as runs; 1, with one run, is read as well. */
  format: z.union([z.literal(1), z.literal(2)]),
  /** The watermark: every CHUNKS record of the tenant up to here is in cold. */
  to: z
    .int()
    .min(0)
    .transform((value) => value as Position),
  /** DOCS version of the record at `to`: the cursor, should CHUNKS hold nothing newer. */
  version: z
    .int()
    .min(0)
    .transform((value) => value as Version),
  /** Incarnation of CHUNKS that `to` belongs to. */
  incarnation: z.int().min(0),
  /**
   * Immutable heads pieces, run by run from the oldest, each run in fingerprint order; empty when
   * no document is live. A newer run's entry overrides an older one's.
   */
  pieces: z.array(
    z.object({
      digest: z.string(),
      entries: z.int().min(1),
      run: z.int().min(0).optional(),
    }),
  ),
  /** Live documents and chunks in cold, for operators; never used for correctness. */
  documents: z.int().min(0),
  /** The workflow that committed it. */
  workflowId: z.string(),
  /**
   * Up to here a second look, `mergeConfirmMs` after the commit, found in cold all that must be
   * there: hot may drop it, and the log may forget it. Absent in manifests of an earlier Freshet,
   * which looked once.
   */
  confirmed: z
    .int()
    .min(0)
    .transform((value) => value as Position)
    .optional(),
};

const knownSchema = z.object(shape);
export type Manifest = z.infer<typeof knownSchema>;

/**
 * Fields of a later Freshet are kept: it may have written the manifest before it was taken back,
 * and a confirmation writes it again. What would change the meaning of the others raises `format`.
 */
export const manifestSchema: z.ZodType<Manifest> = z.looseObject(shape);
export type HeadsPiece = Manifest["pieces"][number];

export function confirmedTo({ to, confirmed }: Pick<Manifest, "to" | "confirmed">): Position {
  return confirmed ?? to;
}

/** What a tenant has before its first merge. */
export const emptyManifest: Manifest = {
  format: 2,
  to: 0 as Position,
  version: 0 as Version,
  incarnation: 0,
  pieces: [],
  documents: 0,
  workflowId: "",
};
