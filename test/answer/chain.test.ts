import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { citedNumbers } from "../../src/answer/citations.ts";
import { createOpenAiModel } from "../../src/answer/openai.ts";
import type { ModelCall, WriteRequest } from "../../src/answer/port.ts";
import { brokenOff, createAnswerWriter } from "../../src/answer/writer.ts";
import type { ModelChain } from "../../src/answer/writer-chain.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";
import { countingMetrics } from "../support/counting-metrics.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { runs } from "../support/runs.ts";
import { chainOf, chainWith, endpointOf, playedModel } from "./chain-kit.ts";
import {
  delta,
  type Endpoint,
  type Handler,
  startEndpoint,
  stream,
} from "./misbehaving-endpoint.ts";
import { sources } from "./sources.ts";

const known = sources("Cats sleep most of the day.", "The watermark moves after the read back.");
const tenant = "acme" as TenantId;

let servers: Endpoint[] = [];
let chain: ModelChain | undefined;
beforeEach(async () => {
  servers = [await startEndpoint(), await startEndpoint()];
});
afterEach(async () => {
  await chain?.close();
  await Promise.all(servers.map((server) => server.close()));
});

/** Over HTTP: `first` and `second`, in this order. */
function overHttp(firstTokenMs: number = limits.modelFirstTokenMs, clock: Clock = systemClock) {
  const metrics = countingMetrics();
  const endpoints = ["first", "second"].map((name, index) =>
    endpointOf(
      createOpenAiModel({ baseUrl: servers[index]?.url ?? "", model: `${name}-7b`, name, clock }),
      { price: { input: 1, output: 2 }, ...(index === 0 && { firstTokenMs }) },
    ),
  );
  chain = chainWith(endpoints, { metrics, clock });
  return { chain, metrics };
}

async function write(models: ModelChain, more: Partial<WriteRequest> = {}) {
  const heard: string[] = [];
  const calls: ModelCall[] = [];
  const writer = createAnswerWriter({ models, clock: systemClock, fence: () => "f3nce" });
  const written = await writer.write({
    ...{ tenant, mayKeep: true, question: "When does the watermark move?", sources: known },
    ...{ maxTokens: 50, budgetMs: 10_000, signal: new AbortController().signal },
    onText: (text) => heard.push(text),
    onCall: (call) => calls.push(call),
    ...more,
  });
  expect(heard.join("")).toBe(written.answer);
  return { ...written, calls };
}

const says = (text: string): Handler => stream(delta(text, "stop"), "data: [DONE]\n\n");
const good = says("It moves after the read back [2].");
const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Handler =>
  (_, response) =>
    void response.writeHead(code, headers).end('{"error":{"code":"x"}}');
const silent: Handler = (_, response) =>
  void response.writeHead(200, { "content-type": "text/event-stream" });

