/**
 * The matrix of bad input: every surface that takes a body, with everything that a body can have
 * wrong. Each is a typed refusal, says nothing of what was sent, and reaches no service.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorTable } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import { createHandler } from "../../src/gateway/handler.ts";
import { parseJson } from "../../src/gateway/json.ts";
import { publishLines } from "../../src/gateway/ndjson.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { FairShares } from "../../src/runtime/fair-shares.ts";
import { FakeService } from "./fake-service.ts";
import { type Fixture, fixture, rawSocket } from "./http-fixture.ts";

/** Stands in every input, in values and names: no reply and no log line may have it. */
const canary = "canary-4111-1111-1111-1111";

let it_: Fixture;
beforeAll(() => {
  it_ = fixture();
});
afterAll(() => it_.close());

interface Surface {
  /** A body that is right but for what the case puts into it. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly bytesMax: number;
  /** The bytes go in; the code of what comes out, and all that was said. */
  send(bytes: Buffer, headers?: Readonly<Record<string, string>>): Promise<Reply>;
}

interface Reply {
  readonly code: string | undefined;
  readonly status: number;
  readonly text: string;
}

function overHttp(url: string, read: (body: unknown) => string | undefined): Surface["send"] {
  return async (payload, headers = {}) => {
    const type = { "content-type": "application/json" };
    const request = { method: "POST", url, headers: { ...type, ...headers }, payload } as const;
    const reply = await it_.app.inject(request);
    const parsed = reply.json();
    return { code: read(parsed), status: reply.statusCode, text: reply.body };
  };
}

const at = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
const ofProblem = (body: unknown) => at(body, "code") as string | undefined;
const ofOpenAi = (body: unknown) => at(at(body, "error"), "code") as string | undefined;

/** One line of a request with many; a line break in it makes two, so none is sent. */
async function asLine(bytes: Buffer): Promise<Reply> {
  const service = new FakeService();
  const handler = createHandler({ service, log: silent, clock: systemClock });
  const results = await publishLines(handler, {
    tenant: "demo" as never,
    source: (async function* () {
      yield Buffer.concat([bytes, Buffer.from("\n")]);
    })(),
    room: async () => new FairShares({ total: 1 }).tryTake("demo"),
    signal: new AbortController().signal,
  });
  const [first] = results;
  const code = first !== undefined && "error" in first ? first.error.code : undefined;
  return { code, status: 400, text: JSON.stringify(results) };
}

/** What the micro service does with a message, without the server between. */
async function asNatsQuestion(bytes: Buffer): Promise<Reply> {
  const service = new FakeService();
  const handler = createHandler({ service, log: silent, clock: systemClock });
  try {
    const { signal } = new AbortController();
    const answer = await handler.answer({
      tenant: "demo" as never,
      body: parseJson(bytes),
      signal,
    });
    return { code: undefined, status: 200, text: JSON.stringify(answer) };
  } catch (thrown) {
    const { code, status, message, details } = handler.explain(thrown);
    return { code, status, text: JSON.stringify({ code, message, details }) };
  }
}

const write = (fields: object, message: string) => void lines.push(message, JSON.stringify(fields));
const silent = { debug: write, info: write, warn: write, error: write };
const lines: string[] = [];

const question = { query: "rivers" };
const document = { id: "a", text: "rivers" };
const chat = { model: "freshet", messages: [{ role: "user", content: "rivers" }] };

