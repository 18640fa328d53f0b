/** How an embedder that found its servers on NATS ends. */

import { expect, it } from "vitest";
import { createNatsEmbedder } from "../../src/embedding/remote.ts";
import type { ServerLink } from "../../src/embedding/remote-link.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { ask, model } from "./remote-kit.ts";

it("RL4: what runs ends before the connection that it runs over", async () => {
  const begun = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let isConnected = true;
  const link: ServerLink = {
    ...{ name: "servers/a", silentMs: 60_000, isAlive: async () => true, close: async () => {} },
    send: async ({ texts, lane }) => {
      if (lane === "ingest") {
        begun.resolve();
        await released.promise;
      }
      if (!isConnected) {
        return { kind: "down", reason: "no connection to NATS", retryAfterMs: undefined };
      }
      const vectors = texts.map(() => new Float32Array(model.dimensions).fill(384 ** -0.5));
      return { kind: "vectors", vectors, computedBy: { fingerprint: "f", model: undefined } };
    },
  };
  const embedder = await createNatsEmbedder({
    ...{ model, clock: systemClock, random: () => 0 },
    discovery: {
      first: async () => [link],
      follow: () => {},
      close: async () => {
        isConnected = false;
      },
    },
  });
  const asked = ask(embedder);
  await begun.promise;
  const closed = embedder.close();
  // All that closes at once has done so.
  await systemClock.sleep(20);
  released.resolve();
  expect(await asked).toHaveLength(2);
  await closed;
  expect(isConnected).toBe(false);
});
