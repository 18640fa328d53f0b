/** Where a source begins. */

import { FreshetError } from "../../contract/errors.ts";
import type { StreamInput } from "../../contract/source.ts";

/**
 * From beyond the stream's end nothing would be read, in silence, until it has come there.
 * @throws FreshetError invalid_request
 */
export function refuseBeyond(end: number, { stream, start }: Omit<StreamInput, "kind">): void {
  if (typeof start !== "object" || start.after <= end) return;
  throw new FreshetError(
    "invalid_request",
    `the stream ${stream} ends at ${end}: what comes up to ${start.after} would be left out`,
  );
}
