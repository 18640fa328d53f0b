import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { codeOf } from "../support/promises.ts";
import {
  batchBounds,
  type Call,
  input,
  scriptedEmbedder,
  setUp,
  vectorOf,
} from "./embedder-kit.ts";
import { quiet, until } from "./kit.ts";

const refusal = () => new FreshetError("embedding_failed");
const outage = () => new FreshetError("embedding_unavailable");

/** Answers every call until the backend is idle. */
async function serveAll(backend: { readonly calls: Call[] }): Promise<void> {
  for (let at = 0; ; at += 1) {
    await quiet();
    const call = backend.calls[at];
    if (call === undefined) return;
    call.answer();
  }
}

it("E1: answers with one vector per text in the order of the request, though batches mix it", async () => {
  const { ask, backend } = setUp();
  // Lengths differ, so the batcher takes the texts apart and puts like to like.
  const request = ask("acme", [input("a", 40), input("b", 8), input("c", 40), input("d", 8)]);
  await serveAll(backend);
  const vectors = await request.promise;
  expect(vectors.map((vector) => String.fromCodePoint(vector[1] ?? 0)).join("")).toBe("abcd");
  expect(backend.calls.length).toBeGreaterThan(1);
  expect(request.answers()).toBe(1);
});

it("E1: a request without texts is answered at once, without the backend", async () => {
  const { ask, backend } = setUp();
  expect(await ask("acme", []).promise).toEqual([]);
  expect(backend.calls).toHaveLength(0);
});

it("E1: a backend that returns too few vectors fails the request instead of shifting its vectors", async () => {
  const { ask, system } = setUp({
    embedder: {
      ...scriptedEmbedder(),
      embed: async (batch) => batch.slice(1).map(vectorOf),
    },
  });
  const request = ask("acme", [input("a"), input("b")]);
  expect(await codeOf(request.promise)).toBe("internal");
  expect(request.answers()).toBe(1);
  expect(system.actors().map(({ state }) => state.kind)).toEqual(["running"]);
});

it("E2: an idle text goes alone and at once; what comes meanwhile shares the next batch across tenants", async () => {
  const { ask, backend } = setUp();
  void ask("acme", [input("a")]);
  await until(() => backend.calls.length === 1);
  void ask("acme", [input("b"), input("c")]);
  void ask("globex", [input("d")]);
  await quiet();
  expect(backend.calls.map(({ texts }) => texts)).toEqual([["a"]]);
  backend.calls[0]?.answer();
  await until(() => backend.calls.length === 2);
  expect([...(backend.calls[1]?.texts ?? [])].sort()).toEqual(["b", "c", "d"]);
});

it("E2: never has more batches at the backend than it may", async () => {
  const { ask, backend } = setUp({ batchesInFlightMax: 2, batchesAtOnceMax: 2 });
  for (const text of "abcdef") {
    void ask("acme", [input(text)]);
    await quiet(3);
  }
  expect(backend.calls).toHaveLength(2);
});

it("E2: a batch is handed over beside one in work only once it is full", async () => {
  const batch = { ...batchBounds, itemsMax: 3 };
  const { ask, backend } = setUp({ batchesInFlightMax: 2, batch });
  for (const text of "abc") {
    void ask("acme", [input(text)]);
    await quiet(3);
  }
  expect(backend.calls.map(({ texts }) => texts.join(""))).toEqual(["a"]);
  void ask("acme", [input("d")]);
  await until(() => backend.calls.length === 2);
  expect(backend.calls[1]?.texts.join("")).toBe("bcd");
});

it("E3: a refused text fails alone; the others of its batch get their vectors", async () => {
  const { ask, backend } = setUp();
  const first = ask("acme", [input("x")]);
  await until(() => backend.calls.length === 1);
  const good = ask("acme", [input("a"), input("b")]);
  const bad = ask("globex", [input("!")]);
  await quiet();
  backend.calls[0]?.answer();
  for (let at = 1; at < 6; at += 1) {
    await until(() => backend.calls.length > at);
    const call = backend.calls[at];
    if (call?.texts.includes("!") === true) call.fail(refusal());
    else call?.answer();
  }
  expect(await good.promise).toHaveLength(2);
  expect(await codeOf(bad.promise)).toBe("embedding_failed");
  expect(await first.promise).toHaveLength(1);
  expect(backend.calls.slice(2).every(({ texts }) => texts.length === 1)).toBe(true);
});