const surfaces: Readonly<Record<string, Surface>> = {
  "POST /answer": {
    ...{ body: question, bytesMax: limits.questionBytesMax },
    send: overHttp("/answer", ofProblem),
  },
  "POST /v1/documents": {
    ...{ body: document, bytesMax: limits.httpDocumentBytesMax },
    send: overHttp("/v1/documents", ofProblem),
  },
  "a line of NDJSON": { body: document, bytesMax: limits.httpDocumentBytesMax, send: asLine },
  "POST /v1/chat/completions": {
    ...{ body: chat, bytesMax: limits.chatBytesMax },
    send: overHttp("/v1/chat/completions", ofOpenAi),
  },
  "POST /v1/vector_stores/demo/search": {
    ...{ body: question, bytesMax: limits.chatBytesMax },
    send: overHttp("/v1/vector_stores/demo/search", ofOpenAi),
  },
  "POST /v1/responses": {
    ...{ body: { input: "rivers" }, bytesMax: limits.chatBytesMax },
    send: overHttp("/v1/responses", ofOpenAi),
  },
  "POST /v1/embeddings": {
    ...{ body: { input: "rivers", encoding_format: "float" } },
    bytesMax: limits.embeddingsBytesMax,
    send: overHttp("/v1/embeddings", ofOpenAi),
  },
  "a question over NATS": {
    ...{ body: question, bytesMax: limits.questionBytesMax },
    send: asNatsQuestion,
  },
};

const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const deep = (open: string, close: string) =>
  Buffer.from(`${open.repeat(10_000)}"${canary}"${close.repeat(10_000)}`);

/** Wrong for every surface; made from a body that would be right. */
const wrong: Readonly<Record<string, (body: Readonly<Record<string, unknown>>) => Buffer>> = {
  nothing: () => Buffer.from(""),
  blanks: () => Buffer.from("  "),
  "no JSON": () => Buffer.from(canary),
  "a truncated object": (body) => text({ ...body, more: canary }).subarray(0, -2),
  "two objects": (body) => Buffer.concat([text(body), text({ [canary]: canary })]),
  null: () => text(null),
  "a list": () => text([canary]),
  "a number": () => text(4_111),
  "a text": () => text(canary),
  true: () => text(true),
  "an empty object": () => text({}),
  "an object of one unknown field": () => text({ [canary]: canary }),
  "bytes that are no UTF-8": (body) =>
    Buffer.concat([text(body).subarray(0, -1), Buffer.from([0x2c, 0x22, 0xff, 0xfe, 0x22, 0x7d])]),
  "the start of a gzip stream": () => Buffer.from([0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0]),
  "lists ten thousand deep": () => deep("[", "]"),
  "objects ten thousand deep": () => deep('{"a":', "}"),
  "a prototype": (body) =>
    Buffer.from(`${JSON.stringify(body).slice(0, -1)},"__proto__":{"x":"${canary}"}}`),
  "a key twice": (body) =>
    Buffer.from(`${JSON.stringify(body).slice(0, -1)},"${canary}":1,"${canary}":2}`),
  "a constructor": (body) => text({ ...body, constructor: { prototype: { x: canary } } }),
  "each field as a number": (body) => text(mapped(body, () => 4_111)),
  "each field as an object": (body) => text(mapped(body, () => ({ $gt: canary }))),
  "each field as an object of a field that nobody knows": (body) =>
    text(mapped(body, () => ({ [canary]: canary }))),
  "each field as a list of such objects": (body) =>
    text(mapped(body, () => [{ [canary]: canary, type: { [canary]: canary } }])),
  "each field as a list": (body) => text(mapped(body, () => [[canary]])),
  "each field null": (body) => text(mapped(body, () => null)),
  "each field empty": (body) => text(mapped(body, () => "")),
  "each field blank": (body) => text(mapped(body, () => " \t\n")),
};

function mapped(body: Readonly<Record<string, unknown>>, value: () => unknown) {
  return Object.fromEntries(Object.keys(body).map((name) => [name, value()]));
}

const cases = Object.entries(surfaces).flatMap(([surface, { body, send }]) =>
  Object.entries(wrong).map(([name, make]) => ({ surface, name, bytes: make(body), send })),
);

