/** On a real server: what is made later finds room beside a log that takes all it can get. */

import { expect, it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { NatsSourceStore } from "../../src/ingest/nats-source-store.ts";
import { NatsEndpoints } from "../../src/log/nats/endpoints.ts";
import { plannedBytes, plannedSumBytes } from "../../src/log/nats/room.ts";
import { streamRoles } from "../../src/log/nats/streams.ts";
import { startPrivateNats } from "../support/private-nats.ts";
import { connectTo } from "./nats-harness.ts";

const tenant = "acme" as TenantId;
const sumOfLog = (halvings: number): number =>
  streamRoles.reduce((sum, role) => sum + plannedBytes(role, halvings), 0);

/** A disk that a plan of the log alone, or of all, fits to the byte. */
const disks = [0, 1, 6].flatMap((halvings) => [
  { what: `the log alone, halved ${halvings} times`, storeBytesMax: sumOfLog(halvings) },
  { what: `all, halved ${halvings} times`, storeBytesMax: plannedSumBytes(halvings) },
]);

it.each(disks)(
  "the trail, feedback, webhooks and sources have room on a disk that fits $what",
  async ({ storeBytesMax }) => {
    await using server = await startPrivateNats({ storeBytesMax });
    const log = await connectTo(server);
    const { connection } = log;
    const endpoints = new NatsEndpoints({ connection, replicas: 1 });
    const sources = new NatsSourceStore({ connection, replicas: 1 });

    expect(await log.audit.ensure()).toBe(true);
    await log.feedback.append(tenant, new TextEncoder().encode("{}"));
    expect(await endpoints.all()).toEqual([]);
    expect(await sources.list()).toEqual([]);
    const held = await log.audit.holdings();
    expect(held?.bytesMax).toBeGreaterThanOrEqual(limits.streamBytesMin);
    await log.close();
  },
);
