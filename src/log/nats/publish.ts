/**
 * Publishing to a stream: without a condition, with one, and with one until the outcome is known.
 *
 *   PU1  a conditional publish is sent again only while a read-back says that nothing was stored:
 *        whatever was lost on the way, its outcome is known when `publishIfLastUntilKnown` returns.
 */

import { headers as createHeaders, type MsgHdrs, type PubAck } from "nats";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { WireHeaders } from "../wire/record.ts";
import type { NatsContext } from "./connection.ts";
import { apiCode, isInProcess, isLasting, jetStream, logError } from "./errors.ts";
import { retryPauseMs } from "./pauses.ts";
import type { VerifiedStream } from "./verified-stream.ts";

export interface PlainMessage {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers?: WireHeaders | undefined;
}

/** A publish without a condition. Throws what the client throws. */
export function publishPlain(
  context: NatsContext,
  { subject, payload, headers }: PlainMessage,
): Promise<PubAck> {
  const options = headers === undefined ? {} : { headers: messageHeaders(headers) };
  return untilProcessed(context, () => context.js.publish(subject, payload, options));
}

export interface ConditionalMessage extends PlainMessage {
  /** The message lands only right after this one on its subject; 0: only as the first. */
  readonly expectedLast: number;
}

export type PublishOutcome =
  | { readonly kind: "stored"; readonly ack: PubAck }
  /** The compare-and-set failed, or this is a repetition whose first attempt had landed. */
  | { readonly kind: "refused" }
  /** No answer: it may be stored now, later or never. */
  | { readonly kind: "unknown"; readonly error: FreshetError };

/**
 * A publish with compare-and-set. @throws FreshetError on answers that are neither success nor a
 * lost race (stream full, payload too large)
 */
export async function publishIfLast(
  context: NatsContext,
  message: ConditionalMessage,
): Promise<PublishOutcome> {
  const options = {
    headers: messageHeaders(message.headers ?? {}),
    expect: { lastSubjectSequence: message.expectedLast },
  };
  try {
    const send = () => context.js.publish(message.subject, message.payload, options);
    return { kind: "stored", ack: await untilProcessed(context, send) };
  } catch (thrown) {
    if (apiCode(thrown) === jetStream.wrongLastSequence) return { kind: "refused" };
    const error = logError(thrown);
    if (error.code === "log_unavailable" && !isLasting(error)) return { kind: "unknown", error };
    throw error;
  }
}

/** What a look at the subject says of a message whose ack is missing or negative. */
export type ReadBack<Result> =
  | { readonly kind: "known"; readonly result: Result }
  /** It has not landed, or not yet. `next`: what to send instead, where the condition has moved. */
  | { readonly kind: "open"; readonly next?: ConditionalMessage | undefined };

export interface CompareAndSet<Result> {
  readonly message: ConditionalMessage;
  /** The stream that the sequence of the ack is checked against, where one is watched. */
  readonly stream?: VerifiedStream | undefined;
  readonly stored: (ack: PubAck) => Result;
  readonly readBack: (sent: ConditionalMessage) => Promise<ReadBack<Result>>;
  /** What is said when the log stays silent. */
  readonly silence: string;
}

/**
 * PU1, with at most `limits.appendAttemptsMax` attempts.
 * @throws FreshetError log_unavailable when the log stays silent: then nothing may be assumed;
 * log_identity when the ack belongs to another stream; and what `readBack` throws
 */
export async function publishIfLastUntilKnown<Result>(
  context: NatsContext,
  { message, stream, stored, readBack, silence }: CompareAndSet<Result>,
): Promise<Result> {
  let sent = message;
  for (let attempt = 1; ; attempt += 1) {
    const before = stream?.highest ?? 0;
    const outcome = await publishIfLast(context, sent);
    if (outcome.kind === "stored") {
      stream?.stored(outcome.ack.seq, before);
      return stored(outcome.ack);
    }
    const found = await readBack(sent);
    if (found.kind === "known") return found.result;
    if (attempt >= limits.appendAttemptsMax) {
      const cause = outcome.kind === "unknown" ? outcome.error : undefined;
      throw new FreshetError("log_unavailable", silence, { cause });
    }
    sent = found.next ?? sent;
    await context.clock.sleep(retryPauseMs(attempt));
  }
}

/** Sends again what a cluster has not judged because others are on their way. */
async function untilProcessed(context: NatsContext, send: () => Promise<PubAck>): Promise<PubAck> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (thrown) {
      if (!isInProcess(thrown) || attempt >= limits.appendAttemptsMax) throw thrown;
      await context.clock.sleep(retryPauseMs(attempt));
    }
  }
}

export function messageHeaders(values: WireHeaders): MsgHdrs {
  const headers = createHeaders();
  for (const [name, value] of Object.entries(values)) headers.set(name, value);
  return headers;
}
