/** NP5: an endless read beside a copy of the log that gets nothing new, though its heartbeats come. */

import { describe, expect, it } from "vitest";
import { tenantId } from "../../src/contract/ids.ts";
import { emptyManifest } from "../../src/contract/manifest.ts";
import type { NatsLog } from "../../src/log/nats/log.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { startPrivateNats } from "../support/private-nats.ts";
import { connectTo } from "./nats-harness.ts";

const stream = "KV_freshet_manifests";

/** Each test has its own server: they wait for pulls of ten seconds, side by side. */
async function opened() {
  const server = await startPrivateNats();
  const log = await connectTo(server);
  const ends = new AbortController();
  const watch = log.manifests.watch(ends.signal)[Symbol.asyncIterator]();
  const close = async () => {
    ends.abort();
    await log.close();
    await server[Symbol.asyncDispose]();
  };
  return { log, watch, [Symbol.asyncDispose]: close };
}

async function consumersOf(log: NatsLog): Promise<readonly string[]> {
  const manager = await log.connection.jetstreamManager();
  const found = [];
  for await (const { name } of manager.consumers.list(stream)) found.push(name);
  return found;
}

/** The server delivers nothing to it, answers its pulls, and says that it lives. */
async function silence(log: NatsLog, consumer: string): Promise<void> {
  const until = new Date(systemClock.nowMs() + 3_600_000).toISOString();
  const subject = `$JS.API.CONSUMER.PAUSE.${stream}.${consumer}`;
  const answer = await log.connection.request(subject, JSON.stringify({ pause_until: until }));
  expect(answer.json()).toMatchObject({ paused: true });
}

describe.concurrent("an endless read", () => {
  it("is begun anew beside another copy, and reads what the leader has, once", async () => {
    await using site = await opened();
    const { log, watch } = site;
    const [tenant, other] = [tenantId("acme"), tenantId("other")];
    await log.manifests.commit(tenant, emptyManifest, 0);
    expect((await watch.next()).value).toMatchObject({ tenant });
    const next = watch.next();
    const [silent = ""] = await consumersOf(log);
    await silence(log, silent);
    await log.manifests.commit(other, emptyManifest, 0);
    expect((await next).value).toMatchObject({ tenant: other });
    expect(await consumersOf(log)).not.toContain(silent);
  }, 60_000);

  it("goes on where nothing is for it, whatever else the stream gets", async () => {
    await using site = await opened();
    const { log, watch } = site;
    void watch.next();
    await expect.poll(() => consumersOf(log)).toHaveLength(1);
    const before = await consumersOf(log);
    for (let round = 0; round < 64; round += 1) {
      log.connection.publish("$KV.freshet_manifests.deployment", "{}");
      await systemClock.sleep(500);
    }
    expect(await consumersOf(log)).toEqual(before);
  }, 60_000);
});
