/** What `max_payload` of the server leaves for a document. */

import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { Logger } from "../../contract/observation.ts";

/** The record of a document of this size fits the server's `max_payload`, whatever its text is. */
export function documentTextBytesMax(payloadBytesMax: number): number {
  const room = Math.min(payloadBytesMax, limits.recordBytesMax) - limits.recordOverheadBytesMax;
  const bytes = Math.floor(Math.max(room, 0) / limits.recordBytesPerTextByteMax);
  return Math.min(limits.documentTextBytesMax, bytes);
}

/**
 * The same, and a word of it where it is less than Freshet takes.
 * @throws FreshetError log_unavailable: no document at all fits
 */
export function checkedTextBytesMax(payloadBytesMax: number, logger: Logger): number {
  const textBytesMax = documentTextBytesMax(payloadBytesMax);
  const why = `nats takes messages of ${payloadBytesMax} bytes only (max_payload)`;
  if (textBytesMax === 0) {
    throw new FreshetError("log_unavailable", `${why}, no document fits: set it to 4194304 there`);
  }
  if (textBytesMax < limits.documentTextBytesMax) {
    const fact = { payloadBytesMax, textBytesMax, wanted: limits.documentTextBytesMax };
    logger.warn(fact, "documents must be smaller: raise max_payload of nats to 4194304");
  }
  return textBytesMax;
}
