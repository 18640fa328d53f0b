/**
 * Ordered reading of a stream without broker acks.
 *
 * Owns: one ephemeral consumer (ack none) for the time of one read, and its pulls.
 * Never: has more than one pull open, skips a message, or waits for a message that can not come.
 * The client's own consumer resets itself silently; here trouble ends the read, because whoever goes on
 * must first look whether the stream is still the same (design.md, "Log identity").
 *
 *   NP1  messages come in stream order; a gap in the consumer's delivery ends the read with an error;
 *   NP2  a bounded read ends when nothing was pending at the time; an endless one when its signal aborts;
 *   NP3  silence of three heartbeats, a reconnect or a deleted consumer ends the read with log_unavailable.
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
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { NatsContext } from "./nats-connection.ts";
import { logError } from "./nats-errors.ts";
import { NatsInbox } from "./nats-inbox.ts";

export interface PullRequest {
  readonly stream: string;
  readonly filter: string | readonly string[];
  /** A sequence or a server time (the first message at or behind it), or each subject's newest and what follows. */
  readonly start: number | "newest-of-each" | { readonly sinceMs: number };
  readonly endless: boolean;
  readonly headersOnly?: boolean | undefined;
  /** Messages of one pull. */
  readonly page: number;
  readonly signal?: AbortSignal | undefined;
  /** Told once, before the first message, how many there were when the read began. */
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
  readonly pending: number;
  readonly atMs: number;
}

/** @throws FreshetError log_unavailable, log_identity (the stream is missing) */
export async function* pullMessages(
  context: NatsContext,
  request: PullRequest,
): AsyncGenerator<Delivered> {
  const consumer = await createConsumer(context, request);
  request.onCount?.(consumer.pending);
  const inbox = new NatsInbox(context, request.signal);
  try {
    if (!request.endless && consumer.pending === 0) return;
    yield* deliveries({ context, request, inbox, consumer: consumer.name });
  } finally {
    inbox.close();
    void context.jsm.consumers.delete(request.stream, consumer.name).catch(() => undefined);
  }
}

async function createConsumer(
  context: NatsContext,
  request: PullRequest,
): Promise<{ readonly name: string; readonly pending: number }> {
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
  readonly consumer: string;
}

async function* deliveries(reading: Reading): AsyncGenerator<Delivered> {
  const { request, inbox } = reading;
  let order = 0;
  let pulls = 0;
  let missing = 0;
  for (;;) {
    if (missing === 0) {
      pulls += 1;
      missing = request.page;
      askForMore(reading, inbox.replyOf(pulls));
    }
    const msg = await inbox.take(limits.pullHeartbeatMs * 3);
    if (msg === "closed") return;
    if (msg === "silent") throw trouble("the log is silent");
    if (inbox.isStatus(msg)) {
      // The end of an earlier pull may come after the next one was sent; only its own end counts.
      if (endsPull(msg) && msg.subject === inbox.replyOf(pulls)) missing = 0;
      continue;
    }
    const delivery = deliveryOf(msg);
    order += 1;
    if (delivery.order !== order) throw trouble("a delivery was lost");
    missing -= 1;
    yield { ...placed(msg, delivery), data: msg.data };
    if (!request.endless && delivery.pending === 0) return;
  }
}

function askForMore({ context, request, consumer }: Reading, reply: string): void {
  const pull = {
    batch: request.page,
    max_bytes: limits.rangePageBytesMax,
    expires: nanos(limits.pullExpiresMs),
    idle_heartbeat: nanos(limits.pullHeartbeatMs),
  };
  try {
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${request.stream}.${consumer}`;
    context.connection.publish(subject, JSON.stringify(pull), { reply });
  } catch (thrown) {
    throw logError(thrown);
  }
}

/** Status messages of the server: does this one end the pull? @throws FreshetError when it ends the consumer */
function endsPull(msg: Msg): boolean {
  const code = msg.headers?.code ?? 0;
  const description = msg.headers?.description.toLowerCase() ?? "";
  switch (code) {
    case 100:
      return false;
    case 404:
    case 408:
      return true;
    case 409:
      if (/maxbytes|batch completed/.test(description)) return true;
      throw trouble(description);
    default:
      throw trouble(`status ${code} ${description}`);
  }
}

function trouble(message: string): FreshetError {
  return new FreshetError("log_unavailable", message);
}

/**
 * The reply subject of a delivered message:
 * `$JS.ACK[.<domain>.<account>].<stream>.<consumer>.<tries>.<seq>.<order>.<nanoseconds>.<pending>[.<token>]`.
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
