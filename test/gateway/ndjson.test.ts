import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { tenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { createHandler } from "../../src/gateway/handler.ts";
import { splitLines } from "../../src/gateway/lines.ts";
import { publishLines } from "../../src/gateway/ndjson.ts";
import { PublishBodies } from "../../src/gateway/publish-bodies.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { cpuMs } from "../support/cpu-time.ts";
import { FakeService } from "./fake-service.ts";
import { type Fixture, fixture } from "./http-fixture.ts";

async function* bytes(...parts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

describe("lines of a body", () => {
  const read = async (max: number, ...parts: readonly string[]) => {
    const found: string[] = [];
    for await (const { line, bytes: text } of splitLines(bytes(...parts), max)) {
      found.push(`${line}:${text === undefined ? "too long" : Buffer.from(text).toString()}`);
    }
    return found;
  };

  it("are the same however the body is cut into chunks", async () => {
    const text = "ab\n\n  \r\ncä\n\nd";
    const whole = await read(10, text);
    expect(whole).toEqual(["1:ab", "4:cä", "6:d"]);
    const raw = Buffer.from(text);
    async function* single() {
      for (const byte of raw) yield Uint8Array.of(byte);
    }
    const found: string[] = [];
    for await (const { line, bytes: part } of splitLines(single(), 10)) {
      found.push(`${line}:${Buffer.from(part ?? []).toString()}`);
    }
    expect(found).toEqual(whole);
  });

  it("that are empty cost next to nothing: a message may be nothing else", async () => {
    const began = cpuMs();
    expect(await read(10, "\n".repeat(16 * 1_024 * 1_024))).toEqual([]);
    expect(cpuMs() - began).toBeLessThan(4_000);
  });

  it("that are too long are skipped to their end, also blank ones, and named", async () => {
    expect(await read(3, "abcd", "efgh\nok\nabc\nabcd")).toEqual([
      "1:too long",
      "2:ok",
      "3:abc",
      "4:too long",
    ]);
    expect(await read(3, "    \nok")).toEqual(["1:too long", "2:ok"]);
    expect(await read(3, "  ", "  \nok")).toEqual(["1:too long", "2:ok"]);
  });
});

it("lines whose sender goes in the middle of one are no failure of the engine's", async () => {
  const told: string[] = [];
  const log = { ...silentLogger, error: (_fields: object, message: string) => told.push(message) };
  const service = new FakeService();
  const caller = new AbortController();
  async function* cut() {
    yield Buffer.from('{"id":"a","text":"rivers"}\n{"id":');
    caller.abort();
    throw Object.assign(new Error("aborted"), { code: "ECONNRESET" });
  }
  const results = await publishLines(createHandler({ service, log, clock: systemClock }), {
    ...{ tenant: tenantId("demo"), source: cut(), signal: caller.signal },
    room: new PublishBodies().lineRoom(tenantId("demo")),
  });
  expect(results.at(-1)).toMatchObject({ line: 2, error: { code: "cancelled" } });
  expect(told).toEqual([]);
});

describe("many documents in one request", () => {
  let service: FakeService;
  let handler: ReturnType<typeof createHandler>;
  beforeEach(() => {
    service = new FakeService();
    handler = createHandler({ service, log: silentLogger, clock: systemClock });
  });
  const send = (lines: readonly unknown[], options: { key?: string; linesMax?: number } = {}) =>
    publishLines(handler, {
      tenant: tenantId("demo"),
      source: bytes(
        lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"),
      ),
      room: new PublishBodies().lineRoom(tenantId("demo")),
      idempotencyKey: options.key,
      linesMax: options.linesMax,
      signal: new AbortController().signal,
    });

  it("each get a result, and a bad line stops nobody", async () => {
    const results = await send([
      { id: "a", text: "one" },
      "{broken",
      "",
      { id: "b" },
      { id: "c", text: "three" },
    ]);
    expect(results).toMatchObject([
      { line: 1, id: "a" },
      { line: 2, error: { code: "invalid_json" } },
      { line: 4, error: { code: "invalid_document", retryable: false } },
      { line: 5, id: "c" },
    ]);
  });

  it("that are all refused let others have a turn, wherever empty lines are", async () => {
    let turns = 0;
    let isOver = false;
    const other = (): void => {
      turns += 1;
      if (!isOver) setImmediate(other);
    };
    setImmediate(other);
    const lines = Array.from({ length: 3_200 }, (_, at) => (at % 32 === 31 ? "" : "{broken"));
    expect(await send(lines)).toHaveLength(3_100);
    isOver = true;
    expect(turns).toBeGreaterThan(50);
  });

  it("are published several at once but never more than the bound", async () => {
    await send(Array.from({ length: 500 }, (_, index) => ({ id: `d${index}`, text: "t" })));
    expect(service.publishingMost).toBeGreaterThan(1);
    expect(service.publishingMost).toBeLessThanOrEqual(limits.ndjsonInFlightMax);
  });

  it("with one id are published in the order of their lines (I3)", async () => {
    const texts = Array.from({ length: 50 }, (_, index) => String(index));
    await send(texts.map((text) => ({ id: "same", text })));
    expect(service.payloads.map((payload) => JSON.parse(payload).text)).toEqual(texts);
  });

  it("can be sent again with the same idempotency key without being stored twice", async () => {
    const lines = [
      { id: "a", text: "one" },
      { id: "b", text: "two" },
    ];
    const first = await send(lines, { key: "k" });
    expect(await send(lines, { key: "k" })).toEqual(first);
    expect(service.payloads).toHaveLength(2);
  });

  it("beyond the bound are named, and those before it are stored", async () => {
    const lines = Array.from({ length: 5 }, (_, index) => ({ id: `d${index}`, text: "t" }));
    const results = await send(lines, { linesMax: 3 });
    expect(results).toHaveLength(4);
    expect(results[3]).toMatchObject({ line: 4, error: { code: "document_too_large" } });
    expect(service.payloads).toHaveLength(3);
  });

  it("are left alone once the log refuses", async () => {
    service.publishFailure = new FreshetError("overloaded");
    const lines = Array.from({ length: 1_000 }, (_, index) => ({ id: `d${index}`, text: "t" }));
    const results = await send(lines);
    expect(results.length).toBeLessThanOrEqual(limits.ndjsonInFlightMax + 1);
    expect(results[0]).toMatchObject({ line: 1, error: { code: "overloaded", retryable: true } });
  });

  it.each(["overloaded", "not_ready"] as const)(
    "behind one that is to be sent again (%s) leave its document alone (I3)",
    async (code) => {
      const publish = service.publish.bind(service);
      let isFirst = true;
      service.publish = (...asked) => {
        if (isFirst) service.publishFailure = new FreshetError(code);
        isFirst = false;
        return publish(...asked).finally(() => {
          service.publishFailure = undefined;
        });
      };
      const lines = [
        { id: "a", text: "one" },
        { id: "a", op: "delete" },
        { id: "a", text: "two" },
      ];
      // Stored now, the delete would lie before the upsert that comes again, and be undone by it.
      expect(await send(lines)).toMatchObject([{ line: 1, error: { code, retryable: true } }]);
      expect(service.payloads).toEqual([]);
    },
  );
});

describe("NDJSON over HTTP", () => {
  let it_: Fixture;
  beforeEach(() => {
    it_ = fixture();
  });
  afterEach(() => it_.close());
  const headers = { "content-type": "application/x-ndjson" };

  it("is 202 with a result for each line", async () => {
    const payload = '{"id":"a","text":"one"}\nnonsense\n{"id":"a","op":"delete"}\n';
    const reply = await it_.app.inject({ method: "POST", url: "/v1/documents", headers, payload });
    expect(reply.statusCode).toBe(202);
    expect(reply.json()).toEqual({
      results: [
        { line: 1, id: "a", seq: 1 },
        { line: 2, error: expect.objectContaining({ code: "invalid_json" }) },
        { line: 3, id: "a", seq: 2 },
      ],
    });
  });

  it("is accepted by length before it is read", async () => {
    const reply = await it_.app.inject({
      method: "POST",
      url: "/v1/documents",
      headers: { ...headers, "content-length": String(limits.httpNdjsonBytesMax + 1) },
      payload: "{}",
    });
    expect([reply.statusCode, reply.json().code]).toEqual([413, "document_too_large"]);
  });

  it("is no question", async () => {
    const reply = await it_.app.inject({ method: "POST", url: "/answer", headers, payload: "{}" });
    expect(reply.statusCode).toBe(415);
  });
});