describe("bad input", () => {
  it.each(cases)("to $surface: $name", async ({ bytes, send, surface, name }) => {
    // A blank line of NDJSON is no line.
    if (surface === "a line of NDJSON" && (name === "nothing" || name === "blanks")) {
      expect(await send(bytes)).toMatchObject({ code: undefined, text: "[]" });
      return;
    }
    const { code, status, text: said } = await send(bytes);
    expect(Object.keys(errorTable)).toContain(code);
    expect(code).not.toBe("internal");
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    for (const line of [said, ...lines, ...it_.lines]) expect(line).not.toContain(canary);
  });

  it("reached no service, and left a server that answers", async () => {
    expect(it_.service.asked).toEqual([]);
    expect(it_.service.payloads).toEqual([]);
    expect((await it_.app.inject({ method: "GET", url: "/healthz" })).statusCode).toBe(200);
  });

  const sized = Object.entries(surfaces).filter(([name]) => name.startsWith("POST"));
  it.each(sized)("to %s: more bytes than it takes is refused unread", async (_name, surface) => {
    const big = Buffer.from(`{"query":"${"x".repeat(surface.bytesMax)}${canary}"}`);
    const { code, status, text: said } = await surface.send(big);
    expect({ code, status }).toEqual({ code: "document_too_large", status: 413 });
    expect(said).not.toContain(canary);
  });

  it.each(sized)("to %s: a compressed body is refused, not unpacked", async (_name, surface) => {
    for (const encoding of ["gzip", "deflate", "br", "zstd", "gzip, gzip", canary]) {
      const reply = await surface.send(text(surface.body), { "content-encoding": encoding });
      expect([reply.status, reply.code]).toEqual([415, "unsupported_media_type"]);
      expect(reply.text).not.toContain(canary);
    }
  });
});

const head = "POST /answer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
const inner = "POST /v1/documents HTTP/1.1\r\nhost: localhost\r\n\r\n";

/** What a proxy in front and this server could read differently. */
const smuggled: Readonly<Record<string, string>> = {
  "a length and chunks": `${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
  "chunks and a length": `${head}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n${inner}`,
  "two lengths": `${head}content-length: 2\r\ncontent-length: 60\r\n\r\n{}${inner}`,
  "a length with a sign": `${head}content-length: +2\r\n\r\n{}${inner}`,
  "a length in hex": `${head}content-length: 0x2\r\n\r\n{}${inner}`,
  "a list of lengths": `${head}content-length: 2, 2\r\n\r\n{}${inner}`,
  "chunked twice": `${head}transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n${inner}`,
  "a coding with a vertical tab": `${head}transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n${inner}`,
  "a coding after a blank": `${head}transfer-encoding : chunked\r\n\r\n0\r\n\r\n${inner}`,
  "an unknown coding": `${head}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n${inner}`,
  "a folded header": `${head}x-a: b\r\n\ttransfer-encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
  "a bare line feed": `${head}x-a: b\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
  "a bare carriage return": `${head}x-a: b\rtransfer-encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
  "a NUL in a header": `${head}x-a: b\0c\r\ncontent-length: 2\r\n\r\n{}${inner}`,
  "a chunk whose size is signed": `${head}transfer-encoding: chunked\r\n\r\n-1\r\n${inner}`,
  "a chunk whose size is huge": `${head}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n${inner}`,
  "a chunk that ends in a line feed": `${head}transfer-encoding: chunked\r\n\r\n2\n{}\n0\n\n${inner}`,
  "no version": `POST /answer\r\n${inner}`,
  "a version of another protocol": `POST /answer HTTP/3.0\r\nhost: localhost\r\n\r\n${inner}`,
  "no host": `POST /answer HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}${inner}`,
};

describe("a request that could hide another one", () => {
  it.each(Object.entries(smuggled))(
    "is refused, and so is what follows it: %s",
    async (_name, bytes) => {
      const { url } = await it_.listen();
      const { socket, received } = rawSocket(url);
      socket.write(bytes, "latin1");
      setTimeout(() => socket.end(), 200).unref();
      const said = await received;
      // One answer, a refusal: the second request was not read as one.
      expect(said.match(/HTTP\/1\.1 \d+/g)).toHaveLength(1);
      expect(said).toMatch(/^HTTP\/1\.1 (400|415|505) /);
      expect(it_.service.asked).toEqual([]);
      expect(it_.service.payloads).toEqual([]);
    },
  );
});
