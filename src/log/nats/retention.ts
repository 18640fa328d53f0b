/** What retention asks of a stream: where an age begins, and the removal of what lies below a sequence. */

import { FreshetError } from "../../contract/errors.ts";
import { type NatsContext, newestMessage } from "./connection.ts";
import { logError } from "./errors.ts";
import { pullMessages } from "./pull.ts";
import type { VerifiedStream } from "./verified-stream.ts";

/**
 * The server finds it by its own times: nothing older is read. That nothing is as young says the newest message of the
 * leader: purges go by this answer, and one that is too high takes what is still needed.
 * @throws FreshetError log_identity, log_unavailable
 */
export async function firstSince(
  context: NatsContext,
  stream: VerifiedStream,
  { filter, atMs }: { readonly filter: string; readonly atMs: number },
): Promise<number> {
  const { lastSeq } = await stream.state();
  const newest = await newestMessage(context, stream.name, filter);
  if (newest === null || newest.time.getTime() < atMs) return lastSeq + 1;
  const messages = pullMessages(context, {
    stream: stream.name,
    filter,
    start: { sinceMs: atMs },
    until: { through: newest.seq },
    headersOnly: true,
    page: 1,
  });
  for await (const { seq } of messages) return seq;
  throw new FreshetError("log_unavailable", "the log can not say where an age begins");
}

/** @throws FreshetError log_identity (then nothing is removed), log_unavailable (then it may be, now or later) */
export async function purgeBelow(
  context: NatsContext,
  stream: VerifiedStream,
  { filter, below }: { readonly filter: string; readonly below: number },
): Promise<number> {
  // In a stream that is not ours the same sequences mean something else: the look comes first.
  const { base } = await stream.verify();
  // Zero would mean everything to the server.
  if (below <= base + 1) return 0;
  try {
    const { purged } = await context.jsm.streams.purge(stream.name, { filter, seq: below });
    return purged;
  } catch (thrown) {
    throw logError(thrown);
  }
}
