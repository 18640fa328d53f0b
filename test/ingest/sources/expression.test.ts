import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../../src/contract/limits.ts";
import { compileExpression } from "../../../src/ingest/sources/expression.ts";
import { createMapper } from "../../../src/ingest/sources/mapper-thread.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { runs } from "../../support/runs.ts";
import { documentTextBytesMax, mapperOf, operationsOf, rawEvent } from "./kit.ts";

describe("an expression", () => {
  it("sees subject, headers, body, key, sequence and time", async () => {
    const map = mapperOf(
      `{"id": key & "/" & sequence, "text": body.t & " " & subject, "metadata": {"a": $lookup(headers, "x-a"), "at": publishedAt, "now": $now(), "o": $options.o}}`,
      { o: "yes" },
    );
    const headers = { key: "k", "x-a": "b" };
    const told = { subject: "s", headers, body: { t: "hi" }, sequence: 9 };
    const at = "2026-01-02T03:04:05.000Z";
    expect(operationsOf(await map(told))).toEqual([
      { id: "k/9", text: "hi s", metadata: { a: "b", at, now: at, o: "yes" } },
    ]);
  });

  it("maps an event to the same operations however often (SX1)", async () => {
    const map = mapperOf(`{"id": "a", "text": $string($millis())}`);
    expect(await map({ body: 1 })).toEqual(await map({ body: 1 }));
    for (const name of ["$random()", "$shuffle([1,2])"]) {
      const outcome = await mapperOf(`{"id": "a", "text": $string(${name})}`)({ body: 1 });
      expect(outcome).toMatchObject({ kind: "failed" });
    }
  });

  it("returns an operation, a list of them, or nothing", async () => {
    const one = `{"id": 5, "text": "x", "title": null, "metadata": {"a": null, "b": 1}}`;
    expect(operationsOf(await mapperOf(one)({}))).toEqual([
      { id: "5", text: "x", metadata: { b: 1 } },
    ]);
    const list = `[{"id": "a", "text": "x"}, {"op": "skip"}, {"op": "delete", "id": "b"}]`;
    expect(operationsOf(await mapperOf(list)({}))).toHaveLength(2);
    for (const nothing of ["nothing", "null", "[]"]) {
      expect(await mapperOf(nothing)({})).toMatchObject({ kind: "skipped" });
    }
    expect(await mapperOf(`{"op": "skip", "reason": "draft"}`)({})).toEqual({
      ...{ kind: "skipped", reason: "draft" },
    });
  });

  it.each([
    ["5", "no operation"],
    [`{"text": "x"}`, "id"],
    [`{"id": "a"}`, "text"],
    [`{"id": "a", "text": "x", "colour": 1}`, "not known"],
    [`{"id": "a", "op": "insert"}`, "op is neither"],
    [`[{"id": "a", "text": "x"}, {"id": "b", "text": ""}]`, "operation 1"],
    [`$error("no such thing")`, "no such thing"],
    [`$error("it is " & body)`, "the expression refuses the event"],
    [`$lines`, "function"],
    [`$sum`, "no operation"],
    [`($f := function($n) {1 + $f($n)}; $f(1))`, "stack overflow"],
    [`[1..1000000]`, "D2015"],
  ])("%s is told as a failure that says %s", async (expression, says) => {
    const outcome = await mapperOf(expression)({ body: 1 });
    expect(outcome.kind).toBe("failed");
    expect(JSON.stringify(outcome).toLowerCase()).toContain(says.toLowerCase());
  });

  it("names line and column of what is no JSONata, and of what fails", async () => {
    const compile = (expression: string) =>
      compileExpression({ expression, options: {}, documentTextBytesMax });
    expect(() => compile(`{\n  "id": body.id,\n  "text" body.t\n}`)).toThrow(/line 3, column \d+/);
    expect(() => compile("body.(")).toThrow(/line 1/);
    const outcome = await mapperOf(`{\n"id": $uppercase(body)\n}`)({ body: { secret: "hush" } });
    expect(outcome).toMatchObject({ kind: "failed", message: expect.stringMatching(/line 2/) });
  });

  it("no column costs the row: metadata takes what it can hold ($scalars)", async () => {
    const map = mapperOf(`{"id": "a", "text": "x", "metadata": $scalars(body, "a,b,c,d,e,f")}`);
    const many = Array.from({ length: 40 }, (_, at) => `t${at}`);
    const body = { a: "é".repeat(2_000), b: many, c: 1e300, d: { x: 1 }, e: [1, null], f: false };
    expect(operationsOf(await map({ body }))).toMatchObject([
      { metadata: { a: "é".repeat(1_000), b: many.slice(0, 32), f: false } },
    ]);
  });

  it("tells a failure without the event's content (I10)", async () => {
    for (const expression of ["$number(body.secret)", "$uppercase(body)", "body.secret + 1"]) {
      const outcome = await mapperOf(expression)({ body: { secret: "hush-hush" } });
      expect(outcome.kind).toBe("failed");
      expect(JSON.stringify(outcome)).not.toContain("hush");
    }
  });

  it("gives every event an outcome, whatever JSON it is", async () => {
    const maps = [
      mapperOf(`{"id": $string(body.id), "text": $lines(body)}`),
      mapperOf(
        `{"id": $keyOf(body), "text": $texts(body, "a,b"), "metadata": $scalars(body, "a,b")}`,
      ),
      mapperOf("body"),
    ];
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (body) => {
        for (const map of maps) {
          expect(["operations", "skipped", "failed"]).toContain((await map({ body })).kind);
        }
      }),
      { numRuns: runs(60) },
    );
  });
});

