/** A server that is still asked and fails everything: what the operator reads of it. */

import { expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Logger, silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { Outage } from "../../src/embedding/outage.ts";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";
import { type AskedBody, asNumbers, embedding, sendJson } from "./remote-endpoint.ts";
import { ask, failure, hasty, model, remoteKit, status } from "./remote-kit.ts";

const kit = remoteKit();
const silentMs = limits.embedPoolSilentMs;

/** A hundred times as fast, so that a pause of seconds is over at once. */
const fast: Clock = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() * 100,
};

it.each([
  [500, "does not answer (status 500)"],
  [503, "does not answer (503)"],
  [429, "is overloaded (429)"],
  [400, "refuses a plain sentence (400)"],
  [401, "refuses access (401): check FRESHET_EMBED_API_KEY"],
])(
  "an only server that answers %i to all is told of once, and once when it is well (EP6)",
  async (code, why) => {
    const said: object[] = [];
    const note = (level: string) => (fields: object, message: string) =>
      void said.push({ level, ...fields, message });
    const logger = { ...silentLogger, warn: note("warn"), info: note("info") } as Logger;
    const states = new Map<string, number>();
    const set = (_name: string, value: number, labels: object = {}) =>
      void states.set(Object.values(labels).join(), value);
    const metrics = { ...silentMetrics, set };
    const embedder = await kit.open({ logger, metrics, clock: fast });
    expect(states.get("serving")).toBe(1);

    kit.endpoint.handle = status(code);
    for (let at = 0; at < 50 && states.get("away") !== 1; at += 1) await failure(ask(embedder));
    for (let more = 0; more < 3; more += 1) await failure(ask(embedder));
    kit.endpoint.handle = embedding();
    await ask(embedder);
    await ask(embedder);

    const server = kit.endpoint.url;
    expect(said).toEqual([
      {
        level: "warn",
        server,
        why,
        message: expect.stringContaining("fails whatever it is asked"),
      },
      { level: "info", server, message: "an embedding server answers again" },
    ]);
    expect(Object.fromEntries(states)).toEqual({ serving: 1, away: 0, stranger: 0 });
  },
);

it("an only server that makes other vectors under the same name is found out, and taken back (EP7)", async () => {
  let nowMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
  const embedder = await kit.open({ clock });
  await ask(embedder);
  kit.endpoint.handle = embedding((entries) =>
    entries.map((entry) => ({ ...entry, embedding: asNumbers(entry).reverse() })),
  );
  nowMs += limits.embedPoolReprobeMs;
  for (let at = 0; at < 2; at += 1) {
    const { code, message } = await failure(ask(embedder));
    expect(code).toBe("embedding_unavailable");
    expect(message).toContain("computes another model");
  }
  kit.endpoint.handle = embedding();
  nowMs += limits.embedPoolRetryMaxMs;
  expect(await ask(embedder)).toHaveLength(2);
});

it("what is under way while an only server is asked for the sentence counts by what it shows (EP7)", async () => {
  let nowMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
  const embedder = await kit.open({ clock });
  await ask(embedder);
  const other = embedding((entries) =>
    entries.map((entry) => ({ ...entry, embedding: asNumbers(entry).reverse() })),
  );
  // Work is answered at once, the sentence (one text, where the work has two) when it is told.
  const holds = Promise.withResolvers<void>();
  kit.endpoint.handle = (request, response) => {
    const isWork = ((JSON.parse(request.body) as AskedBody).input ?? []).length > 1;
    void (isWork ? Promise.resolve() : holds.promise).then(() => other(request, response));
  };
  nowMs += limits.embedPoolReprobeMs;
  const looks = failure(ask(embedder));
  const beside = failure(ask(embedder));
  await new Promise((resolve) => setTimeout(resolve, 100));
  holds.resolve();
  expect((await looks).message).toContain("computes another model");
  expect((await beside).message).toContain("computes another model");
});

it("a text that is answered too late is no outage where others were answered meanwhile (EP6)", () => {
  const outage = new Outage();
  outage.replied(false, { sentAtMs: silentMs, nowMs: 10 * silentMs });
  const late = { sentAtMs: 0, nowMs: 10 * silentMs + 1 };
  expect([outage.replied(true, late), outage.isOut]).toEqual([undefined, false]);
  expect(outage.replied(true, { sentAtMs: 0, nowMs: 11 * silentMs })).toBe("out");
});

it("failures between answers are no outage, a time-out by itself is one (EP6)", () => {
  const outage = new Outage();
  for (let nowMs = 0; nowMs < 10 * silentMs; nowMs += silentMs / 2) {
    expect(outage.replied(true, { sentAtMs: nowMs, nowMs })).toBeUndefined();
    expect(outage.replied(false, { sentAtMs: nowMs, nowMs })).toBeUndefined();
  }
  expect(outage.isOut).toBe(false);
  const late = { sentAtMs: 10 * silentMs, nowMs: 11 * silentMs };
  expect([outage.replied(true, late), outage.isOut]).toEqual(["out", true]);
});

const axisOf = (at: number): number[] =>
  Array.from({ length: model.dimensions }, (_, own) => (own === at ? 1 : 0));

it("one address with several servers behind it, each with its own name, is one model", async () => {
  let turns = 0;
  kit.endpoint.handle = (request, response) => {
    const { input: texts = [] } = JSON.parse(request.body) as AskedBody;
    const data = texts.map((_, index) => ({ index, embedding: axisOf(0) }));
    sendJson(response, { model: ["/data/bge", "BAAI/bge"][(turns += 1) % 2], data });
  };
  const embedder = await kit.open({ clock: hasty() });
  for (let at = 0; at < 6; at += 1) expect(await ask(embedder)).toHaveLength(2);
  expect(turns).toBeLessThan(12);
});
