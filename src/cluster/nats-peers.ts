/**
 * Node to node: a question that reached a node which does not own its tenant goes to the one that
 * does.
 *
 * Owns its subscription, not the connection. Receives `freshet.peer.<node>.ask.<tenant>` and
 * `freshet.peer.<node>.document(s).<tenant>`, with groups
 * `freshet.peer.<node>.restricted.<tenant>`, `admit` of a publish and `usage` likewise, and of a
 * question that it has `freshet.peer.<node>.beat.<id>` and `freshet.peer.<node>.cancel.<id>`; sends
 * the same to other nodes. The id is the last token of the reply subject.
 *
 *   PE1  a node answers a peer from what it owns itself, and never forwards again: no question can
 *        circle;
 *   PE2  a peer that is gone, or owns nothing any more, is `not_ready`: the lease says who is asked
 *        next;
 *   PE3  events of a streamed answer arrive in order, before the answer;
 *   PE4  the wait for a peer is bounded in all, also for one that falls silent in the middle of its
 *        answer;
 *   PE5  only inboxes are answered: another reply subject could be a subject of the log;
 *   PE6  a question ends at its owner when its asker goes: at once when the asker cancels it, or
 *        when its beats stop;
 *   PE7  the groups of a credential travel with the request, in a form that a node of an earlier
 *        release refuses: it would answer as if there were none;
 *   PE8  a question that the release of its owner does not understand may be asked again; one that
 *        it understands and refuses may not;
 *   PE9  a reply of which a message was lost, as in a reconnect, fails: none is short of words;
 *   PE10 a reply may be larger than a message: what an owner answers does not depend on which node
 *        was asked.
 */

import { createInbox, headers, type Msg, type MsgHdrs, type NatsConnection } from "nats";
import { errorFromBody, FreshetError, toFreshetError } from "../contract/errors.ts";
import { type DocumentId, tenantId } from "../contract/ids.ts";
import { isInbox } from "../contract/inbox.ts";
import { limits } from "../contract/limits.ts";
import type { Metrics } from "../contract/observation.ts";
import { type Answer, type AnswerEvent, parseQuestion, type Question } from "../contract/query.ts";
import type { QuotaUser, TenantUsage } from "../contract/quota.ts";
import type {
  AskRequest,
  DocumentPage,
  DocumentPageRequest,
  DocumentState,
  Peers,
  Reader,
  Service,
} from "../contract/service.ts";
import { noSpan, silentTracer, spanned, type Tracer, traceparentOf } from "../contract/tracing.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { Deadline, late, waitAtMost } from "../runtime/deadline.ts";
import { Askers } from "./nats-askers.ts";
import { HeardReplies, PeerReplies, takesParts } from "./nats-peer-replies.ts";

const encoder = new TextEncoder();
const encode = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value));

/** Node names may hold dots; a subject token may not. */
const tokenOf = (node: string): string => Buffer.from(node, "utf8").toString("base64url");
const subjectOf = (node: string, verb: string, tenant: string): string =>
  `freshet.peer.${tokenOf(node)}.${verb}.${tenant}`;

export function connectPeers(connection: NatsConnection, clock = systemClock): Peers {
  const asking = { connection, clock };
  return {
    ask: (
      node,
      { tenant, groups, question, credential, signal, onEvent, span: asker = noSpan },
    ) => {
      const body = { question, credential, stream: onEvent !== undefined, beats: true };
      const waitMs = question.deadline_ms + limits.peerMarginMs;
      const inbox = createInbox();
      const work = {
        beat: subjectOf(node, "beat", idOf(inbox)),
        cancel: subjectOf(node, "cancel", idOf(inbox)),
      };
      const addressed = addressedTo(node, { verb: "ask", reader: { tenant, groups } }, body);
      const span = asker.child("ask peer");
      const { traceparent } = span;
      const request = { ...addressed, waitMs, inbox, work, signal, onEvent, traceparent };
      return spanned(span, () => exchange<Answer>(asking, request));
    },
    document: (node, reader, id) => {
      const addressed = addressedTo(node, { verb: "document", reader }, { id });
      const waitMs = limits.peerMarginMs;
      return exchange<DocumentState>(asking, { ...addressed, waitMs, inbox: createInbox() });
    },
    documents: (node, reader, page) => {
      const addressed = addressedTo(node, { verb: "documents", reader }, page);
      const waitMs = limits.coldRequestMs + limits.peerMarginMs;
      return exchange<DocumentPage>(asking, { ...addressed, waitMs, inbox: createInbox() });
    },
    admit: async (node, { tenant, credential }, bytes) => {
      const subject = subjectOf(node, "admit", tenant);
      const body = encode({ credential, bytes } satisfies AdmittedByPeer);
      const waitMs = limits.quotaAskMs;
      await exchange<object>(asking, { subject, body, waitMs, inbox: createInbox() });
    },
    usage: (node, tenant) => {
      const subject = subjectOf(node, "usage", tenant);
      const waitMs = limits.peerMarginMs;
      return exchange<TenantUsage>(asking, {
        ...{ subject, body: encode({}), waitMs, inbox: createInbox() },
      });
    },
  };
}

