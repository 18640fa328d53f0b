/** Several endpoints behind one embedder: who gets what, and what one of them can break. */

import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { silentMetrics } from "../../src/contract/observation.ts";
import { probeText } from "../../src/embedding/model-probe.ts";
import { createRemoteEmbedder } from "../../src/embedding/remote.ts";
import {
  afterFailure,
  leastLoaded,
  type ServerState,
  unknownServer,
} from "../../src/embedding/server-state.ts";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";
import { type Endpoint, type Handler, startEndpoint } from "../answer/misbehaving-endpoint.ts";
import { eventually } from "../support/promises.ts";
import { asNumbers, embedding } from "./remote-endpoint.ts";
import { ask, failure, input, inTurn, model, status, toTexts } from "./remote-kit.ts";

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

interface Counted extends Endpoint {
  /** Texts of requests that were no probes. */
  readonly texts: string[];
}

/** Time goes by at a twentieth: on a busy machine a look at a server may take a second. */
const slowClock: Clock = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() / 20,
  sleep: (ms, signal) => systemClock.sleep(20 * ms, signal),
};
let clock: Clock = systemClock;
afterEach(() => {
  clock = systemClock;
});

/** Endpoints that note what they are asked, and a pool over them. */
async function pool(count = 2, ...handlers: readonly Handler[]) {
  const endpoints: Counted[] = [];
  for (let at = 0; at < count; at += 1) {
    const endpoint = await startEndpoint();
    opened.push(endpoint);
    endpoint.handle = handlers[at] ?? embedding();
    endpoints.push(Object.assign(endpoint, { texts: [] }));
  }
  const url = endpoints.map((endpoint) => `${endpoint.url}/v1`).join();
  const states = new Map<string, number>();
  const set = (_name: string, value: number, labels: object = {}) =>
    void states.set(Object.values(labels).join(), value);
  const metrics = { ...silentMetrics, set };
  const embedder = await createRemoteEmbedder({ url, model, clock, metrics, random: () => 0.5 });
  opened.push(embedder);
  return { endpoints, embedder, states };
}

/** Notes the texts that are no probes, then does as it is told. Says that it lives when asked. */
function noting(endpoint: Counted, handler: Handler): Handler {
  return (request, response) => {
    if (request.url === "/healthz") {
      response.end("ok\n");
      return;
    }
    const { input: texts = [] } = JSON.parse(request.body) as { input?: string[] };
    endpoint.texts.push(...texts.filter((text) => text !== probeText));
    handler(request, response);
  };
}

const otherModel = embedding((entries) =>
  entries.map((entry) => ({ ...entry, embedding: asNumbers(entry).reverse() })),
);
/** As an embed server of Freshet answers. */
const named =
  (fingerprint: string, handler: Handler = embedding()): Handler =>
  (request, response) => {
    const end = response.end.bind(response) as (text: string) => typeof response;
    response.end = ((text: string) => {
      const said = { ...(JSON.parse(text) as object), freshet: { fingerprint } };
      return end(JSON.stringify(said));
    }) as typeof response.end;
    handler(request, response);
  };

