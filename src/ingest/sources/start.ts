/** Whether there may be one more source, and where it begins. */

import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { StreamInput } from "../../contract/source.ts";

/** @throws FreshetError limit_reached: asking again helps nobody, only a removal does */
export function checkSourceRoom(there: number): void {
  const { sourcesMax } = limits;
  if (there < sourcesMax) return;
  const told = `there are ${sourcesMax} sources, as many as there may be: remove one`;
  throw new FreshetError("limit_reached", told);
}

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
