/** The NATS log on a private server, with the hooks of the conformance suite. */

import { ErrorCode, NatsError, nanos } from "nats";
import type { DocumentEvent } from "../../src/contract/events.ts";
import { partitionOf, type TenantId } from "../../src/contract/ids.ts";
import { connectNatsLog, type NatsLog, type NatsLogOptions } from "../../src/log/nats/log.ts";
import { messageHeaders } from "../../src/log/nats/publish.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import type { LogHarness } from "./harness.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
export const testPartitions = 8;

/** What is published there takes the place of the tenant's manifest. */
export const manifestSubject = (tenant: string): string => `$KV.freshet_manifests.tenant.${tenant}`;

export function connectTo(
  server: Pick<PrivateNats, "url">,
  options: Partial<NatsLogOptions> = {},
): Promise<NatsLog> {
  return connectNatsLog({
    servers: server.url,
    partitions: testPartitions,
    clock: systemClock,
    logger: silent,
    ...options,
  });
}

export const loseNextAppendAck = (log: NatsLog): void => loseNextAnswer(log, "chunks.");

/** The answer to the next request on a subject that starts so arrives, and is thrown away. */
export function loseNextAnswer(log: NatsLog, subjects: string): void {
  const { connection } = log;
  const request = connection.request.bind(connection);
  connection.request = async (subject, payload, options) => {
    const answer = await request(subject, payload, options);
    if (!subject.startsWith(subjects)) return answer;
    connection.request = request;
    throw NatsError.errorForCode(ErrorCode.Timeout);
  };
}

/**
 * What a server says in answer to requests on subjects that start so is changed; returns the
 * function that ends it.
 */
export function rewriteAnswers(
  { connection }: Pick<NatsLog, "connection">,
  subjects: string,
  rewrite: (answer: Readonly<Record<string, unknown>>) => object,
): () => void {
  const request = connection.request.bind(connection);
  connection.request = async (subject, payload, options) => {
    const answer = await request(subject, payload, options);
    if (!subject.startsWith(subjects)) return answer;
    const data = new TextEncoder().encode(JSON.stringify(rewrite(answer.json())));
    return Object.create(answer, { data: { value: data } });
  };
  return () => {
    connection.request = request;
  };
}

export async function openNatsHarness(): Promise<LogHarness> {
  const server = await startPrivateNats();
  const harness = await harnessOf(server);
  return {
    ...harness,
    async close() {
      await harness.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** On servers that others start and stop. */
export async function harnessOf(
  servers: Pick<PrivateNats, "url">,
  more: Partial<NatsLogOptions> = {},
): Promise<LogHarness> {
  const { leaseMs = 1_000 } = more;
  const options = { ...more, leaseMs };
  const log = await connectTo(servers, options);
  const other = await connectTo(servers, options);
  return {
    log,
    other,
    async publishRaw(tenant, payload) {
      await log.connection.jetstream().publish(`docs.${tenant}`, payload);
    },
    async putForeignRecord(tenant, headers, body = new Uint8Array()) {
      const subject = `chunks.${partitionOf(tenant, testPartitions)}.${tenant}`;
      const options = { headers: messageHeaders(headers) };
      await log.connection.jetstream().publish(subject, body, options);
    },
    async putForeignManifest(tenant, payload) {
      await log.connection.jetstream().publish(manifestSubject(tenant), payload);
    },
    async putForeignLetter(tenant, version) {
      await log.connection.jetstream().publish(`dlq.${tenant}.${version}`, "{}");
    },
    loseNextAppendAck: () => loseNextAppendAck(log),
    atNextMoment: async () => {
      await systemClock.sleep(20);
      return systemClock.nowMs();
    },
    letLeasesExpire: () => untilEmpty(log, "KV_freshet_leases"),
    setServerClockBack: () => keepAnHour(log, "KV_freshet_leases"),
    passLeaseTime: (parts) => systemClock.sleep(parts * leaseMs),
    listen: (tenant) => listen(other, tenant),
    async close() {
      await Promise.all([log.close(), other.close()]);
    },
  };
}

async function untilEmpty(log: NatsLog, stream: string): Promise<void> {
  const manager = await log.connection.jetstreamManager();
  while ((await manager.streams.info(stream)).state.messages > 0) await systemClock.sleep(50);
}

/**
 * No test can set a server's clock; what a clock that was set back does is that messages outlive
 * their time.
 */
async function keepAnHour(log: NatsLog, stream: string): Promise<void> {
  const manager = await log.connection.jetstreamManager();
  await manager.streams.update(stream, { max_age: nanos(3_600_000) });
}

async function listen(log: NatsLog, tenant: TenantId): ReturnType<LogHarness["listen"]> {
  const subscription = log.connection.subscribe(`events.${tenant}`, { max: 1 });
  // The event is published over another connection: only a round trip says that the server knows
  // us.
  await log.connection.flush();
  const first = async (): Promise<DocumentEvent> => {
    for await (const message of subscription) return message.json<DocumentEvent>();
    throw new Error("the subscription ended without an event");
  };
  return { event: first() };
}
