/** What nats-server says of a message that is gone, by the kind of its stream. */

import { StorageType } from "nats";
import { expect, it } from "vitest";
import { noCounts, type SourceState } from "../../src/contract/source.ts";
import { isMessageGone as isGoneForSources } from "../../src/ingest/nats-errors.ts";
import { NatsSourceStore } from "../../src/ingest/nats-source-store.ts";
import { isMessageGone } from "../../src/log/nats/errors.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { streamSource } from "../ingest/sources/conformance.ts";
import { startPrivateNats } from "../support/private-nats.ts";
import { connectTo } from "./nats-harness.ts";

it.each([StorageType.File, StorageType.Memory])(
  "a removal of what is gone is no failure, in a stream in %s",
  async (storage) => {
    await using server = await startPrivateNats();
    const log = await connectTo(server);
    const { connection } = log;
    const js = connection.jetstream();
    const { streams } = await js.jetstreamManager();
    await streams.add({ name: "kept", subjects: ["kept"], storage, max_msgs_per_subject: 1 });
    for (let count = 0; count < 3; count += 1) await js.publish("kept");
    const removed = (seq: number, erase: boolean) =>
      streams.deleteMessage("kept", seq, erase).catch((thrown: unknown) => ({
        log: isMessageGone(thrown),
        sources: isGoneForSources(thrown),
      }));
    const gone = { log: true, sources: true };
    for (const erase of [true, false]) {
      expect([await removed(1, erase), await removed(99, erase)]).toEqual([gone, gone]);
    }
    expect([await removed(3, true), await removed(3, true)]).toEqual([true, gone]);
    await expect(streams.deleteMessage("absent", 1).catch(isMessageGone)).resolves.toBe(false);
    await log.close();
  },
);

it("a source is removed while its reader still says how far it is", async () => {
  await using server = await startPrivateNats();
  const log = await connectTo(server);
  const { connection } = log;
  const store = new NatsSourceStore({ connection, replicas: 1 });
  const source = streamSource("busy", "rows");
  await store.add(source);
  const state: SourceState = {
    ...{ generation: source.generation, node: "one", settledAtMs: 1, atMs: 1 },
    counts: noCounts,
  };
  let isRemoved = false;
  const reading = (async () => {
    while (!isRemoved) {
      await store.putState(source.name, state);
      await systemClock.sleep(2);
    }
  })();
  for (let count = 0; count < 30; count += 1) await store.remove(source.name);
  isRemoved = true;
  await reading;
  await log.close();
});