it("E4: while the backend restarts texts wait, and are answered when it is back", async () => {
  const { ask, backend, clock } = setUp();
  const request = ask("acme", [input("a")]);
  for (let at = 0; at < 3; at += 1) {
    await until(() => backend.calls.length > at);
    backend.calls[at]?.fail(outage());
    await clock.advance(100);
  }
  await until(() => backend.calls.length === 4);
  backend.calls[3]?.answer();
  expect(await request.promise).toHaveLength(1);
});

it("E4: an outage that outlasts the request's time fails it as unavailable", async () => {
  const { ask, backend, clock } = setUp();
  const request = ask("acme", [input("a")]);
  for (let at = 0; request.answers() === 0; at += 1) {
    await until(() => backend.calls.length > at || request.answers() > 0);
    backend.calls[at]?.fail(outage());
    await clock.advance(100);
  }
  expect(await codeOf(request.promise)).toBe("embedding_unavailable");
  expect(clock.monotonicMs()).toBeGreaterThanOrEqual(1_000);
});

it("E3: while a refused batch is tried again text by text, others go on beside it", async () => {
  const { ask, backend } = setUp({ batchesInFlightMax: 2 });
  const bad = ask("acme", [input("a"), input("!"), input("b")]);
  await until(() => backend.calls.length === 1);
  backend.calls[0]?.fail(refusal());
  await until(() => backend.calls.length === 2);
  const neighbours = [ask("globex", [input("c")]), ask("globex", [input("d")])];
  for (let at = 2; at < 4; at += 1) {
    await until(() => backend.calls.length > at);
    backend.calls[at]?.answer();
  }
  for (const { promise } of neighbours) expect(await promise).toHaveLength(1);
  expect(backend.calls.map(({ texts }) => texts.join(""))).toEqual(["a!b", "a", "c", "d"]);
  expect(bad.answers()).toBe(0);
});

it("E5: a caller that goes is answered at once, and its texts that wait are never sent", async () => {
  const { ask, backend } = setUp();
  const caller = new AbortController();
  void ask("acme", [input("a")]);
  await until(() => backend.calls.length === 1);
  const gone = ask("acme", [input("b")], caller.signal);
  const stays = ask("globex", [input("c")]);
  await quiet();
  caller.abort();
  // The backend still works on the first batch: the caller hears of it before that ends.
  expect(await codeOf(gone.promise)).toBe("cancelled");
  await serveAll(backend);
  expect(await stays.promise).toHaveLength(1);
  expect(gone.answers()).toBe(1);
  expect(backend.calls.flatMap(({ texts }) => texts)).toEqual(["a", "c"]);
});

it("E5: a caller that is gone when its request is received gets the same answer", async () => {
  const { ask, backend } = setUp();
  const request = ask("acme", [input("a")], AbortSignal.abort());
  expect(await codeOf(request.promise)).toBe("cancelled");
  expect(backend.calls).toHaveLength(0);
});

it("E5: a caller that goes during an outage, or between two texts of a refused batch, has no more sent", async () => {
  const { ask, backend, clock } = setUp();
  const caller = new AbortController();
  const refused = ask("acme", [input("a"), input("b"), input("c")], caller.signal);
  await until(() => backend.calls.length === 1);
  backend.calls[0]?.fail(outage());
  await clock.advance(100);
  await until(() => backend.calls.length === 2);
  backend.calls[1]?.fail(refusal());
  await until(() => backend.calls.length === 3);
  caller.abort();
  await serveAll(backend);
  expect(await codeOf(refused.promise)).toBe("cancelled");
  expect(refused.answers()).toBe(1);
  expect(backend.calls.map(({ texts }) => texts.join(""))).toEqual(["abc", "abc", "a"]);
});

