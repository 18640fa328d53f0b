/**
 * Ordered reading of a stream without broker acks.
 *
 * Owns: one ephemeral consumer (ack none) for the time of one read, and its pulls.
 * Never: has more than one pull open, skips a message, or waits for a message that cannot come. The
 * client's own consumer resets itself silently; here trouble ends the read, because its caller must
 * first check that the stream is still the same (ARCHITECTURE.md, "Log identity").
 *
 *   NP1  messages come in stream order; a gap in the consumer's delivery ends the read with an
 *        error;
 *   NP2  a bounded read ends with the message that the stream's leader has named, an endless one
 *        when its signal aborts. What a consumer says is pending decides nothing: on a cluster it
 *        may live beside a copy that lags. When it claims to be at the end, the leader is asked
 *        whether there is more (what it named may have been purged); a consumer that then falls
 *        short is replaced a few times, and the read ends with log_unavailable;
 *   NP3  silence of three heartbeats, a reconnect or a deleted consumer ends the read with
 *        log_unavailable;
 *   NP4  a message larger than the bytes of one pull is asked for alone, so that it stops no read;
 *        pulls that end at once without a message, again and again, end the read with
 *        log_unavailable: never a busy loop;
 *   NP5  an endless read whose consumer delivers nothing for two pulls, while the leader has
 *        something for it, ends with log_unavailable: its copy stays behind.
 */

import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  type Msg,
  type MsgHdrs,
  nanos,
  ReplayPolicy,
} from "nats";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import { type NatsContext, newestMessage } from "./connection.ts";
import { CopyWatch } from "./copy-watch.ts";
import { logError } from "./errors.ts";
import { NatsInbox } from "./inbox.ts";
import { retryPauseMs } from "./pauses.ts";
import { endedBy, fellShort, isHasty, isTooLarge, type Pull, trouble } from "./pull-end.ts";

export interface PullRequest {
  readonly stream: string;
  readonly filter: string | readonly string[];
  /**
   * A sequence or a server time (the first message at or after it), or each subject's newest and
   * what follows.
   */
  readonly start: number | "newest-of-each" | { readonly sinceMs: number };
  /**
   * `through`: the sequence of a message that matches the filter, which the stream's leader has
   * named; the read ends when this one or a later one was delivered, or when the leader says that
   * no more is there. An end that only the consumer claims would lose acknowledged messages (NP2).
   */
  readonly until: "aborted" | { readonly through: number };
  readonly headersOnly?: boolean | undefined;
  /** Messages of one pull. */
  readonly page: number;
  readonly signal?: AbortSignal | undefined;
  /**
   * Called once, before the first message, with the number of messages when the read began: for
   * progress; it may be too low.
   */
  readonly onCount?: ((messages: number) => void) | undefined;
}

export interface Delivered {
  readonly subject: string;
  readonly seq: number;
  readonly atMs: number;
  readonly headers: MsgHdrs | undefined;
  readonly data: Uint8Array;
}

interface Delivery {
  readonly seq: number;
  readonly order: number;
  /** What the consumer says is left. */
  readonly pending: number;
  readonly atMs: number;
}

/** How far a read has come; it outlives the consumers that the read uses one after the other. */
interface Cursor {
  start: PullRequest["start"];
  /** The sequence of the newest message that was delivered. */
  seq: number;
}

/** How one consumer's part of a read ended. `short`: before the end, with nothing more to come. */
type End = "complete" | "aborted" | "short";

/** @throws FreshetError log_unavailable, log_identity (the stream is missing) */
export async function* pullMessages(
  context: NatsContext,
  request: PullRequest,
): AsyncGenerator<Delivered> {
  const cursor: Cursor = {
    start: request.start,
    seq: typeof request.start === "number" ? request.start - 1 : 0,
  };
  let { onCount } = request;
  for (let short = 0; ; ) {
    const before = cursor.seq;
    const end = yield* readOnce(context, { ...request, onCount }, cursor);
    if (end !== "short" || request.signal?.aborted === true) return;
    short = cursor.seq > before ? 1 : short + 1;
    if (await isOver(context, request, cursor)) return;
    if (short >= limits.shortReadsMax) throw trouble("a copy of the log is behind its leader");
    onCount = undefined;
    await context.clock.sleep(retryPauseMs(short), request.signal);
  }
}

/**
 * Does the leader have nothing after the cursor? Asked only when the read found less than the
 * leader had named.
 */
async function isOver(
  context: NatsContext,
  { stream, filter }: PullRequest,
  { seq }: Cursor,
): Promise<boolean> {
  const newest = await newestMessage(context, stream, filter);
  return newest === null || newest.seq <= seq;
}

async function* readOnce(
  context: NatsContext,
  request: PullRequest,
  cursor: Cursor,
): AsyncGenerator<Delivered, End> {
  const consumer = await createConsumer(context, { ...request, start: cursor.start });
  request.onCount?.(consumer.pending);
  const inbox = new NatsInbox(context, request.signal);
  try {
    return yield* deliveries({ context, request, inbox, consumer, cursor });
  } finally {
    inbox.close();
    void context.jsm.consumers.delete(request.stream, consumer.name).catch(() => undefined);
  }
}

interface Consumer {
  readonly name: string;
  readonly pending: number;
}

async function createConsumer(context: NatsContext, request: PullRequest): Promise<Consumer> {
  try {
    const info = await context.jsm.consumers.add(request.stream, consumerConfig(request));
    return { name: info.name, pending: info.num_pending };
  } catch (thrown) {
    throw logError(thrown);
  }
}

