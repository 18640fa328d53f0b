import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createOpenAiModel } from "../../src/answer/openai.ts";
import type { LanguageModel } from "../../src/answer/port.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";
import { delta, type Endpoint, startEndpoint, stream } from "./misbehaving-endpoint.ts";

const secret = "the secret words of the prompt";
let endpoint: Endpoint;
let model: LanguageModel;

beforeEach(async () => {
  endpoint = await startEndpoint();
  model = create();
});
afterEach(async () => {
  await model.close();
  await endpoint.close();
});

function create(
  options: { baseUrl?: string; apiKey?: () => string; clock?: Clock } = {},
): LanguageModel {
  return createOpenAiModel({
    baseUrl: endpoint.url,
    model: "tiny",
    clock: systemClock,
    ...options,
  });
}

function complete(onText?: (text: string) => void, signal = new AbortController().signal) {
  const messages = [{ role: "user" as const, content: secret }];
  return model.complete({ messages, maxTokens: 7, signal, onText });
}

async function failure(work: Promise<string>): Promise<FreshetError> {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof FreshetError)) throw new Error("expected a FreshetError");
  expect(JSON.stringify([thrown.message, thrown.details])).not.toContain("secret");
  return thrown;
}

const done = "data: [DONE]\n\n";

describe("OpenAI-compatible model", () => {
  test("asks for the count of tokens, which comes after the last word, and passes its trace on", async () => {
    const bodies: string[] = [];
    const traces: unknown[] = [];
    endpoint.handle = (request, response) => {
      bodies.push(request.body);
      traces.push(request.headers["traceparent"]);
      const counted = { choices: [], usage: { prompt_tokens: 21, completion_tokens: 5 } };
      const count = `data: ${JSON.stringify(counted)}\n\n`;
      const words = [delta("words"), delta("", "stop"), count, "data: [DONE]\n\n"];
      stream(...words)(request, response);
    };
    const usages: unknown[] = [];
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const { signal } = new AbortController();
    const onUsage = (usage: unknown): void => void usages.push(usage);
    const asked = { messages: [], maxTokens: 7, signal, onUsage, traceparent };
    expect(await model.complete(asked)).toBe("words");
    expect(JSON.parse(bodies[0] ?? "")).toMatchObject({ stream_options: { include_usage: true } });
    expect(usages).toEqual([{ prompt: 21, completion: 5 }]);
    expect(traces).toEqual([traceparent]);
  });

  test("asks an endpoint that cannot count tokens once more without, and never again (OA4)", async () => {
    const asked: boolean[] = [];
    endpoint.handle = (request, response) => {
      const counts = request.body.includes("stream_options");
      asked.push(counts);
      if (counts) response.writeHead(400).end(JSON.stringify({ error: { code: "unknown_field" } }));
      else stream(delta("words"), "data: [DONE]\n\n")(request, response);
    };
    const { signal } = new AbortController();
    const completion = { messages: [], maxTokens: 7, signal, onUsage: () => {} };
    expect(await model.complete(completion)).toBe("words");
    expect(await model.complete(completion)).toBe("words");
    expect(asked).toEqual([true, false, false]);
  });

  test("a field that an endpoint refuses by name is never sent to it again (OA4)", async () => {
    const asked: string[][] = [];
    endpoint.handle = (request, response) => {
      const body = JSON.parse(request.body) as Record<string, unknown>;
      const fields = Object.keys(body).filter((name) => !["model", "messages"].includes(name));
      asked.push(fields);
      const param =
        ["max_tokens", "temperature"].find((name) => name in body) ??
        (body["stream"] === true ? "stream" : undefined);
      const message = { role: "assistant", content: "words" };
      if (param !== undefined) response.writeHead(400).end(JSON.stringify({ error: { param } }));
      else response.end(JSON.stringify({ choices: [{ message, finish_reason: "stop" }] }));
    };
    const { signal } = new AbortController();
    const completion = { messages: [], maxTokens: 7, signal, onUsage: () => {} };
    expect(await model.complete(completion)).toBe("words");
    expect(asked).toHaveLength(4);
    expect(await model.complete(completion)).toBe("words");
    expect(asked.slice(4)).toEqual([["max_completion_tokens", "stream"]]);
    endpoint.handle = (_request, response) => {
      response
        .writeHead(400)
        .end(JSON.stringify({ error: { param: "messages", code: "too_long" } }));
    };
    expect((await failure(complete())).details).toEqual({ status: 400, code: "too_long" });
  });

  test.each([
    ["whole", ["<think>\nHm [1].\n</think>\n\nThe pool."]],
    ["split", ["", " <th", "ink>Hm", " </thi", "nk>", "\n\n", "The ", "pool."]],
    ["none", ["<", "b>", "The pool."]],
    ["endless", ["<think>Hm"]],
  ])("what a model thinks aloud is no part of its answer: %s", async (kind, pieces) => {
    endpoint.handle = stream(...pieces.map((piece) => delta(piece)), "data: [DONE]\n\n");
    const heard: string[] = [];
    const said = await complete((text) => heard.push(text));
    const expected: Readonly<Record<string, string>> = { none: "<b>The pool.", endless: "" };
    expect(said).toBe(expected[kind] ?? "The pool.");
    expect(heard.join("")).toBe(said);
  });

  test("takes a text in parts, and a content type in capitals", async () => {
    const content = [
      { type: "thinking", thinking: [] },
      { type: "text", text: "words" },
    ];
    const event = `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
    endpoint.handle = (_request, response) => {
      response.writeHead(200, { "content-type": "Text/Event-Stream" });
      response.end(`${event}data: [DONE]\n\n`);
    };
    expect(await complete()).toBe("words");
  });

  test("a connection that is lost after its first word broke off", async () => {
    endpoint.handle = (request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(delta("The pool"), () => setTimeout(() => request.socket.destroy(), 20));
    };
    expect((await failure(complete())).details).toEqual({ reason: "broke off" });
  });

  test("is up when its endpoint answers anything but a failure of its own", async () => {
    const statuses: number[] = [];
    for (const status of [200, 404, 401, 503]) {
      endpoint.handle = (_request, response) => response.writeHead(status).end("{}");
      const isUp = await model.ping().then(
        () => true,
        (thrown: unknown) => (thrown as FreshetError).code !== "model_unavailable",
      );
      if (isUp) statuses.push(status);
    }
    expect(statuses).toEqual([200, 404, 401]);
    await endpoint.close();
    await expect(model.ping()).rejects.toMatchObject({ code: "model_unavailable" });
  });

  test("asks for a stream, passes text on as it arrives and returns the whole", async () => {
    let asked: unknown;
    endpoint.handle = (request, response) => {
      asked = { url: request.url, key: request.headers.authorization, ...JSON.parse(request.body) };
      stream(
        delta("Hello"),
        delta(" world"),
        delta("", "stop"),
        "data: [DONE]\n\n",
      )(request, response);
    };
    await model.close();
    model = create({ baseUrl: `${endpoint.url}/v1/`, apiKey: () => "k" });
    const texts: string[] = [];
    expect(await complete((text) => texts.push(text))).toBe("Hello world");
    expect(texts).toEqual(["Hello", " world"]);
    expect(asked).toMatchObject({
      url: "/v1/chat/completions",
      key: "Bearer k",
      model: "tiny",
      max_tokens: 7,
      stream: true,
      messages: [{ role: "user", content: secret }],
    });
  });

  test("OA3: events, lines and characters may be split anywhere; comments and other fields are skipped", async () => {
    const bytes = Buffer.from(
      `: keep-alive\r\n\r\nevent: x\r\nid: 1\r\n${delta("Zürich 🚲")}retry: 5\n\n${delta("!", "stop")}`,
    );
    endpoint.handle = stream(...Array.from(bytes, (byte) => Uint8Array.of(byte)));
    expect(await complete()).toBe("Zürich 🚲!");
  });

  test("a server that cannot stream answers with the whole", async () => {
    endpoint.handle = (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ choices: [{ message: { content: "All at once." } }] }));
    };
    const texts: string[] = [];
    expect(await complete((text) => texts.push(text))).toBe("All at once.");
    expect(texts).toEqual(["All at once."]);
  });

  test("half a character becomes none that JSON refuses, and two halves one (OA5)", async () => {
    endpoint.handle = stream(delta("a\ud83d"), delta("\udeb2 b\ud83d"), delta("", "stop"));
    const texts: string[] = [];
    expect(await complete((text) => texts.push(text))).toBe("a🚲 b\ufffd");
    expect(texts.every((text) => text.isWellFormed())).toBe(true);
    endpoint.handle = stream(delta("a\udeb2 b", "stop"));
    expect(await complete()).toBe("a\ufffd b");
  });

  test("an event without data only keeps the connection alive", async () => {
    endpoint.handle = stream("data:\n\n", delta("words"), "data: \n\n", delta("", "stop"));
    expect(await complete()).toBe("words");
  });

  test("text after the end of the stream is not heard", async () => {
    endpoint.handle = stream(delta("a"), "data: [DONE]\n\n", delta("b"));
    expect(await complete()).toBe("a");
  });

  test.each([
    ["breaks off between events", stream(delta("half an ans")), "broke off"],
    ["breaks off inside an event", stream(delta("a"), 'data: {"choices":[{"del'), "not JSON"],
    ["sends what is no JSON", stream("data: <html>\n\n"), "not JSON"],
    ["sends nothing", stream(), "broke off"],
    [
      "reports an error in the stream",
      stream(`data: {"error":{"message":"${secret}"}}\n\n`),
      "error in the stream",
    ],
    [
      "reports an error by the event's name alone",
      stream(delta("half an ans"), `event: error\ndata: {"message":"${secret}"}\n\n`, done),
      "error in the stream",
    ],
    [
      "reports an error by the object's kind",
      stream(delta("half an ans"), `data: {"object":"error","message":"${secret}"}\n\n`, done),
      "error in the stream",
    ],
    ["ends in an error", stream(delta("half an ans", "error"), done), "error in the stream"],
    ["calls a tool that nobody offered", stream(delta("I look", "tool_calls"), done), "useless"],
    ["is withheld half-way", stream(delta("half an ans", "content_filter"), done), "withheld"],
  ])("OA1, OA3: a stream that %s is a failure", async (_name, handle, reason) => {
    endpoint.handle = handle;
    const error = await failure(complete());
    expect([error.code, error.details?.["reason"]]).toEqual(["model_unavailable", reason]);
  });

  test("OA1: an error status is named, its text is not", async () => {
    endpoint.handle = (_request, response) => {
      response.writeHead(429, { "content-type": "application/json" });
      response.end(
        JSON.stringify({ error: { message: secret, code: "rate_limit", type: secret } }),
      );
    };
    const error = await failure(complete());
    expect(error.code).toBe("model_unavailable");
    expect(error.details).toEqual({ status: 429, code: "rate_limit" });
  });

  test("OA3: an endless error body is not read to its end", async () => {
    let written = 0;
    endpoint.handle = (_request, response) => {
      response.writeHead(500);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, "x"))) written += 65_536;
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    };
    expect((await failure(complete())).details).toEqual({ status: 500 });
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });

  test("OA3: an endless answer is cut at its bound and the request is ended", async () => {
    let isClosed: (() => void) | undefined;
    const closed = new Promise<void>((resolve) => {
      isClosed = resolve;
    });
    endpoint.handle = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.once("close", () => isClosed?.());
      const more = (): void => {
        if (response.destroyed) return;
        response.write(delta("word ".repeat(100)));
        setImmediate(more);
      };
      more();
    };
    expect((await complete()).length).toBe(limits.answerCharsMax);
    await closed;
  });

  test("OA3: an endless event is a failure", async () => {
    endpoint.handle = stream(...Array.from({ length: 40 }, () => `${"x".repeat(16_384)}`));
    expect((await failure(complete())).code).toBe("model_unavailable");
  });

  test("OA2: an abort ends the upstream request and is cancelled", async () => {
    const caller = new AbortController();
    const closed = new Promise<void>((resolve) => {
      endpoint.handle = (_request, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(delta("a"));
        response.once("close", resolve);
      };
    });
    const work = complete(() => caller.abort(), caller.signal);
    expect((await failure(work)).code).toBe("cancelled");
    await closed;
    expect((await failure(complete(undefined, caller.signal))).code).toBe("cancelled");
  });

  test("OA3: a server that never answers runs out of time", async () => {
    await model.close();
    let ring: (() => void) | undefined;
    const clock: Clock = {
      ...systemClock,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          expect(ms).toBe(limits.modelRequestMs);
          ring = resolve;
          signal?.addEventListener("abort", () => resolve(), { once: true });
        }),
    };
    model = create({ clock });
    endpoint.handle = () => ring?.();
    const error = await failure(complete());
    expect([error.code, error.details?.["reason"]]).toEqual(["model_unavailable", "timeout"]);
  });

  test("OA1: a refused and a reset connection are failures by name", async () => {
    endpoint.handle = (request) => request.socket.destroy();
    expect((await failure(complete())).code).toBe("model_unavailable");
    await endpoint.close();
    const error = await failure(complete());
    expect([error.code, error.details?.["reason"]]).toEqual(["model_unavailable", "ECONNREFUSED"]);
    endpoint = await startEndpoint();
  });

  test("a redirect is not followed", async () => {
    endpoint.handle = (_request, response) => {
      response.writeHead(302, { location: "http://127.0.0.1:1/" });
      response.end();
    };
    expect((await failure(complete())).details).toEqual({ status: 302 });
  });

  test("connections are kept for the next question", async () => {
    endpoint.handle = stream(delta("a", "stop"), "data: [DONE]\n\n");
    await complete();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await complete();
    expect(endpoint.connections).toBe(1);
  });
});