describe("a chain of model endpoints", () => {
  test("the first one answers while it is there, and the second one is not asked", async () => {
    const { chain } = overHttp();
    let asked = 0;
    for (const server of servers) server.handle = good;
    servers[1]!.handle = () => (asked += 1);
    const { llm, model, passed } = await write(chain);
    expect({ llm, model, passed }).toEqual({ llm: "first", model: "first-7b", passed: undefined });
    expect(asked).toBe(0);
  });

  test.each<[string, Handler, string]>([
    ["429 with Retry-After", status(429, { "retry-after": "7" }), "rate_limited"],
    ["500", status(500), "error"],
    ["a refusal of the key", status(401), "error"],
    ["a prompt that it does not take", status(400), "not_taken"],
    ["silence for its time to the first word", silent, "silent"],
    ["JSON that is none", stream('data: {"choices": [\n\n'), "error"],
    ["JSON of another kind", stream('data: {"hello":1}\n\n', "data: [DONE]\n\n"), "empty"],
    ["an end before its first word", stream(), "broke_off"],
    ["white space", says(" \n"), "empty"],
    ["a filter that lets no word out", stream(delta("", "content_filter")), "withheld"],
  ])("WN1, WN2: %s: the next one answers, and the reply says why", async (_, handle, reason) => {
    const { chain, metrics } = overHttp(reason === "silent" ? 60 : undefined);
    servers[0]!.handle = handle;
    servers[1]!.handle = good;
    const { answer, llm, model, passed } = await write(chain);
    expect(answer).toBe("It moves after the read back [2].");
    expect([llm, model]).toEqual(["second", "second-7b"]);
    expect(passed).toEqual([{ endpoint: "first", reason }]);
    expect(metrics.counted("language_model_errors_total", { model: "first" })).toBe(1);
  });

  test("WN1: after its first word a failure is told, and no other model writes on", async () => {
    const { chain } = overHttp();
    let asked = 0;
    servers[0]!.handle = stream(delta("It moves "));
    servers[1]!.handle = () => (asked += 1);
    const { answer, llm, passed } = await write(chain);
    expect(answer).toContain(`It moves\n\n${brokenOff}`);
    expect([llm, asked]).toEqual(["extractive", 0]);
    expect(passed).toEqual([{ endpoint: "first", reason: "broke_off" }]);
  });

  test("when none is left, sentences of the sources answer", async () => {
    const { chain } = overHttp();
    for (const server of servers) server.handle = status(503);
    const { answer, llm, model, passed } = await write(chain);
    expect(answer).toBe("The watermark moves after the read back. [2]");
    expect({ llm, model }).toEqual({ llm: "extractive", model: undefined });
    expect(passed?.map(({ endpoint }) => endpoint)).toEqual(["first", "second"]);
  });

  test("an endpoint that asks for rest gets it, by any of the headers, and no more calls", async () => {
    const clock = createManualClock();
    for (const headers of [
      { "retry-after": "7" },
      { "retry-after-ms": "7000" },
      { "retry-after": new Date(clock.nowMs() + 7_999).toUTCString() },
    ]) {
      const { chain } = overHttp(undefined, clock);
      let asked = 0;
      servers[0]!.handle = (request, response) => {
        asked += 1;
        status(429, headers)(request, response);
      };
      servers[1]!.handle = good;
      await write(chain);
      expect((await write(chain)).passed).toEqual([{ endpoint: "first", reason: "resting" }]);
      expect(asked).toBe(1);
      await clock.advance(8_000);
      servers[0]!.handle = good;
      expect((await write(chain)).llm).toBe("first");
      await chain.close();
    }
  });

  test("failures in a row make an endpoint rest; the gauge says so, and one call ends it", async () => {
    const clock = createManualClock();
    const { chain, metrics } = overHttp(undefined, clock);
    servers[0]!.handle = status(500);
    servers[1]!.handle = good;
    const up = () => metrics.gauge("language_model_up", { model: "first" });
    expect(up()).toBe(1);
    const reasons = [];
    for (let count = 0; count < limits.breakerFailures + 1; count += 1) {
      reasons.push((await write(chain)).passed?.[0]?.reason);
    }
    expect(reasons).toEqual([...Array(limits.breakerFailures).fill("error"), "resting"]);
    expect(up()).toBe(0);
    servers[0]!.handle = good;
    await clock.advance(limits.breakerOpenMs);
    expect((await write(chain)).llm).toBe("first");
    expect(up()).toBe(1);
  });

  test("WN3: callers with no time, and prompts that are refused, do not make an endpoint rest", async () => {
    const { chain } = overHttp();
    for (const server of servers) server.handle = silent;
    for (let count = 0; count < limits.breakerFailures + 1; count += 1) {
      const { passed, llm } = await write(chain, { budgetMs: 5 });
      expect([passed?.[0]?.reason, llm]).toEqual(["deadline", "extractive"]);
    }
    servers[0]!.handle = status(400);
    servers[1]!.handle = good;
    for (let count = 0; count < limits.breakerFailures + 1; count += 1) await write(chain);
    servers[0]!.handle = stream(delta("It moves ", "content_filter"));
    for (let count = 0; count < limits.breakerFailures + 1; count += 1) {
      const { passed, llm } = await write(chain);
      expect([passed?.[0]?.reason, llm]).toEqual(["withheld", "extractive"]);
    }
    // A caller that wants one word of a model that thinks first takes it from nobody.
    servers[0]!.handle = stream(delta("<think>It"), delta("", "length"));
    for (let count = 0; count < limits.breakerFailures + 1; count += 1) {
      expect((await write(chain)).passed?.[0]?.reason).toBe("empty");
    }
    servers[0]!.handle = good;
    expect((await write(chain)).llm).toBe("first");
  });

  test("a health check that finds an endpoint away spares the next questions the attempt", async () => {
    const down = playedModel("first", async () => "never");
    const pinged = (reason: string) =>
      Promise.reject(new FreshetError("model_unavailable", "away", { details: { reason } }));
    const first = { ...down, ping: () => pinged("ECONNREFUSED") };
    const second = playedModel("second", async () => "It moves [2].");
    const own = chainOf([first, second]);
    for (let count = 0; count < limits.breakerFailures; count += 1) await own.ping();
    expect((await write(own)).passed).toEqual([{ endpoint: "first", reason: "resting" }]);
    await expect(chainOf([first]).ping()).rejects.toThrow("away");
    // One that is at work on an answer may be late for that.
    const busy = chainOf([{ ...second, ping: () => pinged("connection") }]);
    for (let count = 0; count < 9; count += 1) await busy.ping().catch(() => {});
    expect((await write(busy)).llm).toBe("second");
  });

  test("WN4: each call is told with its tokens and its cost, counted or estimated", async () => {
    const { chain, metrics } = overHttp();
    const usage = { prompt_tokens: 300, completion_tokens: 20 };
    const counted = `data: ${JSON.stringify({ choices: [], usage })}\n\n`;
    servers[0]!.handle = stream(delta("It moves [2].", "stop"), counted, "data: [DONE]\n\n");
    const { calls } = await write(chain);
    expect(calls).toMatchObject([{ prompt: 300, completion: 20, cost: 0.34, isEstimate: false }]);
    const cost = metrics.counted("language_model_cost_total", { model: "first", tenant: "acme" });
    expect(cost).toBeCloseTo(0.34);
    servers[0]!.handle = status(500);
    servers[1]!.handle = good;
    const both = (await write(chain)).calls;
    expect(both.map(({ isEstimate }) => isEstimate)).toEqual([true, true]);
    expect(both[1]?.completion).toBeGreaterThan(0);
  });
});