describe("a pool", () => {
  it("gives the next texts to the server with the least outstanding work", async () => {
    clock = slowClock;
    const { endpoints, embedder } = await pool();
    const [slow, quick] = endpoints as [Counted, Counted];
    const held: (() => void)[] = [];
    slow.handle = noting(slow, (request, response) => {
      if (request.body.includes(probeText)) return embedding()(request, response);
      held.push(() => embedding()(request, response));
    });
    quick.handle = noting(quick, embedding());
    const works = Array.from({ length: 2 }, () => ask(embedder));
    await eventually(() => expect(held).toHaveLength(1));
    // Until the quick one has replied both have as much to do.
    await Promise.race(works);
    for (let at = 0; at < 6; at += 1) await ask(embedder);
    expect(slow.texts).toHaveLength(2);
    expect(quick.texts.length).toBeGreaterThanOrEqual(12);
    held.shift()?.();
    expect((await Promise.all(works)).flat()).toHaveLength(4);
  });

  it("gives no work to a server because it fails fast (EP5)", async () => {
    clock = slowClock;
    const { endpoints, embedder } = await pool(3);
    const [failing] = endpoints as [Counted];
    let failed = 0;
    const fails = status(500);
    failing.handle = noting(failing, (request, response) => {
      failed += 1;
      fails(request, response);
    });
    const held: (() => void)[] = [];
    for (const slow of endpoints.slice(1)) {
      slow.handle = noting(slow, (request, response) => {
        held.push(() => embedding()(request, response));
      });
    }
    // Of requests that come one after the other while the servers that do their work are busy.
    const works: Promise<unknown>[] = [];
    for (let at = 1; at <= 8; at += 1) {
      works.push(ask(embedder));
      await eventually(() => expect(held).toHaveLength(at));
    }
    for (const release of held) release();
    expect(await Promise.all(works)).toHaveLength(8);
    expect(failed).toBe(1);
  });

  it("does not hold a text that servers refuse against them: they share what follows (EP5)", async () => {
    clock = slowClock;
    const { endpoints, embedder } = await pool(3);
    const refuses = status(400);
    for (const endpoint of endpoints) {
      endpoint.handle = noting(endpoint, (request, response) =>
        (request.body.includes("unwanted") ? refuses : embedding())(request, response),
      );
    }
    const refused = await failure(embedder.embed([input("unwanted")], { lane: "ingest" }));
    expect(refused.code).toBe("embedding_failed");
    for (const endpoint of endpoints) endpoint.texts.length = 0;
    for (let at = 0; at < 6; at += 1) await ask(embedder);
    expect(endpoints.map(({ texts }) => texts.length)).toEqual([4, 4, 4]);
  });

  it("asks another server at once when one breaks off, and leaves it alone until it is back", async () => {
    const { endpoints, embedder, states } = await pool();
    const [broken, well] = endpoints as [Counted, Counted];
    broken.handle = (request) => void request.socket.resetAndDestroy();
    well.handle = noting(well, embedding());
    const begunMs = performance.now();
    for (let at = 0; at < 4; at += 1) expect(await ask(embedder)).toHaveLength(2);
    expect(performance.now() - begunMs).toBeLessThan(limits.embedRemoteRequestMs / 3);
    expect(well.texts).toHaveLength(8);
    expect(states.get("away")).toBe(1);
    broken.handle = noting(broken, embedding());
    await eventually(() => expect(states.get("serving")).toBe(2));
    broken.texts.length = 0;
    await Promise.all([ask(embedder), ask(embedder)]);
    expect(broken.texts.length).toBeGreaterThan(0);
  });

  it("fails as unavailable, and names each server, when none is left", async () => {
    const { endpoints, embedder } = await pool();
    for (const endpoint of endpoints) endpoint.handle = status(503);
    const error = await failure(ask(embedder));
    expect(error).toMatchObject({ code: "embedding_unavailable", retryable: true });
    expect(error.message).toContain("503");
  });

  it("is down for its engine's status while none of it serves, and up when one is back", async () => {
    const { endpoints, embedder } = await pool();
    await embedder.ping?.();
    const working = endpoints.map(({ handle }) => handle);
    for (const endpoint of endpoints) endpoint.handle = status(503);
    await failure(ask(embedder));
    await expect(embedder.ping?.()).rejects.toMatchObject({ code: "embedding_unavailable" });
    const [first] = endpoints;
    if (first !== undefined) first.handle = working[0] as Handler;
    await eventually(() => embedder.ping?.());
  });

  it("believes a server that refuses the texts only when another one refuses them too", async () => {
    const { endpoints, embedder } = await pool();
    const [picky, well] = endpoints as [Counted, Counted];
    picky.handle = toTexts(status(400));
    for (let at = 0; at < 3; at += 1) expect(await ask(embedder)).toHaveLength(2);
    well.handle = toTexts(status(413));
    expect(await failure(ask(embedder))).toMatchObject({ code: "embedding_failed" });
  });

  it("takes a server's work away when it hangs and does not say that it lives", async () => {
    const { endpoints, embedder } = await pool();
    const [hangs] = endpoints as [Counted];
    hangs.handle = () => undefined;
    const begunMs = performance.now();
    const works = Array.from({ length: 4 }, () => ask(embedder));
    expect((await Promise.all(works)).flat()).toHaveLength(8);
    expect(performance.now() - begunMs).toBeLessThan(limits.embedRemoteRequestMs - 1_000);
  });
});

