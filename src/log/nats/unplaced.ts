/**
 * Operations that have no partition: those that were published to the literal subjects `docs.*` and
 * `docs.>`.
 *
 * Where a stored subject is itself a wildcard, nats-server 2.15.1 takes a single filter `docs.*`
 * for that subject alone: a consumer counts what waits for it wrongly, so that a bounded read would
 * not end, and a look for the next message passes over `docs.>`. With two filters it compares each
 * subject, and both are right.
 */

import { limits } from "../../contract/limits.ts";
import { tenantIn, unplacedDocs } from "../wire/subjects.ts";
import { type NatsContext, newestMessage } from "./connection.ts";
import { isMessageGone, logError } from "./errors.ts";
import { type Delivered, pullMessages } from "./pull.ts";

/** No partition has this name: the second filter, which nothing lies under. */
const nowhere = "docs.-.-";

interface Unplaced {
  readonly stream: string;
  /** `*` or `>`. */
  readonly token: string;
}

/** Of one token, from a sequence on, in order. @throws FreshetError log_unavailable */
export async function* unplacedMessages(
  context: NatsContext,
  { stream, token, from: start }: Unplaced & { readonly from: number },
): AsyncGenerator<Delivered> {
  const newest = await newestMessage(context, stream, unplacedDocs);
  if (newest === null || newest.seq < start) return;
  const messages = pullMessages(context, {
    ...{ stream, filter: [unplacedDocs, nowhere], start, until: { through: newest.seq } },
    page: limits.pullMax,
  });
  for await (const message of messages) {
    if (tenantIn(message.subject) === token) yield message;
  }
}

/** A purge by subject would take those of other tokens too. @throws FreshetError log_unavailable */
export async function removeUnplaced(
  context: NatsContext,
  { stream, token, below }: Unplaced & { readonly below: number },
): Promise<number> {
  let removed = 0;
  for await (const { seq } of unplacedMessages(context, { stream, token, from: 1 })) {
    if (seq >= below) break;
    try {
      await context.jsm.streams.deleteMessage(stream, seq, false);
      removed += 1;
    } catch (thrown) {
      if (!isMessageGone(thrown)) throw logError(thrown);
    }
  }
  return removed;
}