it("E5: a signal that many requests share is left as it was once they are answered", async () => {
  const { ask, backend } = setUp();
  const { signal } = new AbortController();
  const requests = [..."abc"].map((text) => ask("acme", [input(text)], signal));
  const bad = ask("acme", [input("!")], signal);
  await until(() => backend.calls.length === 1);
  expect(getEventListeners(signal, "abort").length).toBeGreaterThan(0);
  for (let at = 0; bad.answers() === 0; at += 1) {
    await until(() => backend.calls.length > at || bad.answers() > 0);
    const call = backend.calls[at];
    if (call?.texts.includes("!") === true) call.fail(refusal());
    else call?.answer();
    await quiet();
  }
  await serveAll(backend);
  await Promise.all(requests.map(({ promise }) => promise));
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

/** Sizes of the batches of a flood of equal texts, the backend needing so long for each text. */
async function batchSizes(msPerText: number, batchesInFlightMax: number): Promise<number[]> {
  const { ask, backend, clock } = setUp({
    batchesInFlightMax,
    textsMax: 4_000,
    batch: { ...batchBounds, paddedTokensMax: 16_384, itemsMax: 64, predictedMsMax: 30 },
  });
  void ask(
    "acme",
    Array.from({ length: 3_000 }, () => input("a", 128)),
  );
  for (let at = 0; at < 40; at += 1) {
    await until(() => backend.calls.length > at);
    const call = backend.calls[at];
    await clock.advance(msPerText * (call?.texts.length ?? 0));
    call?.answer();
  }
  return backend.calls.map(({ texts }) => texts.length);
}

it("learns what a batch takes: small batches for a slow backend, large ones for a fast one", async () => {
  expect([2, 3]).toContain((await batchSizes(10, 1)).at(-1));
  expect((await batchSizes(25, 1)).at(-1)).toBe(1);
  expect((await batchSizes(0.1, 1)).at(-1)).toBe(64);
});

it("does not take the wait for an earlier batch for the time of a batch", async () => {
  expect([2, 3]).toContain((await batchSizes(10, 2)).at(-1));
});

it("gives tenants their share by weight while all of them wait", async () => {
  const { ask, backend } = setUp({
    textsMax: 1_000,
    batch: { ...batchBounds, itemsMax: 1 },
    weightOf: (tenant) => (tenant === "heavy" ? 3 : 1),
  });
  const texts = (text: string) => Array.from({ length: 40 }, () => input(text));
  void ask("light", texts("l"));
  void ask("heavy", texts("h"));
  for (let at = 0; at < 41; at += 1) {
    await until(() => backend.calls.length > at);
    backend.calls[at]?.answer();
  }
  const taken = backend.calls.slice(0, 41).flatMap((call) => call.texts);
  expect(taken.filter((text) => text === "h")).toHaveLength(30);
});

it("keeps its queue bounded: above it messages stay in the mailbox, and senders wait", async () => {
  const { ask, backend, mailbox } = setUp({ textsMax: 4 });
  const requests = [..."abcdefghij"].map((text) => ask("acme", [input(text), input(text)]));
  await quiet();
  // One text goes alone at first; the queue then stops taking requests once it is over its bound.
  expect(mailbox.depth).toBeGreaterThanOrEqual(6);
  await serveAll(backend);
  for (const { promise } of requests) expect(await promise).toHaveLength(2);
});

it("ends at once when it is stopped, even over its bound with a backend that is silent", async () => {
  const { ask, actor, system } = setUp({ textsMax: 1 });
  const requests = [..."abcd"].map((text) => ask("acme", [input(text), input(text)]));
  await quiet();
  await actor.stop();
  expect(system.actors()).toEqual([]);
  for (const { promise, answers } of requests) {
    expect(["embedding_unavailable", "not_ready"]).toContain(await codeOf(promise));
    expect(answers()).toBe(1);
  }
});