function startConfig(start: PullRequest["start"]): Partial<ConsumerConfig> {
  if (start === "newest-of-each") return { deliver_policy: DeliverPolicy.LastPerSubject };
  if (typeof start === "number") {
    return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(start, 1) };
  }
  const sinceTime = new Date(start.sinceMs).toISOString();
  return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: sinceTime };
}

function filterConfig(filter: PullRequest["filter"]): Partial<ConsumerConfig> {
  if (typeof filter === "string") return { filter_subject: filter };
  return { filter_subjects: [...filter] };
}

function consumerConfig(request: PullRequest): Partial<ConsumerConfig> {
  return {
    ...startConfig(request.start),
    ack_policy: AckPolicy.None,
    replay_policy: ReplayPolicy.Instant,
    ...filterConfig(request.filter),
    headers_only: request.headersOnly ?? false,
    inactive_threshold: nanos(limits.consumerIdleMs),
    mem_storage: true,
    num_replicas: 1,
  };
}

interface Reading {
  readonly context: NatsContext;
  readonly request: PullRequest;
  readonly inbox: NatsInbox;
  readonly consumer: Consumer;
  readonly cursor: Cursor;
}

async function* deliveries(reading: Reading): AsyncGenerator<Delivered, End> {
  const { context, request, inbox, cursor } = reading;
  const { until } = request;
  const heartbeatMs = pullTimes(request).heartbeatMs;
  const bounded = until !== "aborted";
  const copy = new CopyWatch(context, request);
  let order = 0;
  let hasty = 0;
  let doubted = false;
  if (bounded && reading.consumer.pending === 0) {
    if (await isOver(context, request, cursor)) return "complete";
    doubted = true;
  }
  let pull = askForMore(reading, 1, false);
  for (;;) {
    const msg = await inbox.take(heartbeatMs * 3);
    if (msg === "closed") return "aborted";
    if (msg === "silent") throw trouble("the log is silent");
    if (inbox.isStatus(msg)) {
      const end = endedBy(msg.headers);
      // The end of an earlier pull may come after the next one was sent; only its own end counts.
      if (end === undefined || msg.subject !== inbox.replyOf(pull.number)) continue;
      if (bounded && fellShort(end, pull)) return "short";
      hasty = isHasty(pull, context.clock.monotonicMs()) ? hasty + 1 : 0;
      if (hasty >= limits.hastyPullsMax) throw trouble("pulls end without progress");
      const isIdle = !bounded && hasty === 0 && pull.received === 0;
      if (isIdle && (await copy.isBehind(cursor.seq))) {
        throw trouble("a copy of the log stays behind its leader");
      }
      pull = askForMore(reading, pull.number + 1, isTooLarge(end, pull));
      continue;
    }
    const delivery = deliveryOf(msg);
    order += 1;
    hasty = 0;
    if (delivery.order !== order) throw trouble("a delivery was lost");
    pull.missing -= 1;
    pull.received += 1;
    cursor.seq = delivery.seq;
    cursor.start = delivery.seq + 1;
    yield { ...placed(msg, delivery), data: msg.data };
    if (bounded && delivery.seq >= until.through) return "complete";
    if (bounded && delivery.pending === 0 && !doubted) {
      if (await isOver(context, request, cursor)) return "complete";
      doubted = true;
    }
    if (pull.missing === 0) pull = askForMore(reading, pull.number + 1, false);
  }
}

/**
 * A bounded read waits for a shorter time: what it waits for exists, if perhaps not yet on its
 * consumer's server.
 */
function pullTimes({ until }: PullRequest): {
  readonly expiresMs: number;
  readonly heartbeatMs: number;
} {
  return until === "aborted"
    ? { expiresMs: limits.pullExpiresMs, heartbeatMs: limits.pullHeartbeatMs }
    : { expiresMs: limits.boundedPullExpiresMs, heartbeatMs: limits.boundedPullHeartbeatMs };
}

function askForMore(
  { context, request, consumer, inbox }: Reading,
  number: number,
  alone: boolean,
): Pull {
  const { expiresMs, heartbeatMs } = pullTimes(request);
  const batch = alone ? 1 : request.page;
  const pull = {
    batch,
    ...(alone ? {} : { max_bytes: limits.rangePageBytesMax }),
    expires: nanos(expiresMs),
    idle_heartbeat: nanos(heartbeatMs),
  };
  try {
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${request.stream}.${consumer.name}`;
    const reply = inbox.replyOf(number);
    context.connection.publish(subject, JSON.stringify(pull), { reply });
  } catch (thrown) {
    throw logError(thrown);
  }
  const sentAtMs = context.clock.monotonicMs();
  return { number, sentAtMs, alone, missing: batch, received: 0 };
}

/**
 * The reply subject of a delivered message:
 * `$JS.ACK[.<domain>.<account>].<stream>.<consumer>.<tries>.<seq>.<order>.<nanoseconds>.<pending>`,
 * after which a newer server adds `.<token>`.
 */
function deliveryOf(msg: Msg): Delivery {
  const tokens = (msg.reply ?? "").split(".");
  const at = tokens.length === 9 ? 5 : 7;
  const [seq, order, nanoseconds, pending] = tokens.slice(at, at + 4).map(Number);
  if (tokens[0] !== "$JS" || seq === undefined || order === undefined) {
    throw new FreshetError("internal", "a delivery has no place in its stream");
  }
  return { seq, order, pending: pending ?? 0, atMs: Math.floor((nanoseconds ?? 0) / 1e6) };
}

function placed(msg: Msg, { seq, atMs }: Delivery): Omit<Delivered, "data"> {
  return { subject: msg.subject, headers: msg.headers, seq, atMs };
}
