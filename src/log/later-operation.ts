/** What makes a replay void. Pure; the command line foresees by it what the tenant's owner will decide. */

import type { Version } from "../contract/ids.ts";
import type { RecordHeader } from "../contract/record.ts";

/** A void replay and a repetition say nothing new about a document; anything else of a newer version does. */
export function isLaterOperation(
  { version, reason, kind }: Pick<RecordHeader, "version" | "reason" | "kind">,
  than: Version,
): boolean {
  return kind !== "fence" && kind !== "duplicate" && version > than && reason !== "replay_void";
}
