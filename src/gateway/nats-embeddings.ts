/**
 * Vectors over NATS: what an embed server answers below one subject.
 *
 * Owns its subscriptions, not the connection. Receives under `<subject>`:
 *   `.ask`        in a queue group: the body of `/v1/embeddings`, from anybody whom the server's
 *                 permissions let; one server answers;
 *   `.who`        every server says its id and its model, so that engines find it;
 *   `.at.<id>`    as `.ask`, to this server alone; engines spread their work by themselves;
 *   `.alive.<id>` answered at once. When this process has gone NATS itself says so.
 *
 *   NV1  an error reply carries `Nats-Service-Error(-Code)`, `Retry-After` and the JSON body of
 *        errors, as of every NATS service here;
 *   NV2  only inboxes are answered;
 *   NV3  a stop takes no new request and waits for those it has, `stopMs` at most.
 */

import { type Msg, type NatsConnection, type Subscription } from "nats";
import { FreshetError } from "../contract/errors.ts";
import { tenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Logger, Metrics } from "../contract/observation.ts";
import { explaining } from "./handler.ts";
import { parseJson } from "./json.ts";
import { respondError } from "./nats-errors.ts";
import { answeringInboxes } from "./nats-replies.ts";
import { describeModel, type EmbeddingsHandler } from "./openai/embeddings.ts";

export interface NatsEmbeddingsOptions {
  readonly connection: NatsConnection;
  readonly subject: string;
  /** Of this server, unique. */
  readonly id: string;
  readonly embeddings: EmbeddingsHandler;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly stopMs: number;
}

const queueGroup = "freshet-embed";
/** Whose turn it is among callers of other ways; who calls here is not known. */
const caller = { tenant: tenantId("nats"), credential: "nats" };

export async function serveEmbeddings(
  options: NatsEmbeddingsOptions,
): Promise<{ close(): Promise<void> }> {
  const { subject, id, embeddings, metrics } = options;
  const connection = answeringInboxes(options.connection, { surface: "service", metrics });
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const work = (error: Error | null, message: Msg): void => {
    if (error !== null) return;
    const run = answer(options, message, stopping.signal).finally(() => running.delete(run));
    running.add(run);
  };
  const who = encode({ id, model: embeddings.model.name, ...describeModel(embeddings.model) });
  const says = (said: Uint8Array) => (error: Error | null, message: Msg) => {
    if (error === null) message.respond(said);
  };
  const subscriptions: readonly Subscription[] = [
    connection.subscribe(`${subject}.ask`, { queue: queueGroup, callback: work }),
    connection.subscribe(`${subject}.at.${id}`, { callback: work }),
    connection.subscribe(`${subject}.alive.${id}`, { callback: says(encode({ id })) }),
    connection.subscribe(`${subject}.who`, { callback: says(who) }),
  ];
  // Once this returns, a request from anywhere finds the server.
  await connection.flush();
  return {
    async close() {
      for (const subscription of subscriptions) subscription.unsubscribe();
      const gone = new FreshetError("embedding_unavailable", "the embed server stops");
      const cut = setTimeout(() => stopping.abort(gone), options.stopMs);
      await Promise.allSettled(running);
      clearTimeout(cut);
    },
  };
}

/** Never rejects: what goes wrong is the reply. */
async function answer(
  { connection, embeddings, log }: NatsEmbeddingsOptions,
  message: Msg,
  signal: AbortSignal,
): Promise<void> {
  let release: (() => void) | undefined;
  try {
    if (message.data.byteLength > limits.embeddingsBytesMax) {
      throw new FreshetError("document_too_large", "the body is above the size limit");
    }
    release = embeddings.hold(caller.tenant, message.data.byteLength);
    const body = parseJson(message.data);
    const reply = encode(await embeddings.embed({ ...caller, body, signal }));
    const bytesMax = connection.info?.max_payload ?? reply.byteLength;
    if (reply.byteLength > bytesMax) {
      const says = `the vectors are above NATS' ${bytesMax} bytes: send fewer texts, or ask for base64`;
      throw new FreshetError("document_too_large", says);
    }
    message.respond(reply);
  } catch (thrown) {
    respondError(message, explaining(log)(thrown));
  } finally {
    release?.();
  }
}

const encoder = new TextEncoder();
const encode = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value));
