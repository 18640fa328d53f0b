/** What a message under a tenant's manifest subject is. Pure. */

import { z } from "zod";
import { FreshetError } from "../contract/errors.ts";
import { type Manifest, manifestSchema } from "../contract/manifest.ts";
import { jsonIn } from "./json-message.ts";

/** What every manifest of any version says. */
const claimSchema = z.looseObject({ format: z.number(), to: z.number() });

export type ManifestReading =
  | { readonly kind: "manifest"; readonly manifest: Manifest }
  /** A manifest of a later version, or a damaged one: an older one in its place would take back a merge. */
  | { readonly kind: "unreadable" }
  | { readonly kind: "foreign" };

/** @param confirmed what travels beside the body, where it does */
export function readManifest(data: Uint8Array, confirmed?: number): ManifestReading {
  const body = jsonIn(manifestSchema, data);
  if (body !== undefined) {
    const manifest = confirmed === undefined ? body : confirmedManifest(body, confirmed);
    return manifest === undefined ? { kind: "unreadable" } : { kind: "manifest", manifest };
  }
  return { kind: jsonIn(claimSchema, data) === undefined ? "foreign" : "unreadable" };
}

export function unreadableManifest(tenant: string, revision: number): FreshetError {
  const message = `manifest ${revision} of tenant ${tenant} is not readable; see ops/runbooks/quarantined-record.md`;
  return new FreshetError("broken_chain", message, { details: { tenant, revision } });
}

function confirmedManifest(body: Manifest, confirmed: number): Manifest | undefined {
  return manifestSchema.safeParse({ ...body, confirmed }).data;
}
