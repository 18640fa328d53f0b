/**
 * The client of NATS rejects every request that was answered once more, as cancelled: nothing hears
 * it, but each makes an error with its stack. That was a third of what an idle engine computed, and
 * a twentieth of a document.
 */

import { ErrorCode, NatsError } from "nats";

let isShared = false;

/** From then on all of them are one error. Whoever cancels a request in earnest gets it as well. */
export function shareCancelled(): void {
  if (isShared) return;
  isShared = true;
  const make = NatsError.errorForCode.bind(NatsError);
  const cancelled = make(ErrorCode.Cancelled);
  NatsError.errorForCode = (code, chained) =>
    code === ErrorCode.Cancelled && chained === undefined ? cancelled : make(code, chained);
}
