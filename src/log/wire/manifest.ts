/** A manifest as it is stored: its body, and a header for what came later. Pure. */

import { z } from "zod";
import { FreshetError } from "../../contract/errors.ts";
import { type Manifest, manifestSchema } from "../../contract/manifest.ts";
import { decodeJson, encodeJson } from "./json.ts";
import type { ReadHeader, WireHeaders } from "./record.ts";

/** What every manifest of any version says. */
const claimSchema = z.looseObject({ format: z.number(), to: z.number() });

/**
 * Where `confirmed` lies: in a header, because an engine of the release before refuses a body with
 * a field that it does not know.
 */
const confirmedHeader = "Freshet-Confirmed";

export type ManifestReading =
  | { readonly kind: "manifest"; readonly manifest: Manifest }
  /**
   * One of a later version, or a damaged one: an older one in its place would take back a merge.
   */
  | { readonly kind: "unreadable" }
  | { readonly kind: "foreign" };

export interface ManifestMessage {
  readonly payload: Uint8Array;
  readonly headers: WireHeaders;
}

export function encodeManifest({ confirmed, ...body }: Manifest): ManifestMessage {
  const headers = confirmed === undefined ? {} : { [confirmedHeader]: String(confirmed) };
  return { payload: encodeJson(body), headers };
}

export function decodeManifest(
  data: Uint8Array,
  read: ReadHeader = () => undefined,
): ManifestReading {
  const body = decodeJson(manifestSchema, data);
  if (body === undefined) {
    return { kind: decodeJson(claimSchema, data) === undefined ? "foreign" : "unreadable" };
  }
  const confirmed = read(confirmedHeader);
  if (confirmed === undefined || confirmed === "") return { kind: "manifest", manifest: body };
  const manifest = manifestSchema.safeParse({ ...body, confirmed: Number(confirmed) }).data;
  return manifest === undefined ? { kind: "unreadable" } : { kind: "manifest", manifest };
}

export function unreadableManifest(tenant: string, revision: number): FreshetError {
  const message =
    `manifest ${revision} of tenant ${tenant} is not readable; ` +
    "see ops/runbooks/quarantined-record.md";
  return new FreshetError("broken_chain", message, { details: { tenant, revision } });
}
