/**
 * Reading the letters of sources to their end. A consumer can be made on a copy of the stream that
 * lags, and then says that there is nothing, or less; and what it says is pending can be removed
 * before it comes. So the end comes from the stream's leader, and a consumer that stops before it,
 * or falls silent, is made again.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { DeliverPolicy, type JetStreamClient, type JetStreamManager } from "nats";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import { apiCode, jetStream } from "./nats-errors.ts";

interface StoredLetter {
  readonly seq: number;
  readonly data: Uint8Array;
}

interface Reading {
  readonly stream: string;
  readonly filter: string;
}

/** A copy that lags catches up within some tens of milliseconds. */
const againAfterMs = 50;
/** What a consumer has comes at once. */
const silenceMs = 2_000;

/**
 * Every letter that the leader held when this began, in order of sequence.
 * @throws FreshetError log_unavailable when no copy has them all within `sourceReadMs`
 */
export async function* readLetters(
  js: JetStreamClient,
  { stream, filter }: Reading,
): AsyncGenerator<StoredLetter> {
  const jsm = await js.jetstreamManager();
  let after = 0;
  const untilMs = () => performance.now() + limits.sourceReadMs;
  for (let giveUpMs = untilMs(); performance.now() <= giveUpMs; ) {
    // Each time anew: the last letter may have been removed or replaced meanwhile.
    const last = await newestSequence(jsm, { stream, filter });
    if (last <= after) return;
    for await (const letter of readOnce(js, { stream, filter, after })) {
      yield letter;
      after = letter.seq;
      giveUpMs = untilMs();
      if (after >= last) return;
    }
    await sleep(againAfterMs);
  }
  throw new FreshetError("log_unavailable", "no copy of the letters of sources is complete");
}

/** As far as this consumer's copy goes, and while it says something. */
async function* readOnce(
  js: JetStreamClient,
  { stream, filter, after }: Reading & { readonly after: number },
): AsyncGenerator<StoredLetter> {
  const consumer = await js.consumers.get(stream, {
    ...{ filterSubjects: filter, deliver_policy: DeliverPolicy.StartSequence },
    opt_start_seq: after + 1,
  });
  if ((await consumer.info()).num_pending === 0) return;
  const messages = await consumer.consume();
  let silence = setTimeout(() => messages.stop(), silenceMs);
  try {
    for await (const { data, seq, info } of messages) {
      clearTimeout(silence);
      yield { data, seq };
      if (info.pending === 0) return;
      silence = setTimeout(() => messages.stop(), silenceMs);
    }
  } finally {
    clearTimeout(silence);
    await messages.close();
  }
}

/** Of a letter that is stored; 0 where there is none. */
async function newestSequence(jsm: JetStreamManager, { stream, filter }: Reading): Promise<number> {
  try {
    return (await jsm.streams.getMessage(stream, { last_by_subj: filter })).seq;
  } catch (thrown) {
    if (apiCode(thrown) === jetStream.messageNotFound) return 0;
    throw thrown;
  }
}
