/**
 * Embed servers of Freshet on NATS: finding those that answer below a subject, and asking each by
 * its own.
 *
 * Owns: the search for servers. Never: closes the connection that it was given unless told how.
 * A server that ends is known at once: NATS says that nobody listens.
 */

import { ErrorCode, type Msg, type NatsConnection, NatsError, RequestStrategy } from "nats";
import { z } from "zod";
import { limits } from "../contract/limits.ts";
import type { Clock } from "../runtime/clock.ts";
import { raceAbort } from "../runtime/race-abort.ts";
import { type Failure, failureOfStatus } from "./remote-failure.ts";
import type { LinkRequest, ServerLink } from "./remote-link.ts";
import { type Reply, readReply, requestBody, splitTexts } from "./remote-wire.ts";

export interface Discovery {
  /** Those that are there now. */
  first(): Promise<readonly ServerLink[]>;
  /** Called once; tells of others as they come and go. */
  follow(to: {
    /** Of the links that are known. */
    readonly names: () => ReadonlySet<string>;
    readonly found: (link: ServerLink) => void;
    readonly lost: (name: string) => void;
  }): void;
  close(): Promise<void>;
}

export interface NatsDiscoveryOptions {
  readonly connection: NatsConnection;
  readonly subject: string;
  /** Sent as `model`; undefined where any will do. */
  readonly model: string | undefined;
  readonly dimensions: number;
  readonly clock: Clock;
  /** Ends the connection. */
  readonly close: () => Promise<void>;
}

const whoSchema = z.looseObject({ id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/) });
const shape = { shape: "openai" } as const;
/** Searches in a row without an answer of a server, until it is forgotten. */
const missedMax = 5;

export function discoverOnNats(options: NatsDiscoveryOptions): Discovery {
  const { clock } = options;
  const ending = new AbortController();
  let following: Promise<void> = Promise.resolve();
  return {
    first: async () => [...(await idsThere(options))].map((id) => natsLink(options, id)),
    follow(to) {
      const missed = new Map<string, number>();
      const look = async (): Promise<void> => {
        const ids = await idsThere(options);
        const known = to.names();
        for (const id of ids) if (!known.has(nameOf(options, id))) to.found(natsLink(options, id));
        const there = new Set([...ids].map((id) => nameOf(options, id)));
        for (const name of known) {
          const count = there.has(name) ? 0 : (missed.get(name) ?? 0) + 1;
          missed.set(name, count);
          if (count < missedMax) continue;
          missed.delete(name);
          to.lost(name);
        }
      };
      following = (async () => {
        while (!ending.signal.aborted) {
          await clock.sleep(limits.embedDiscoverEveryMs, ending.signal);
          if (!ending.signal.aborted) await look();
        }
      })();
    },
    async close() {
      ending.abort();
      await following;
      await options.close();
    },
  };
}

const nameOf = ({ subject }: NatsDiscoveryOptions, id: string): string => `${subject}/${id}`;

/** Empty while NATS is away. */
async function idsThere({
  connection,
  subject,
}: NatsDiscoveryOptions): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  try {
    const answers = await connection.requestMany(`${subject}.who`, undefined, {
      strategy: RequestStrategy.Timer,
      maxWait: limits.embedDiscoverMs,
      maxMessages: limits.embedPoolServersMax,
    });
    for await (const answer of answers) {
      const who = whoSchema.safeParse(parseJson(answer));
      if (who.success && ids.size < limits.embedPoolServersMax) ids.add(who.data.id);
    }
  } catch {
    // Nobody listens, or there is no connection: both pass.
  }
  return ids;
}

function natsLink(options: NatsDiscoveryOptions, id: string): ServerLink {
  const { connection, subject } = options;
  return {
    name: nameOf(options, id),
    // Nothing tells of its end before it is asked, and asking costs nothing.
    silentMs: limits.embedPoolLookMs,
    send: (request, signal) => send(options, { id, request, signal }),
    async isAlive(signal) {
      const asked = connection.request(`${subject}.alive.${id}`, undefined, {
        timeout: limits.embedPoolAliveMs,
      });
      return raceAbort(asked, signal).then(
        () => true,
        () => false,
      );
    },
    close: async () => {},
  };
}

interface Asked {
  readonly id: string;
  readonly request: LinkRequest;
  readonly signal: AbortSignal | undefined;
}

/** Texts of one request of HTTP may be more than one message of NATS holds. */
async function send(options: NatsDiscoveryOptions, asked: Asked): Promise<Reply> {
  const { texts } = asked.request;
  const replies: Reply[] = [];
  for (const part of splitTexts(texts, limits.embedNatsBodyBytesMax)) {
    const reply = await sendPart(options, { ...asked, request: { ...asked.request, texts: part } });
    if (reply.kind !== "vectors") return reply;
    replies.push(reply);
  }
  const whole = replies.flatMap((reply) => (reply.kind === "vectors" ? [reply] : []));
  const [first] = whole;
  if (first === undefined) return { kind: "broken" };
  return { ...first, vectors: whole.flatMap(({ vectors }) => vectors) };
}

async function sendPart(
  { connection, subject, model, dimensions, clock }: NatsDiscoveryOptions,
  { id, request, signal }: Asked,
): Promise<Reply> {
  const { fingerprint, ...texts } = request;
  const body = new TextEncoder().encode(requestBody(shape, texts, { model, fingerprint }));
  const timeout = limits.embedRemoteRequestMs;
  try {
    const asked = connection.request(`${subject}.at.${id}`, body, { timeout });
    const answer = await raceAbort(asked, signal ?? new AbortController().signal);
    const code = answer.headers?.get("Nats-Service-Error-Code") ?? "";
    const retryAfter = answer.headers?.get("Retry-After");
    if (code !== "") return failureOfStatus(Number(code), retryAfter || undefined, clock.nowMs());
    return readReply(shape, answer.string(), { count: request.texts.length, dimensions });
  } catch (thrown) {
    if (signal?.aborted === true) throw thrown;
    return failureOf(thrown);
  }
}

function failureOf(thrown: unknown): Failure {
  const code = thrown instanceof NatsError ? thrown.code : "";
  if (code === ErrorCode.Timeout) return { kind: "unanswered", reason: "timeout" };
  const reason = code === ErrorCode.NoResponders ? "has ended" : "no connection to NATS";
  return { kind: "down", reason, retryAfterMs: undefined };
}

function parseJson(message: Msg): unknown {
  try {
    return message.json();
  } catch {
    return undefined;
  }
}
