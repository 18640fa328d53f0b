/**
 * Q4: what a question is answered leaves after a proof that its node still is the owner.
 */

import { expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import type { Epoch } from "../../src/contract/ids.ts";
import { codeOf } from "../support/promises.ts";
import { acme, axis, quiet, until, upsert } from "./kit.ts";
import { namesOf, pieceEveryMs, startQuestions } from "./question-kit.ts";

const search = { mode: "search" };
const never = () => new Promise<never>(() => {});

it("I6: an owner whose lease went to another node, by whatever clock, answers nothing and hears of it", async () => {
  const { load, apply, ask, takeOver, lost, partition, clock } = startQuestions();
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  expect(namesOf(await ask(search).promise)).toEqual(["a@1 hot"]);
  takeOver();
  // Its own clock says that the lease holds.
  expect(partition.validUntilMs).toBeGreaterThan(clock.monotonicMs());
  const streamed = ask(search);
  expect(await codeOf(streamed.promise)).toBe("not_ready");
  expect(streamed.events).toEqual([]);
  expect(await codeOf(ask({ ...search, filter: { source: "none" } }).promise)).toBe("not_ready");
  expect(lost).toEqual([1, 1]);
});

it("I6: that there is nothing is an answer as well: only its owner tells it of a tenant", async () => {
  const empty = startQuestions();
  empty.load(5);
  empty.takeOver();
  expect(await codeOf(empty.ask().promise)).toBe("not_ready");
  const unknown = startQuestions({ served: false });
  unknown.takeOver();
  expect(await codeOf(unknown.ask().promise)).toBe("not_ready");
  const behind = startQuestions();
  behind.load(0);
  const { seq } = await behind.log.docs.publish({
    tenant: behind.entry.tenant,
    payload: new Uint8Array(),
  });
  behind.takeOver();
  const late = behind.ask({ ...search, min_seq: seq, wait_ms: 10 });
  await quiet();
  await behind.clock.advance(10);
  expect(await codeOf(late.promise)).toBe("not_ready");
});

it("Q4: an answer whose lease goes while the model writes is not given", async () => {
  const gate = Promise.withResolvers<void>();
  const { load, apply, ask, takeOver, writes } = startQuestions({
    write: async () => {
      await gate.promise;
      return { answer: "too late [1]", llm: "hand" };
    },
  });
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  const { promise } = ask();
  await until(() => writes.length === 1);
  takeOver();
  gate.resolve();
  expect(await codeOf(promise)).toBe("not_ready");
});

it("Q4: words that are written after the lease has gone do not leave, and the model is stopped", async () => {
  let say: (text: string) => void = () => {};
  const { load, apply, ask, takeOver, writes, clock } = startQuestions({
    write: ({ onText, signal }) => {
      say = (text) => onText?.(text);
      return new Promise((_, fail) => {
        signal.addEventListener("abort", () => fail(new FreshetError("cancelled")));
      });
    },
  });
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  const { promise, events } = ask();
  await until(() => writes.length === 1);
  const said = () => events.flatMap((event) => (event.type === "delta" ? [event.text] : []));
  say("the key ");
  say("hangs ");
  await quiet();
  await clock.advance(pieceEveryMs);
  expect(said()).toEqual(["the key ", "hangs "]);
  takeOver();
  say("in the barn");
  await clock.advance(pieceEveryMs);
  expect(await codeOf(promise)).toBe("not_ready");
  expect(said()).toEqual(["the key ", "hangs "]);
});

it("Q4: a log that is silent proves nothing: it is asked again, and the question fails typed when that does not help", async () => {
  let silent = true;
  let reads = 0;
  const { load, apply, ask, clock } = startQuestions({
    epochOf: () => {
      reads += 1;
      return silent ? never() : Promise.resolve(1 as Epoch);
    },
  });
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  const lost = ask(search);
  await quiet();
  await clock.advance(1_200);
  await expect(lost.promise).rejects.toMatchObject({ code: "log_unavailable", retryable: true });
  expect(lost.events).toEqual([]);
  expect(reads).toBeGreaterThan(5);
  const patient = ask(search);
  await quiet();
  silent = false;
  await clock.advance(200);
  expect(namesOf(await patient.promise)).toEqual(["a@1 hot"]);
  expect(clock.sleeping).toBe(0);
});

it("a node that knows that its lease is over does not begin to work on a question", async () => {
  const { load, apply, ask, partition, embeds, clock } = startQuestions();
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  partition.validUntilMs = clock.monotonicMs();
  expect(await codeOf(ask().promise)).toBe("not_ready");
  expect(embeds).toEqual([]);
});

it("a generation that is given up while its question is embedded says nothing of the tenant", async () => {
  let isFed = true;
  const { load, ask, partition, embeds } = startQuestions({ embeds: false, isFed: () => isFed });
  load(0);
  const asked = ask(search);
  await until(() => embeds.length === 1);
  partition.tenants.delete(acme);
  isFed = false;
  embeds[0]?.reply.resolve([axis(0)]);
  expect(await codeOf(asked.promise)).toBe("not_ready");
});
