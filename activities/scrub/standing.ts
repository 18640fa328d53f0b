/** What a scrub compares cold with: the heads at the watermark, as of one manifest. */

import type { TenantId } from "../../src/contract/ids.ts";
import { emptyManifest, type Manifest } from "../../src/contract/manifest.ts";
import type { RecordHeader } from "../../src/contract/record.ts";
import { Heads } from "../../src/heads/heads.ts";
import { readHeads } from "../../src/heads/read-heads.ts";
import type { MergePorts } from "../context.ts";
import { fingerprintOfHeader, type LiveUpsert } from "../merge/range.ts";

export interface Scrubbed {
  readonly manifest: Manifest;
  readonly revision: number;
  readonly heads: Heads;
}

/** @throws FreshetError log_unavailable, log_identity */
export async function readScrubbed(ports: MergePorts, tenant: TenantId): Promise<Scrubbed> {
  const stored = await ports.log.manifests.get(tenant);
  if (stored === null) return { manifest: emptyManifest, revision: 0, heads: new Heads() };
  const heads = await readHeads(ports.log.manifests, tenant, stored.manifest.pieces);
  return { ...stored, heads };
}

/** The upserts that are the newest operation of their documents, as the heads have it. */
export function liveIn(heads: Heads, headers: readonly RecordHeader[]): readonly LiveUpsert[] {
  return headers.filter((header): header is LiveUpsert => {
    if (header.kind !== "upsert") return false;
    const fingerprint = fingerprintOfHeader(header);
    return fingerprint !== null && heads.get(fingerprint) === header.version;
  });
}