/**
 * PE8. The question was checked here: an owner that refuses its form is of another release, and
 * will be replaced soon, as in the middle of an upgrade.
 */
function ofAnotherRelease(error: FreshetError, isUnderstood: boolean): FreshetError {
  if (error.code !== "invalid_request" || isUnderstood) return error;
  return new FreshetError("not_ready", "the tenant's node runs another release", { cause: error });
}

type Verb = "ask" | "document" | "documents";

/** PE7: what comes with groups has a verb of its own, and the request inside. */
function addressedTo(
  node: string,
  { verb, reader }: { readonly verb: Verb; readonly reader: Reader },
  body: unknown,
): Pick<Exchange, "subject" | "body"> {
  const { tenant, groups } = reader;
  if (groups === undefined) return { subject: subjectOf(node, verb, tenant), body: encode(body) };
  const restricted: RestrictedByPeer = { groups, verb, request: body };
  return { subject: subjectOf(node, "restricted", tenant), body: encode(restricted) };
}

interface Exchange {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly waitMs: number;
  readonly inbox: string;
  /** Where work that lasts is kept alive, and ended (PE6). */
  readonly work?: { readonly beat: string; readonly cancel: string };
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: AskRequest["onEvent"];
  readonly traceparent?: string | undefined;
}

/** One request and its replies, the last of which is the result. */
async function exchange<Result>(
  { connection, clock }: { readonly connection: NatsConnection; readonly clock: Clock },
  options: Exchange,
): Promise<Result> {
  const { subject, body, waitMs, inbox, work, signal, onEvent, traceparent } = options;
  if (signal?.aborted) throw new FreshetError("cancelled");
  const replies = connection.subscribe(inbox);
  const heard = new HeardReplies();
  // PE4: the client's own time-out on a subscription ends with the first message.
  const deadline = new Deadline(clock, waitMs, signal);
  const gone = (): void => replies.unsubscribe();
  deadline.signal.addEventListener("abort", gone, { once: true });
  const beats = work && setInterval(() => tell(connection, work.beat), limits.peerBeatMs);
  let isOver = false;
  try {
    connection.publish(subject, body, { reply: inbox, headers: headersOf(traceparent) });
    for await (const message of replies) {
      isOver = hasNoSubscriber(message);
      if (isOver) throw new FreshetError("not_ready");
      const reply = heard.next(message);
      if (reply === undefined) continue;
      const { event, value, isUnderstood } = reply;
      const error = errorFromBody(value);
      isOver = error !== undefined || event === "done";
      if (error !== undefined) throw work ? ofAnotherRelease(error, isUnderstood) : error;
      if (isOver) return value as Result;
      onEvent?.(value as AnswerEvent);
    }
    throw new FreshetError(signal?.aborted ? "cancelled" : "not_ready");
  } catch (thrown) {
    if (thrown instanceof FreshetError) throw thrown;
    throw new FreshetError("not_ready", undefined, { cause: thrown });
  } finally {
    deadline.clear();
    clearInterval(beats);
    deadline.signal.removeEventListener("abort", gone);
    replies.unsubscribe();
    if (work !== undefined && !isOver) tell(connection, work.cancel);
  }
}

function headersOf(traceparent: string | undefined): MsgHdrs {
  const named = takesParts(headers());
  if (traceparent !== undefined) named.set("traceparent", traceparent);
  return named;
}

/** Best effort: what does not arrive counts as a missing beat. */
function tell(connection: NatsConnection, subject: string): void {
  if (!connection.isClosed()) connection.publish(subject);
}

/** Which question a message is about: the last token of its reply subject. */
function idOf(inbox: string): string {
  return inbox.slice(inbox.lastIndexOf(".") + 1);
}

/** The server's own answer when there is no subscriber (PE2). */
function hasNoSubscriber(message: Msg): boolean {
  return message.data.length === 0 && message.headers?.code === 503;
}

interface AnsweredToPeers extends Pick<Service, "ask" | "document" | "documents" | "usage"> {
  admit(user: QuotaUser, bytes: number): Promise<void>;
}

export interface PeerServerOptions {
  readonly connection: NatsConnection;
  readonly node: string;
  /** What this node answers by itself (PE1). */
  readonly local: AnsweredToPeers;
  readonly stopMs: number;
  readonly metrics: Metrics;
  readonly tracer?: Tracer | undefined;
  readonly clock?: Clock | undefined;
}

export interface PeerServer {
  /** Takes no new request, waits for those it has. */
  close(): Promise<void>;
}

