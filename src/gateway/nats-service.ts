/**
 * The NATS micro service `freshet`: `nats req query.<tenant> '{"query": "…"}'`, and what else can
 * be asked for (nats-endpoints.ts).
 *
 * Owns its subscriptions, not the connection. Receives requests in a queue group, so that any node
 * answers and each is answered once, and cancels (nats-work.ts), which every node hears. Sends a
 * reply in pieces (nats-pieces.ts): one, `done`, unless the request asks for a stream. Never trusts
 * a tenant in a body: the subject says it, and the server's permissions guard the subject. A
 * message names no credential, so it has no groups: who may ask here sees everything of the tenant.
 *
 * Never answers to anything but an inbox: what a requester chose as reply could be a subject of the
 * log.
 *
 * N1  an error reply carries `Nats-Service-Error(-Code)` and the same JSON body as everywhere.
 * N2  a stop takes no new request and waits for those it has, but for those that only wait for
 *     events: they are told at once, and ask another node.
 * N3  a subject that the server does not let this user answer costs only what is asked there.
 * N4  a server that says nothing, or is away, holds a stop up for `natsDrainMs` at most.
 */

import { type Endpoint, Match, type NatsConnection, type ServiceMsg } from "nats";
import { type AuditEvent, type AuditTrail, noAudit } from "../contract/audit.ts";
import { type ErrorCode, FreshetError } from "../contract/errors.ts";
import { isTenantId, tenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { type Logger, type Metrics, silentLogger } from "../contract/observation.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { waitAtMost } from "../runtime/deadline.ts";
import type { Handler } from "./handler.ts";
import { type NatsEndpoint, natsEndpoints, schemasOf } from "./nats-endpoints.ts";
import { Pieces } from "./nats-pieces.ts";
import { answeringInboxes } from "./nats-replies.ts";
import { EndpointStats } from "./nats-stats.ts";
import { NatsWork } from "./nats-work.ts";
import { PublishBodies } from "./publish-bodies.ts";

export interface NatsServiceOptions {
  readonly connection: NatsConnection;
  readonly handler: Handler;
  readonly version: string;
  readonly stopMs: number;
  readonly metrics: Metrics;
  readonly log?: Logger | undefined;
  readonly clock?: Clock | undefined;
  /** Undefined: nobody writes down who asked. */
  readonly audit?: AuditTrail | undefined;
  /** What publishes of all surfaces of the node share; a pool of its own without. */
  readonly bodies?: PublishBodies | undefined;
}

export interface NatsService {
  close(): Promise<void>;
}

const queueGroup = "freshet";

export async function startNatsService(options: NatsServiceOptions): Promise<NatsService> {
  const { version, stopMs, metrics, log = silentLogger, clock = systemClock } = options;
  const onRefused = (subject: string): void =>
    log.warn(
      { subject },
      "the server does not let this user answer there: renew it with freshet tenant engine",
    );
  const connection = answeringInboxes(options.connection, {
    ...{ surface: "service", metrics, onRefused },
  });
  const work = new NatsWork(options.connection);
  const running = new Set<Promise<void>>();
  const stats = new Map(natsEndpoints.map(({ name }) => [name as string, new EndpointStats()]));
  const service = await connection.services.add({
    name: "freshet",
    version,
    description: "answers with sources over documents that arrived a moment ago",
    queue: queueGroup,
    statsHandler: async (endpoint) => show(endpoint, stats, work),
  });
  const replier = repliesOf(options, work, stats);
  for (const endpoint of natsEndpoints) {
    service.addEndpoint(endpoint.name, {
      subject: endpoint.subject,
      metadata: schemasOf(endpoint),
      handler: (error, message) => {
        if (error !== null) return;
        const run = replier(endpoint, message).finally(() => running.delete(run));
        running.add(run);
      },
    });
  }
  // Once this returns, a request from anywhere finds the service.
  await connection.flush();
  return {
    async close() {
      // N4. Its subscriptions drain with the server's word that they have ended.
      await waitAtMost(
        clock,
        limits.natsDrainMs,
        Promise.race([service.stop(), options.connection.closed()]).catch(() => {}),
      );
      work.endWaiting(new FreshetError("not_ready"));
      const cut = setTimeout(() => work.endAll(new FreshetError("not_ready")), stopMs);
      await Promise.allSettled(running);
      clearTimeout(cut);
      work.close();
    },
  };
}

/** The library gives the endpoint with its own numbers, and reads them again after this. */
function show(
  endpoint: Endpoint,
  all: ReadonlyMap<string, EndpointStats>,
  work: NatsWork,
): object | null {
  const { name, stats: shown } = endpoint as Endpoint & { name: string; stats: object };
  const stats = all.get(name);
  if (stats === undefined) return null;
  Object.assign(shown, stats.shown());
  return { in_flight: stats.inFlight, cancelled: work.cancelled };
}

/** Never rejects: what goes wrong is the reply, and its code the outcome. */
function repliesOf(
  {
    handler,
    connection,
    clock = systemClock,
    audit = noAudit,
    bodies = new PublishBodies(),
  }: NatsServiceOptions,
  work: NatsWork,
  stats: ReadonlyMap<string, EndpointStats>,
) {
  const parts = { handler, bodies };
  return async (endpoint: NatsEndpoint, message: ServiceMsg): Promise<void> => {
    const counted = stats.get(endpoint.name);
    const begunMs = clock.monotonicMs();
    counted?.begin();
    let more: Partial<AuditEvent> = {};
    const tell = (said: Partial<AuditEvent>): void => void (more = said);
    const bytesMax = connection.info?.max_payload ?? limits.docsMessageBytesMax;
    const outcome = await reply({ ...{ endpoint, message, parts, work, bytesMax }, tell });
    counted?.end(outcome, clock.monotonicMs() - begunMs);
    if (endpoint.operation === "status" && outcome === "ok") return;
    audit.record({ ...eventOf(endpoint, message.subject, outcome), ...more });
  };
}

interface ReplyTo {
  readonly endpoint: NatsEndpoint;
  readonly message: ServiceMsg;
  readonly parts: { readonly handler: Handler; readonly bodies: PublishBodies };
  readonly work: NatsWork;
  readonly bytesMax: number;
  readonly tell: (more: Partial<AuditEvent>) => void;
}

async function reply(to: ReplyTo): Promise<"ok" | ErrorCode> {
  const { endpoint, message, parts, work, bytesMax } = to;
  const begun = begin(message, work, endpoint);
  const pieces = new Pieces({ message, bytesMax, gone: begun?.gone });
  try {
    if (begun === undefined) throw new FreshetError("invalid_tenant");
    if (message.data.byteLength > endpoint.bytesMax) {
      const says = `a request here has at most ${endpoint.bytesMax} bytes`;
      throw new FreshetError("document_too_large", says);
    }
    const answer = await endpoint.answer(parts, {
      ...{ tenant: begun.tenant, data: message.data, signal: begun.signal, tell: to.tell },
      header: (name) => headerOf(message, name),
      openStream: () => {
        pieces.open();
        return (event) => {
          try {
            pieces.send(event.type, event);
          } catch (thrown) {
            begun.end(parts.handler.explain(thrown));
          }
        };
      },
    });
    pieces.finish(answer);
    return "ok";
  } catch (thrown) {
    const error = parts.handler.explain(thrown);
    pieces.fail(error);
    return error.code;
  } finally {
    begun?.done();
  }
}

function begin(message: ServiceMsg, work: NatsWork, { operation }: NatsEndpoint) {
  const token = tokenOf(message.subject);
  if (!isTenantId(token)) return undefined;
  const tenant = tenantId(token);
  const id = headerOf(message, "Freshet-Request-Id");
  return { tenant, ...work.begin(tenant, id, operation === "listen") };
}

/** A header that is not there is an empty text for the library. */
function headerOf({ headers }: ServiceMsg, name: string): string | undefined {
  // Clients spell names as their languages do: a few send all of them in small letters.
  const value = headers?.get(name, Match.IgnoreCase) ?? "";
  return value === "" ? undefined : value;
}

const tokenOf = (subject: string): string => subject.split(".")[1] ?? "";

/** The subject names the tenant; who may use it the server decides, and does not tell. */
function eventOf(
  { operation }: NatsEndpoint,
  subject: string,
  outcome: "ok" | ErrorCode,
): AuditEvent {
  const token = tokenOf(subject);
  const tenant = isTenantId(token) ? token : undefined;
  return { tenant, credential: "nats", surface: "nats", operation, outcome };
}
