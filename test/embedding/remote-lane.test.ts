/** Who waits for whom on the way to an endpoint, and how a start or a close ends. */

import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import type { Handler } from "../answer/misbehaving-endpoint.ts";
import { embedding } from "./remote-endpoint.ts";
import { ask, failure, hasty, input, remoteKit, status } from "./remote-kit.ts";

const kit = remoteKit();

describe("the two lanes", () => {
  it("answer a query while every place for ingest is taken and more waits", async () => {
    const embedder = await kit.open();
    const held: (() => void)[] = [];
    let most = 0;
    kit.endpoint.handle = (request, response) => {
      if (request.body.includes("question")) return embedding()(request, response);
      held.push(() => embedding()(request, response));
      most = Math.max(most, held.length);
    };
    const waiting = Array.from({ length: limits.embedRemoteIngestInFlightMax * 3 }, () =>
      ask(embedder),
    );
    while (held.length < limits.embedRemoteIngestInFlightMax) await systemClock.sleep(1);
    expect(await embedder.embed([input("a question")], { lane: "query" })).toHaveLength(1);
    let answered = 0;
    const all = Promise.all(waiting).then(() => {
      answered = waiting.length;
    });
    while (answered === 0) {
      held.shift()?.();
      await systemClock.sleep(1);
    }
    await all;
    expect(most).toBe(limits.embedRemoteIngestInFlightMax);
  });

  it("refuse as overloaded what would wait behind too much", async () => {
    const embedder = await kit.open();
    kit.endpoint.handle = () => undefined;
    const room = limits.embedRemoteIngestInFlightMax + limits.embedPendingBatchesMax;
    const leaving = new AbortController();
    const calls = Array.from({ length: room }, () => ask(embedder, "ingest", leaving.signal));
    expect(await failure(ask(embedder))).toMatchObject({ code: "overloaded" });
    leaving.abort();
    const outcomes = await Promise.allSettled(calls);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "cancelled" } });
    }
    kit.endpoint.handle = embedding();
    expect(await ask(embedder)).toHaveLength(2);
  });

  it("end the request of a caller that has gone, also while it pauses", async () => {
    const embedder = await kit.open();
    const ended = Promise.withResolvers<undefined>();
    const leaving = new AbortController();
    kit.endpoint.handle = (request) => {
      request.socket.on("close", () => ended.resolve(undefined));
      leaving.abort();
    };
    const first = ask(embedder, "query", leaving.signal);
    expect(await failure(first)).toMatchObject({ code: "cancelled" });
    await ended.promise;
    const pausing = new AbortController();
    kit.endpoint.handle = (request, response) => {
      status(503, { "retry-after": "4" })(request, response);
      setImmediate(() => pausing.abort());
    };
    const second = ask(embedder, "query", pausing.signal);
    expect(await failure(second)).toMatchObject({ code: "cancelled" });
  });

  it("let what runs finish on close, and reject what waits or pauses", async () => {
    const embedder = await kit.open();
    const held: (() => void)[] = [];
    kit.endpoint.handle = (request, response) =>
      void held.push(() => embedding()(request, response));
    const count = limits.embedRemoteIngestInFlightMax;
    const running = Array.from({ length: count }, () => ask(embedder));
    while (held.length < count) await systemClock.sleep(1);
    const waiting = failure(ask(embedder));
    const pausedOn = Promise.withResolvers<undefined>();
    kit.endpoint.handle = (request, response) => {
      response.on("finish", () => pausedOn.resolve(undefined));
      status(503, { "retry-after": "4" })(request, response);
    };
    const pausing = failure(ask(embedder, "query"));
    await pausedOn.promise;
    const closing = embedder.close();
    expect(await waiting).toMatchObject({ code: "embedding_unavailable" });
    expect(await pausing).toMatchObject({ code: "embedding_unavailable" });
    for (const answer of held) answer();
    expect((await Promise.all(running)).flat()).toHaveLength(2 * count);
    await closing;
  });
});

describe("a start", () => {
  const refusals: readonly [string, Handler, RegExp][] = [
    ["a wrong key", status(401), /^http:\/\/127.0.0.1:\d+: .*FRESHET_EMBED_API_KEY$/],
    ["a wrong route", status(404), /FRESHET_EMBED_URL/],
    [
      "another number of dimensions",
      embedding((es) => es.map((e) => ({ ...e, embedding: [0.6, 0.8] }))),
      /makes vectors of 2 dimensions, expected 384/,
    ],
    ["a model that is still loading", status(503), /does not answer \(503\)/],
  ];

  it.each(refusals)("with %s fails with one line", async (_name, handler, message) => {
    kit.endpoint.handle = handler;
    const error = await failure(kit.open({ clock: hasty() }));
    expect(error.code).toBe("embedding_unavailable");
    expect(error.message).toMatch(message);
  });

  it("without an endpoint fails, and never shows what the URL holds as a password", async () => {
    const { port } = new URL(kit.endpoint.url);
    await kit.endpoint.close();
    const url = `http://user:secret@127.0.0.1:${port}/v1?key=secret`;
    const error = await failure(kit.open({ url, clock: hasty() }));
    expect(error.message).toBe(
      `http://127.0.0.1:${port}: the embedding endpoint does not answer (ECONNREFUSED)`,
    );
  });
});
