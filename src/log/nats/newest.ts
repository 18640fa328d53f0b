/**
 * The newest message of a subject that means something.
 *
 * A foreign message can be stored after it, or in its place. What counts is the newest readable
 * one; what a writer has to expect is the newest of all. Messages are only added at the end, so
 * once the newest is known, the search below it has one answer, and a compare-and-set against its
 * sequence proves that nothing was added since.
 */

import type { StoredMsg } from "nats";
import { limits } from "../../contract/limits.ts";
import { headerReader, type NatsContext, newestMessage, oldestMessage } from "./connection.ts";
import { type Delivered, pullMessages } from "./pull.ts";

export interface StoredMessage {
  readonly subject: string;
  readonly seq: number;
  readonly atMs: number;
  readonly header: (name: string) => string | undefined;
  readonly data: Uint8Array;
}

export interface SubjectRequest<Value> {
  readonly stream: string;
  readonly subject: string;
  /** Undefined for a foreign message. */
  readonly read: (message: StoredMessage) => Value | undefined;
  /** The search below a foreign message needs no bodies. */
  readonly headersOnly?: boolean | undefined;
}

export interface NewestOf<Value> {
  /** Of the newest readable message; null when there is none. */
  readonly value: Value | null;
  /** Sequence of the subject's newest message, readable or not; 0 when there is none. */
  readonly tail: number;
}

/** From the stream's leader. @throws FreshetError log_unavailable, and what `read` throws */
export async function newestReadable<Value>(
  context: NatsContext,
  request: SubjectRequest<Value>,
): Promise<NewestOf<Value>> {
  const newest = await newestMessage(context, request.stream, request.subject);
  if (newest === null) return { value: null, tail: 0 };
  const value = readOrQuarantine(context, request, messageOf(newest));
  if (value !== undefined) return { value, tail: newest.seq };
  return { value: await readableBelow(context, request, newest.seq), tail: newest.seq };
}

/**
 * The oldest message of a subject, at a sequence or later, that is still held and means something;
 * null when there is none.
 */
export async function oldestReadable<Value>(
  context: NatsContext,
  request: SubjectRequest<Value>,
  at: number,
): Promise<Value | null> {
  const { stream, subject } = request;
  for (let from = Math.max(at, 1); ; ) {
    const oldest = await oldestMessage(context, { stream, subject, from });
    if (oldest === null) return null;
    const value = readOrQuarantine(context, request, messageOf(oldest));
    if (value !== undefined) return value;
    from = oldest.seq + 1;
  }
}

/**
 * A later one than `tail` ends the search as well: what the leader named first may have been
 * removed meanwhile.
 */
async function readableBelow<Value>(
  context: NatsContext,
  request: SubjectRequest<Value>,
  tail: number,
): Promise<Value | null> {
  let found: Value | null = null;
  const { stream, subject, headersOnly } = request;
  const messages = pullMessages(context, {
    ...{ stream, filter: subject, start: 1, until: { through: tail }, headersOnly },
    page: limits.pullMax,
  });
  for await (const message of messages) {
    found = readOrQuarantine(context, request, messageOf(message)) ?? found;
  }
  return found;
}

function readOrQuarantine<Value>(
  context: NatsContext,
  { stream, read }: SubjectRequest<Value>,
  message: StoredMessage,
): Value | undefined {
  const value = read(message);
  const { seq, subject } = message;
  if (value === undefined) context.quarantine.add({ stream, seq, subject, why: "foreign" });
  return value;
}

/** A message that a consumer delivered, or that the leader was asked for. */
export function messageOf(message: Delivered | StoredMsg): StoredMessage {
  const { subject, seq, data } = message;
  if ("time" in message) {
    const { time, header } = message;
    return { subject, seq, atMs: time.getTime(), header: headerReader(header), data };
  }
  const { atMs, headers } = message;
  return { subject, seq, atMs, header: headerReader(headers), data };
}
