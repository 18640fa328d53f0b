/** What a scrub compares cold with: the heads at the watermark, as of one manifest. */

import type { TenantId } from "../src/contract/ids.ts";
import type { Manifest } from "../src/contract/manifest.ts";
import { emptyManifest } from "../src/contract/manifest.ts";
import { Heads } from "../src/log/heads.ts";
import { readHeads } from "../src/log/heads-reading.ts";
import type { MergePorts } from "./context.ts";

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
