/**
 * Node to node: a question that reached a node which does not own its tenant goes to the one that does.
 *
 * Owns its subscription, not the connection. Receives `freshet.peer.<node>.ask.<tenant>` and
 * `freshet.peer.<node>.document.<tenant>`; sends the same to other nodes.
 *
 *   PE1  a node answers a peer from what it owns itself, and never forwards again: no question can circle;
 *   PE2  a peer that is gone, or owns nothing any more, is `not_ready`: the lease says who is asked next;
 *   PE3  events of a streamed answer arrive in order, before the answer;
 *   PE4  a peer is waited for so long in all, also one that falls silent in the middle of its answer;
 *   PE5  only inboxes are answered: what somebody chose as reply could be a subject of the log.
 */

import { createInbox, headers, type Msg, type NatsConnection } from "nats";
import { errorBody, errorFromBody, FreshetError, toFreshetError } from "../contract/errors.ts";
import { type DocumentId, tenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { type Answer, type AnswerEvent, parseQuestion, type Question } from "../contract/query.ts";
import type { Metrics } from "../observe/port.ts";
import { answeringInboxes } from "./nats-replies.ts";
import type { AskOptions, DocumentState, Peers, Service } from "./port.ts";

const eventHeader = "Freshet-Event";
const encoder = new TextEncoder();
const encode = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value));

/** Node names may hold dots; a subject token may not. */
const tokenOf = (node: string): string => Buffer.from(node, "utf8").toString("base64url");
const subjectOf = (node: string, verb: string, tenant: string): string =>
  `freshet.peer.${tokenOf(node)}.${verb}.${tenant}`;

export function connectPeers(connection: NatsConnection): Peers {
  return {
    ask: (node, tenant, asked) => {
      const { question, signal, onEvent } = asked;
      const body = encode({ question, stream: onEvent !== undefined });
      const subject = subjectOf(node, "ask", tenant);
      const waitMs = question.deadline_ms + limits.peerMarginMs;
      return exchange<Answer>(connection, { subject, body, waitMs, signal, onEvent });
    },
    document: (node, tenant, id) => {
      const subject = subjectOf(node, "document", tenant);
      const body = encode({ id });
      return exchange<DocumentState>(connection, { subject, body, waitMs: limits.peerMarginMs });
    },
  };
}

interface Exchange {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: AskOptions["onEvent"];
}

/** One request and its replies, the last of which is the result. */
async function exchange<Result>(connection: NatsConnection, options: Exchange): Promise<Result> {
  const { subject, body, waitMs, signal, onEvent } = options;
  if (signal?.aborted) throw new FreshetError("cancelled");
  const inbox = createInbox();
  const replies = connection.subscribe(inbox);
  const gone = (): void => replies.unsubscribe();
  signal?.addEventListener("abort", gone, { once: true });
  // PE4: the client's own time-out on a subscription ends with the first message.
  const deadline = setTimeout(gone, waitMs);
  try {
    connection.publish(subject, body, { reply: inbox });
    for await (const reply of replies) {
      if (isNobody(reply)) throw new FreshetError("not_ready");
      const value: unknown = reply.json();
      const error = errorFromBody(value);
      if (error !== undefined) throw error;
      if (reply.headers?.get(eventHeader) === "done") return value as Result;
      onEvent?.(value as AnswerEvent);
    }
    throw new FreshetError(signal?.aborted ? "cancelled" : "not_ready");
  } catch (thrown) {
    if (thrown instanceof FreshetError) throw thrown;
    throw new FreshetError("not_ready", undefined, { cause: thrown });
  } finally {
    clearTimeout(deadline);
    signal?.removeEventListener("abort", gone);
    replies.unsubscribe();
  }
}

/** The server's own answer when nobody listens (PE2). */
function isNobody(message: Msg): boolean {
  return message.data.length === 0 && message.headers?.code === 503;
}

export interface PeerServerOptions {
  readonly connection: NatsConnection;
  readonly node: string;
  /** What this node answers by itself (PE1). */
  readonly local: Pick<Service, "ask" | "document">;
  readonly stopMs: number;
  readonly metrics: Metrics;
}

export interface PeerServer {
  /** Takes no new request, waits for those it has. */
  close(): Promise<void>;
}

export async function servePeers(options: PeerServerOptions): Promise<PeerServer> {
  const { node, stopMs, metrics } = options;
  const connection = answeringInboxes(options.connection, { surface: "peer", metrics });
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const subscription = connection.subscribe(`freshet.peer.${tokenOf(node)}.*.*`, {
    callback: (error, message) => {
      if (error !== null) return;
      const run = serve(options, message, stopping.signal).finally(() => running.delete(run));
      running.add(run);
    },
  });
  await connection.flush();
  return {
    async close() {
      subscription.unsubscribe();
      const cut = setTimeout(() => stopping.abort(new FreshetError("not_ready")), stopMs);
      await Promise.allSettled(running);
      clearTimeout(cut);
    },
  };
}

/** Never rejects: whatever goes wrong is told to the peer. */
async function serve(
  { local }: PeerServerOptions,
  message: Msg,
  signal: AbortSignal,
): Promise<void> {
  const respond = (event: string, value: unknown): void => {
    const named = headers();
    named.set(eventHeader, event);
    message.respond(encode(value), { headers: named });
  };
  try {
    const [verb, name = ""] = message.subject.split(".").slice(-2);
    const tenant = tenantId(name);
    if (verb === "document") {
      const { id } = message.json<{ readonly id: DocumentId }>();
      return respond("done", await local.document(tenant, id));
    }
    const asked = message.json<{ readonly question: Question; readonly stream: boolean }>();
    const onEvent = (event: AnswerEvent): void => {
      if (event.type !== "done") respond(event.type, event);
    };
    const question = parseQuestion(asked.question);
    const asking = { signal, ...(asked.stream ? { onEvent } : {}) };
    respond("done", await local.ask(tenant, question, asking));
  } catch (thrown) {
    respond("error", errorBody(toFreshetError(thrown)));
  }
}