export async function servePeers(options: PeerServerOptions): Promise<PeerServer> {
  const { connection, node, stopMs, metrics, clock = systemClock } = options;
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const askers = new Askers(limits.peerSilenceMs, clock);
  const subscription = connection.subscribe(`freshet.peer.${tokenOf(node)}.*.*`, {
    callback: (error, message) => {
      if (error !== null || hear(askers, message)) return;
      if (!isInbox(message.reply)) {
        metrics.count("replies_refused_total", { surface: "peer" });
        return;
      }
      const run = serve(options, message, { stopping: stopping.signal, askers }).finally(() =>
        running.delete(run),
      );
      running.add(run);
    },
  });
  await connection.flush();
  return {
    async close() {
      subscription.unsubscribe();
      const ended = Promise.allSettled(running);
      if ((await waitAtMost(clock, stopMs, ended)) !== late) return;
      stopping.abort(new FreshetError("not_ready"));
      await ended;
    },
  };
}

/** A beat or a cancel for a question that is being worked on (PE6); true when it was one. */
function hear(askers: Askers, message: Msg): boolean {
  const [verb, id] = verbOf(message);
  if (verb === "beat") askers.beat(id);
  if (verb === "cancel") askers.cancel(id);
  return verb === "beat" || verb === "cancel";
}

/** Never rejects: every failure is sent to the peer. */
async function serve(
  { connection, local, tracer = silentTracer }: PeerServerOptions,
  message: Msg,
  { stopping, askers }: { readonly stopping: AbortSignal; readonly askers: Askers },
): Promise<void> {
  const payloadMax = connection.info?.max_payload ?? limits.docsMessageBytesMax;
  const replies = new PeerReplies(message, payloadMax);
  const respond = (event: string, value: unknown): void => replies.send(event, value);
  const asker = askers.take(idOf(message.reply ?? ""));
  try {
    const { verb, reader, body } = requestOf(message);
    if (verb === "document") {
      const { id } = body as { readonly id: DocumentId };
      return respond("done", await local.document(reader, id));
    }
    if (verb === "documents") {
      return respond("done", await local.documents(reader, body as DocumentPageRequest));
    }
    if (verb === "admit") {
      const { credential, bytes } = body as AdmittedByPeer;
      await local.admit({ tenant: reader.tenant, credential }, bytes);
      return respond("done", {});
    }
    if (verb === "usage") return respond("done", await local.usage(reader.tenant));
    const asked = body as AskedByPeer;
    if (asked.beats === true) asker.expectBeats();
    const onEvent = (event: AnswerEvent): void => respond(event.type, event);
    const question = parseQuestion(asked.question);
    replies.isUnderstood = true;
    const signal = AbortSignal.any([stopping, asker.gone]);
    const { credential } = asked;
    const traceparent = traceparentOf(message.headers?.get("traceparent"));
    // Who asks has begun the trace; without one it is not this node's to begin.
    const span = traceparent === undefined ? noSpan : tracer.start("answer peer", { traceparent });
    const about = { ...reader, question, credential, signal, span };
    const asking = { ...about, ...(asked.stream ? { onEvent } : {}) };
    respond("done", await spanned(span, () => local.ask(asking)));
  } catch (thrown) {
    // An asker that fell silent but is alive may ask again; it has not cancelled anything.
    const error = asker.gone.aborted ? new FreshetError("not_ready") : toFreshetError(thrown);
    replies.fail(error);
  } finally {
    asker.done();
  }
}

interface AdmittedByPeer {
  readonly credential: string | undefined;
  readonly bytes: number;
}

interface AskedByPeer {
  readonly question: Question;
  readonly credential?: string | undefined;
  readonly stream: boolean;
  /** The asker beats while it waits; those of earlier versions do not. */
  readonly beats?: boolean;
}

/** PE7. */
interface RestrictedByPeer {
  readonly groups: readonly string[];
  readonly verb: Verb;
  readonly request: unknown;
}

interface PeerRequest {
  readonly verb: string;
  readonly reader: Reader;
  readonly body: unknown;
}

/** @throws FreshetError invalid_json, invalid_tenant, invalid_request */
function requestOf(message: Msg): PeerRequest {
  const [verb, name] = verbOf(message);
  const tenant = tenantId(name);
  const body = bodyOf(message);
  if (verb !== "restricted") return { verb, reader: { tenant }, body };
  const { groups, verb: own, request } = body as Partial<RestrictedByPeer>;
  // Without them the request would see everything.
  if (!Array.isArray(groups) || own === undefined) throw new FreshetError("invalid_request");
  return { verb: own, reader: { tenant, groups }, body: request ?? {} };
}

/** What a peer of this release sent. @throws FreshetError invalid_json */
function bodyOf(message: Msg): unknown {
  try {
    return message.json();
  } catch (cause) {
    throw new FreshetError("invalid_json", undefined, { cause });
  }
}

function verbOf({ subject }: Msg): readonly [verb: string, name: string] {
  const [verb = "", name = ""] = subject.split(".").slice(-2);
  return [verb, name];
}
