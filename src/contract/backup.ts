/**
 * What a backup consists of: its index, which names everything else by what it holds. An index is
 * written last, so what has none is no backup.
 */

import { z } from "zod";

/** Of a folder or bucket that holds backups. */
export const storeSchema = z.object({ freshet: z.literal("backups"), format: z.number() });

/** Raised when an older Freshet could not restore it. */
export const backupFormat = 1;

/** What every index of every format says. */
export const backupClaimSchema = z.looseObject({ format: z.number(), id: z.string() });

/** A part in the store: its name is the SHA-256 of its bytes. */
const partSchema = z.object({
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().min(0),
  /** Messages or objects in it. */
  count: z.int().min(0),
});

export type BackupPart = z.infer<typeof partSchema>;

const streamSchema = z.object({
  name: z.string(),
  /** As nats-server told it. */
  config: z.record(z.string(), z.unknown()),
  firstSeq: z.int().min(0),
  lastSeq: z.int().min(0),
  messages: z.int().min(0),
  /** As the parts have them; the stream itself counts some more for each message. */
  bytes: z.int().min(0),
  /** Entries of an archive (src/log/wire/archive.ts), in the order of their sequences. */
  parts: z.array(partSchema),
});

export type BackupStream = z.infer<typeof streamSchema>;

const mergedSchema = z.object({
  /** The message of the manifest: its body in Base64, and its headers. */
  manifest: z.object({ body: z.string(), headers: z.record(z.string(), z.string()) }),
  to: z.int().min(0),
  /** Heads pieces, by the digest that the manifest names. */
  pieces: z.array(z.object({ digest: z.string(), part: partSchema })),
  documents: z.int().min(0),
  objects: z.int().min(0),
  /** Documents of the heads of which cold had not every chunk. */
  lacking: z.int().min(0),
  /** Pages of objects (src/cold/object-page.ts), in the order of their ids. */
  pages: z.array(partSchema),
});

export type BackupMerged = z.infer<typeof mergedSchema>;

const tenantSchema = z.object({
  tenant: z.string(),
  /**
   * What a restored log holds of this tenant ends here: the DOCS sequence of its newest operation.
   * 0: DOCS holds none any more, all of them are processed.
   */
  seq: z.int().min(0),
  /** Up to here its operations are processed: the rest is, by the engine that starts. */
  cursor: z.int().min(0),
  /** Its newest record; 0: there is none. */
  position: z.int().min(0),
  /** Erased, or being erased: nothing of it is read from cold. */
  isErased: z.boolean().optional(),
  /** What keeps it from being restored as it was; the others are not concerned. */
  fault: z.string().optional(),
  /** Absent before its first merge. */
  merged: mergedSchema.optional(),
});

export type BackupTenant = z.infer<typeof tenantSchema>;

export const backupSchema = z.object({
  format: z.literal(backupFormat),
  id: z.string(),
  createdAt: z.iso.datetime(),
  /** Of the programs that made it. */
  versions: z.object({ freshet: z.string(), nats: z.string() }),
  deployment: z.string(),
  partitions: z.int().min(1),
  /** Of the vectors in cold; 0 where it holds none. */
  dimensions: z.int().min(0),
  /** No operation with a higher DOCS sequence is in it. */
  seq: z.int().min(0),
  streams: z.array(streamSchema),
  tenants: z.array(tenantSchema),
});

export type Backup = z.infer<typeof backupSchema>;

// --- streams as they are copied ----------------------------------------------------------------

export interface CopiedState {
  readonly messages: number;
  readonly bytes: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export interface CopiedMessage {
  readonly subject: string;
  readonly seq: number;
  /** As they stand on the wire. */
  readonly headers: Uint8Array;
  readonly body: Uint8Array;
  /** All of it, as an entry of an archive. */
  readonly raw: Uint8Array;
}
