import { expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { isLost, lostError, unexplainedError } from "../../src/embedding/failures.ts";
import { codeOf } from "../support/promises.ts";
import { input, setUp } from "./embedder-kit.ts";
import { quiet, until } from "./kit.ts";

/**
 * Answers the controls with `passes`, and fails everything else without a reason, until the request
 * is answered.
 */
async function failUnexplained(
  { backend, clock }: ReturnType<typeof setUp>,
  request: { readonly answers: () => number },
  passes: () => boolean,
): Promise<void> {
  for (let at = 0; request.answers() === 0; at += 1) {
    await until(() => backend.calls.length > at || request.answers() > 0);
    const call = backend.calls[at];
    if (call?.texts[0] === "control" && passes()) call.answer();
    else call?.fail(unexplainedError("status 500", 500));
    await quiet();
    await clock.advance(100);
  }
}

it("E6: a text that fails without a reason is refused once a control passed after three failures in a row", async () => {
  const world = setUp();
  const request = world.ask("acme", [input("a")]);
  await failUnexplained(world, request, () => true);
  expect(await codeOf(request.promise)).toBe("embedding_failed");
  const texts = world.backend.calls.map(({ texts: [text] }) => text);
  expect(texts).toEqual(["a", "control", "a", "control", "a", "control"]);
});

it("E6: while controls fail too, even now and then, a text waits and is not refused", async () => {
  const world = setUp();
  const request = world.ask("acme", [input("a")]);
  let controls = 0;
  await failUnexplained(world, request, () => {
    controls += 1;
    return controls % 3 !== 0;
  });
  expect(await codeOf(request.promise)).toBe("embedding_unavailable");
  expect(controls).toBeGreaterThan(3);
});

it("E6: of a batch that fails without a reason each text is asked for alone", async () => {
  const { ask, backend } = setUp();
  const requests = [ask("acme", [input("a")]), ask("acme", [input("b"), input("c")])];
  await until(() => backend.calls.length === 1);
  backend.calls[0]?.answer();
  await until(() => backend.calls.length === 2);
  backend.calls[1]?.fail(unexplainedError("status 500", 500));
  for (let at = 2; at < 4; at += 1) {
    await until(() => backend.calls.length > at);
    backend.calls[at]?.answer();
  }
  for (const { promise } of requests) await promise;
  expect(backend.calls.map(({ texts }) => texts.join(""))).toEqual(["a", "bc", "b", "c"]);
});

const refusal = (): FreshetError => new FreshetError("embedding_failed", "refused (400)");

it("E6: a text that is refused waits while the control is refused too, and has its vector then", async () => {
  const { ask, backend, clock } = setUp();
  const request = ask("acme", [input("a")]);
  for (let at = 0; at < 4; at += 1) {
    await until(() => backend.calls.length > at);
    backend.calls[at]?.fail(refusal());
    await quiet();
    await clock.advance(20);
  }
  await until(() => backend.calls.length > 4);
  backend.calls[4]?.answer();
  expect(await request.promise).toHaveLength(1);
  const texts = backend.calls.map(({ texts: [text] }) => text);
  expect(texts).toEqual(["a", "control", "a", "control", "a"]);
});

it("E6: a text that is refused where the control passes fails at once", async () => {
  const { ask, backend } = setUp();
  const request = ask("acme", [input("a")]);
  await until(() => backend.calls.length === 1);
  backend.calls[0]?.fail(refusal());
  await until(() => backend.calls.length === 2);
  backend.calls[1]?.answer();
  expect(await codeOf(request.promise)).toBe("embedding_failed");
});

it("E7: texts that were in hand when the backend was lost are not sent again; others are", async () => {
  const { ask, backend } = setUp();
  const lost = ask("acme", [input("a"), input("b")]);
  await until(() => backend.calls.length === 1);
  const waiting = ask("globex", [input("c")]);
  backend.calls[0]?.fail(lostError("the worker ended"));
  await until(() => backend.calls.length === 2);
  backend.calls[1]?.answer();
  expect(await waiting.promise).toHaveLength(1);
  await expect(lost.promise).rejects.toSatisfy(isLost);
  expect(backend.calls.map(({ texts }) => texts.join(""))).toEqual(["ab", "c"]);
});