describe("the thread of a mapper", () => {
  const mapper = (expression: string, deadlineMs: number = limits.mapDeadlineMs) =>
    createMapper({
      ...{ expression, options: {}, documentTextBytesMax, deadlineMs },
      clock: systemClock,
    });

  it("gives up the event that hangs, and maps its neighbours (XM1)", async () => {
    // Backtracks exponentially on a body that nearly matches.
    const hanging = mapper(`{"id": "a", "text": $contains(body, /^(a+)+$/) ? "yes" : "no"}`, 200);
    const bodies = ["aaa", `${"a".repeat(60)}!`, "b", `${"a".repeat(61)}!`, "a"];
    const outcomes = await hanging.map(bodies.map((text) => rawEvent({ text })));
    expect(outcomes.map(({ kind }) => kind)).toEqual([
      ...["operations", "failed", "operations", "failed", "operations"],
    ]);
    expect(outcomes[1]).toMatchObject({ message: expect.stringContaining("200 ms") });
    await hanging.close();
  });

  it("blames no event that a busy machine does not let run (XM1)", async () => {
    // Three deadlines pass before the thread has computed anything to speak of.
    let passed = 0;
    const clock = {
      ...systemClock,
      sleep: (ms: number, signal?: AbortSignal) => {
        // The thread itself may take its time to start.
        if (ms > limits.mapDeadlineMs) return systemClock.sleep(ms, signal);
        passed += ms;
        return passed < 3 * limits.mapDeadlineMs ? nextTurn() : systemClock.sleep(ms, signal);
      },
    };
    const expression = `{"id": "a", "text": $string($sum([1..20000]))}`;
    const starved = createMapper({ expression, options: {}, documentTextBytesMax, clock });
    const [outcome] = await starved.map([rawEvent({})]);
    expect(outcome).toMatchObject({ kind: "operations" });
    expect(passed).toBeGreaterThanOrEqual(3 * limits.mapDeadlineMs);
    await starved.close();
  });

  it("gives up an expression that never ends", async () => {
    const endless = mapper(`($f := function($n) {$f($n + 1)}; $f(body))`, 200);
    const [outcome] = await endless.map([rawEvent({ body: 1 })]);
    expect(outcome).toMatchObject({ kind: "failed" });
    await endless.close();
  });

  it("tells what is wrong with an expression at the first event (XM2)", async () => {
    const wrong = mapper("{");
    await expect(wrong.map([rawEvent({})])).rejects.toMatchObject({ code: "invalid_request" });
    await wrong.close();
  });

  it("maps what is sent at once, each in its order", async () => {
    const plain = mapper(`{"id": $string(body), "text": "x"}`);
    const batches = await Promise.all(
      [1, 2, 3].map((batch) =>
        plain.map(Array.from({ length: 20 }, (_, n) => rawEvent({ body: batch * 100 + n }))),
      ),
    );
    const ids = batches.map((outcomes) => outcomes.map((each) => operationsOf(each)[0]?.["id"]));
    expect(ids[1]?.[3]).toBe("203");
    expect(ids.flat()).toHaveLength(60);
    await plain.close();
  });

  it("is closed when it is done with what it has, and blames no event for it (XM1)", async () => {
    const slow = createMapper({
      expression: `{"id": body.id, "text": $string($sum([1..50000]))}`,
      ...{ options: {}, documentTextBytesMax, clock: systemClock, deadlineMs: 60_000 },
    });
    await slow.map([rawEvent({ body: { id: "first" } })]);
    const begun = slow.map([rawEvent({ body: { id: "begun" } })]);
    const waits = slow.map([rawEvent({ body: { id: "waits" } })]);
    const refused = expect(waits).rejects.toMatchObject({ code: "overloaded", retryable: true });
    await nextTurn();
    await slow.close();
    await refused;
    expect(await begun).toMatchObject([{ kind: "operations" }]);
  });

  it("fails an event whose bytes are no UTF-8", async () => {
    const plain = mapper("body");
    const event = { ...rawEvent({}), payload: new Uint8Array([0xff, 0xfe]) };
    expect(await plain.map([event])).toMatchObject([{ kind: "failed" }]);
    await plain.close();
  });
});
