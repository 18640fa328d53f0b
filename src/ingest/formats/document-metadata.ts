/** What a file says of itself, as metadata that the engine takes. */

import type { Metadata, MetadataValue } from "../../contract/document.ts";
import { limits } from "../../contract/limits.ts";
import { cutText, isPlainName } from "../../contract/well-formed.ts";
import type { FileMetadata } from "./convert.ts";

/** A piece of a long text says which one it is. */
export function documentMetadata(
  fields: FileMetadata,
  { index, count }: { readonly index: number; readonly count: number },
): Metadata {
  const metadata: Record<string, MetadataValue> = {};
  for (const [key, value] of Object.entries(fields)) {
    const isKey = key !== "" && key.length <= limits.metadataKeyCharsMax && isPlainName(key);
    if (!isKey || key === "__proto__") continue;
    // Two keys are the pieces'.
    if (Object.keys(metadata).length >= limits.metadataKeysMax - 2) break;
    metadata[key] = valueOf(value);
  }
  return count > 1 ? { ...metadata, piece: index + 1, pieces: count } : metadata;
}

function valueOf(value: FileMetadata[string]): MetadataValue {
  if (typeof value === "string") return cutText(value.toWellFormed(), limits.metadataValueCharsMax);
  if (typeof value !== "object") return value;
  return value
    .slice(0, limits.metadataListMax)
    .map((item) => cutText(item.toWellFormed(), limits.metadataValueCharsMax));
}