describe("a server with another model", () => {
  it("ends the start, which names both", async () => {
    const error = await failure(pool(2, embedding(), otherModel));
    expect(error.code).toBe("embedding_unavailable");
    expect(error.message).toMatch(/another model: cosine .* against http:.*the same model/);
  });

  it("gets no work when it comes back so, whatever it is called", async () => {
    const { endpoints, embedder, states } = await pool();
    const [changed, well] = endpoints as [Counted, Counted];
    const straight = await ask(embedder);
    changed.handle = inTurn(status(503), noting(changed, otherModel));
    well.handle = noting(well, embedding());
    for (let at = 0; at < 3; at += 1) expect(await ask(embedder)).toEqual(straight);
    await eventually(() => expect(states.get("stranger")).toBe(1));
    for (let at = 0; at < 3; at += 1) expect(await ask(embedder)).toEqual(straight);
    expect(changed.texts).toEqual([]);
  });

  it("is found out by the first reply that names another fingerprint, which does not count", async () => {
    const { endpoints, embedder } = await pool(2, named("one"), named("one"));
    const straight = await ask(embedder);
    const [changed] = endpoints as [Counted];
    changed.handle = named("two", otherModel);
    for (let at = 0; at < 4; at += 1) expect(await ask(embedder)).toEqual(straight);
  });

  it("is found out also where it is the only one", async () => {
    const { endpoints, embedder } = await pool(1, named("one"));
    const [only] = endpoints as [Counted];
    const straight = await ask(embedder);
    only.handle = named("two", embedding());
    expect(await ask(embedder)).toEqual(straight);
    only.handle = named("three", otherModel);
    const error = await failure(ask(embedder));
    expect(error).toMatchObject({ code: "embedding_unavailable" });
    expect(error.message).toContain("another model");
  });
});

describe("an embed server of Freshet", () => {
  it("is told lane and fingerprint, others are sent no word that they do not know", async () => {
    const { endpoints, embedder } = await pool(1);
    const [only] = endpoints as [Counted];
    const bodies: Record<string, unknown>[] = [];
    const note: Handler = (request, response) => {
      bodies.push(JSON.parse(request.body) as Record<string, unknown>);
      named("one")(request, response);
    };
    only.handle = note;
    await embedder.embed([input("plain")], { lane: "query" });
    expect(Object.keys(bodies[0] ?? {}).sort()).toEqual(["encoding_format", "input"]);
    await embedder.embed([input("known")], { lane: "query" });
    await embedder.embed([input("known")], { lane: "query" });
    const known = { fingerprint: "one", input_type: "query", truncate: true };
    expect(bodies.at(-1)).toMatchObject(known);
  });
});

describe("the choice of a server", () => {
  const states = fc.constantFrom<ServerState>({ kind: "serving" }, unknownServer, {
    kind: "stranger",
    why: "",
    failures: 1,
    retryAtMs: 0,
  });
  const candidates = fc.array(
    fc.record({
      ...{ state: states, outstanding: fc.nat(5), turn: fc.nat(5) },
      isDoubted: fc.boolean(),
    }),
    { maxLength: 8 },
  );

  it("is one that serves, rather one that is not doubted, and none of those has less to do", () => {
    fc.assert(
      fc.property(candidates, (servers) => {
        const serving = servers.filter((one) => one.state.kind === "serving");
        const trusted = serving.filter((one) => !one.isDoubted);
        const open = trusted.length > 0 ? trusted : serving;
        const chosen = leastLoaded(servers);
        if (open.length === 0) return chosen === undefined;
        return (
          chosen !== undefined &&
          open.includes(chosen) &&
          open.every((one) => one.outstanding >= chosen.outstanding)
        );
      }),
    );
  });

  it("comes back to one that fails again and again, ever later, and never too late", () => {
    let state: ServerState = { kind: "serving" };
    const pauses: number[] = [];
    for (let at = 0; at < 12; at += 1) {
      state = afterFailure(state, { why: "", isStranger: false, nowMs: 1_000 });
      if (state.kind !== "serving") pauses.push(state.retryAtMs - 1_000);
    }
    expect(pauses[0]).toBe(limits.embedPoolRetryMinMs);
    expect(pauses).toEqual([...pauses].sort((left, right) => left - right));
    expect(pauses.at(-1)).toBe(limits.embedPoolRetryMaxMs);
  });
});
