/** Whether a cursor belongs to the stream that is there now. Pure. */

import { FreshetError } from "../contract/errors.ts";
import { incarnationSpan } from "../contract/ids.ts";

/**
 * May a reader start at `from`? Zero and one mean "from the beginning". Anything else must belong
 * to this incarnation and lie at most one past the end: a consumer beyond the end would wait for
 * ever, and then miss what is stored under re-used sequences.
 * @throws FreshetError log_identity
 */
export function checkReadStart(cursor: {
  readonly from: number;
  /** The sequence before the first of this incarnation. */
  readonly base: number;
  readonly lastSeq: number;
}): void {
  const { from, base, lastSeq } = cursor;
  if (from <= 1) return;
  if (from <= base || from > base + incarnationSpan) {
    throw new FreshetError("log_identity", "the cursor belongs to another incarnation of the log", {
      details: { from, base },
    });
  }
  if (from > lastSeq + 1) {
    throw new FreshetError("log_identity", "the log ends before the cursor: its tail was lost", {
      details: { from, lastSeq },
    });
  }
}