describe("whatever the endpoints of a chain do", () => {
  const pieces = fc.constantFrom(
    "It moves [2]. ",
    "It sleeps [99]. ",
    "[1-99] ",
    "[2",
    "]",
    "[[9]",
    "9] ",
    "![x](http://evil.example/?q=1) ",
    "[1, 99]. ",
  );
  const behaviour = fc.record({
    says: fc.array(pieces, { maxLength: 5 }),
    ends: fc.constantFrom("well", "fails"),
  });

  test("0 invalid citations leave, and no text is of two models (AW1, WN1)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(behaviour, { minLength: 1, maxLength: 3 }), async (played) => {
        const spoke: number[] = [];
        const models = played.map(({ says, ends }, index) =>
          playedModel(`m${index}`, async ({ onText }) => {
            for (const piece of says) {
              spoke.push(index);
              onText?.(piece);
            }
            if (ends === "fails") throw new Error("died");
            return says.join("");
          }),
        );
        const { answer, llm } = await write(chainOf(models));
        for (const number of citedNumbers(answer)) expect([1, 2]).toContain(number);
        expect(answer).not.toContain("evil.example/?q");
        expect(new Set(spoke).size).toBeLessThanOrEqual(1);
        if (llm !== "extractive") expect(llm).toBe(`m${spoke[0] ?? -1}`);
      }),
      { numRuns: runs(80) },
    );
  });
});
