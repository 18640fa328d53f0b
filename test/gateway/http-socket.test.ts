import { request as httpRequest } from "node:http";
import type { Socket } from "node:net";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { silentLogger } from "../../src/contract/observation.ts";
import { startEmbedHttp } from "../../src/gateway/embed-server.ts";
import { createHandler } from "../../src/gateway/handler.ts";
import { startHttp } from "../../src/gateway/http.ts";
import { startMetricsServer } from "../../src/gateway/metrics-server.ts";
import { createEmbeddingsHandler } from "../../src/gateway/openai/embeddings.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { FakeService } from "./fake-service.ts";
import { type Fixture, fixture, rawSocket } from "./http-fixture.ts";

const open: Fixture[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

async function listening(options: Parameters<typeof fixture>[0] = {}) {
  const made = fixture(options);
  open.push(made);
  const { url } = await made.listen();
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  await post("/v1/documents", { id: "a", text: "rivers rise" });
  return { ...made, url, post };
}

interface Event {
  readonly id: number;
  readonly name: string;
  readonly data: unknown;
}

function parseEvents(text: string): Event[] {
  return text
    .split("\n\n")
    .filter((block) => block.startsWith("id: "))
    .map((block) => {
      const fields = /^id: (\d+)\nevent: (\w+)\ndata: (.*)$/.exec(block);
      return {
        id: Number(fields?.[1]),
        name: fields?.[2] ?? "",
        data: JSON.parse(fields?.[3] ?? ""),
      };
    });
}

describe("a streamed answer", () => {
  it("has no line end that only some readers know (SER3)", async () => {
    const { post } = await listening();
    const title = "one\u2028two\u2029three\u0085four";
    await post("/v1/documents", { id: "b", title, text: "harbours freeze" });
    const reply = await post("/answer", { query: "harbours", stream: true });
    const text = await reply.text();
    expect(text).not.toMatch(/[\u0085\u2028\u2029]/);
    const done = parseEvents(text).at(-1)?.data as { sources: readonly { title?: string }[] };
    expect(done.sources.map((source) => source.title)).toContain(title);
  });

  it("sends the sources, the text piece by piece, then the whole answer, with ids 1, 2, 3 …", async () => {
    const { post } = await listening();
    const reply = await post("/answer", { query: "rivers", stream: true });
    expect(reply.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(reply.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    const events = parseEvents(await reply.text());
    expect(events.map(({ id, name }) => `${id} ${name}`)).toEqual([
      "1 retrieval",
      "2 delta",
      "3 delta",
      "4 done",
    ]);
    expect(events[0]?.data).toMatchObject({
      sources: [{ id: "a" }],
      coverage: { hot: "complete" },
    });
    expect(events[3]?.data).toMatchObject({ answer: "It was." });
  });

  it("is what Accept: text/event-stream asks for too", async () => {
    const { post } = await listening();
    const reply = await post("/answer", { query: "rivers" }, { accept: "text/event-stream" });
    expect(parseEvents(await reply.text()).at(-1)?.name).toBe("done");
  });

  it.each([
    [{ stream: false }, "text/event-stream", "application/json"],
    [{ stream: true }, "application/json", "text/event-stream"],
    [{}, "application/json, text/event-stream", "application/json"],
    [{}, "text/event-stream, application/json", "text/event-stream"],
    [{}, "application/json, text/event-stream;q=0.5", "application/json"],
    [{}, "text/event-stream;q=0, */*", "application/json"],
    [{}, "*/*", "application/json"],
    [{}, "image/png", "application/json"],
  ])("body %j with Accept: %s is answered as %s", async (fields, accept, type) => {
    const { post } = await listening();
    const reply = await post("/answer", { query: "rivers", ...fields }, { accept });
    await reply.text();
    expect(reply.headers.get("content-type")?.split(";")[0]).toBe(type);
  });

  it("keeps the status of an error that comes before its first event", async () => {
    const { post } = await listening();
    const missing = await post("/answer", { query: "deserts", stream: true });
    expect([missing.status, await missing.json()]).toMatchObject([404, { code: "no_results" }]);
    const wrong = await post("/answer", { query: "", stream: true });
    expect(wrong.status).toBe(400);
  });

  it("ends with an error event when it fails midway", async () => {
    const { post, service } = await listening();
    service.hold = Promise.reject(new TypeError("secret"));
    service.hold.catch(() => {});
    const reply = await post("/answer", { query: "rivers", stream: true });
    const text = await reply.text();
    expect(parseEvents(text).map(({ name }) => name)).toEqual(["retrieval", "error"]);
    expect(text).toContain('"code":"internal"');
    expect(text).not.toContain("secret");
  });

  it("is kept alive by comments while nothing happens", async () => {
    const { post, service } = await listening({ bounds: { sseHeartbeatMs: 5 } });
    let release = () => {};
    service.hold = new Promise((resolve) => {
      release = resolve;
    });
    const reply = await post("/answer", { query: "rivers", stream: true });
    let text = "";
    for await (const chunk of reply.body ?? []) {
      text += Buffer.from(chunk).toString();
      if (text.includes(": still here\n\n")) release();
    }
    expect(parseEvents(text).at(-1)?.name).toBe("done");
  });

  it("is aborted when its reader goes away", async () => {
    const { url, service } = await listening();
    service.hold = new Promise(() => {});
    const body = JSON.stringify({ query: "rivers", stream: true });
    const request = httpRequest(`${url}/answer`, {
      method: "POST",
      headers: { "content-type": "application/json" },
    });
    request.on("error", () => {});
    request.on("response", (response) => response.once("data", () => request.destroy()));
    request.end(body);
    await expect.poll(() => service.signals[0]?.aborted).toBe(true);
  });

  it("is cut when its reader does not read", async () => {
    const { url, service } = await listening({ bounds: { sseBufferBytesMax: 64 * 1024 } });
    service.deltas = Array.from({ length: 2_000 }, () => "x".repeat(32 * 1024));
    const { socket } = rawSocket(url);
    socket.pause();
    const body = JSON.stringify({ query: "rivers", stream: true });
    socket.write(
      `POST /answer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await expect.poll(() => service.signals[0]?.aborted, { timeout: 10_000 }).toBe(true);
    socket.destroy();
  });
});

describe("an answer in one piece", () => {
  it("is aborted when the caller goes away", async () => {
    const { url, service } = await listening();
    service.hold = new Promise(() => {});
    const caller = new AbortController();
    const reply = fetch(`${url}/answer`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: "rivers" }),
      signal: caller.signal,
    });
    await expect.poll(() => service.signals.length).toBe(1);
    caller.abort();
    await expect(reply).rejects.toThrow();
    await expect.poll(() => service.signals[0]?.aborted).toBe(true);
  });
});

describe("a body that is refused while it is being sent", () => {
  const MiB = 1024 * 1024;
  const chunk = Buffer.alloc(64 * 1024, "x");

  /** Like a blocking client: reads nothing until it has sent all. */
  async function sendAll(url: string, head: readonly string[], bytes: number): Promise<string> {
    const { socket, received } = rawSocket(url);
    socket.pause();
    const chunked = head.includes("transfer-encoding: chunked");
    socket.write(["POST /v1/documents HTTP/1.1", "host: localhost", ...head, "", ""].join("\r\n"));
    for (let sent = 0; sent < bytes && !socket.destroyed; sent += chunk.length) {
      const piece = chunked
        ? Buffer.concat([
            Buffer.from(`${chunk.length.toString(16)}\r\n`),
            chunk,
            Buffer.from("\r\n"),
          ])
        : chunk;
      if (!socket.write(piece))
        await new Promise((resolve) => socket.once("drain", resolve).once("close", resolve));
    }
    if (chunked) socket.write("0\r\n\r\n");
    socket.resume();
    socket.end();
    return (await received).slice(0, 400);
  }

  const json = "content-type: application/json";
  const ndjson = "content-type: application/x-ndjson";
  const sized = (bytes: number) => `content-length: ${bytes}`;
  const chunked = "transfer-encoding: chunked";
  it.each([
    ["a declared document", [json, sized(3 * MiB)], 3 * MiB, "413"],
    ["a chunked document", [json, chunked], 3 * MiB, "413"],
    ["declared lines", [ndjson, sized(33 * MiB)], 33 * MiB, "413"],
    // Its first lines may be stored: the reply tells each line's fate.
    ["chunked lines", [ndjson, chunked], 33 * MiB, "202"],
    ["another type", ["content-type: text/csv", sized(3 * MiB)], 3 * MiB, "415"],
    ["a closing client's document", [json, sized(3 * MiB), "connection: close"], 3 * MiB, "413"],
  ])("%s is answered before the connection closes", async (_name, head, bytes, status) => {
    const { url } = await listening();
    expect(await sendAll(url, head, bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  it("a stranger's is answered, too", async () => {
    const { url } = await listening({ keys: true });
    expect(await sendAll(url, [json, sized(3 * MiB)], 3 * MiB)).toMatch(/^HTTP\/1\.1 401 /);
  });

  it("is not read for ever: above the bound the connection is closed", async () => {
    const { url } = await listening({ bounds: { refusedBodyBytesMax: MiB } });
    const { socket, received } = rawSocket(url);
    socket.write(
      `POST /v1/documents HTTP/1.1\r\nhost: localhost\r\n${json}\r\n${sized(5 * MiB)}\r\n\r\n`,
    );
    expect(await received).toMatch(/^HTTP\/1\.1 413 [\s\S]*connection: close/);
  });

  it("is not waited for longer than the bound", async () => {
    const { url } = await listening({ bounds: { refusedBodyMs: 30 } });
    const { socket, received } = rawSocket(url);
    socket.write(
      `POST /v1/documents HTTP/1.1\r\nhost: localhost\r\n${json}\r\n${sized(5 * MiB)}\r\n\r\n`,
    );
    expect(await received).toMatch(/^HTTP\/1\.1 413 [\s\S]*connection: close/);
  });
});

describe("a connection", () => {
  it("that sends its headers too slowly is answered 408 and closed", async () => {
    const { url } = await listening({ bounds: { headersMs: 50 } });
    const { socket, received } = rawSocket(url);
    socket.write("POST /answer HTTP/1.1\r\nhost: localhost\r\n");
    expect(await received).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/);
  });

  it("that sends its body too slowly is answered 408 and closed", async () => {
    const { url } = await listening({ bounds: { bodyMs: 50 } });
    const { socket, received } = rawSocket(url);
    socket.write(
      "POST /answer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    );
    expect(await received).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/);
  });

  it("with headers above the bound is answered 431", async () => {
    const { url } = await listening();
    const { socket, received } = rawSocket(url);
    socket.write(`GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-a: ${"x".repeat(20_000)}\r\n\r\n`);
    expect(await received).toMatch(/^HTTP\/1\.1 431 [\s\S]*"code":"headers_too_large"/);
  });

  it.each([
    ["two lengths", "content-length: 2\r\ncontent-length: 3\r\n\r\n{}"],
    ["length and chunks", "content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["a folded header", "x-a: b\r\n c\r\ncontent-length: 0\r\n\r\n"],
    ["a bare line feed", "x-a: b\nx-c: d\r\n\r\n"],
  ])("that could smuggle a second request is refused: %s", async (_name, rest) => {
    const { url, service } = await listening();
    const { socket, received } = rawSocket(url);
    socket.write(
      `POST /answer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${rest}`,
    );
    setTimeout(() => socket.end(), 100).unref();
    expect(await received).toMatch(/^HTTP\/1\.1 400 /);
    expect(service.asked).toEqual([]);
  });

  it.each([
    ["GET /v1/documents/caf\u00e9", "percent-encoding"],
    ["GET /v1/documents/two words", "%20"],
    ["GET /v1/documents/caf%e9", "percent-encoding"],
    ["FETCH /v1/documents/a", "method"],
  ])("with the first line %j is told what is wrong with it", async (line, said) => {
    const { url } = await listening();
    const { socket, received } = rawSocket(url);
    socket.write(`${line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    const [head = "", body = ""] = (await received).split("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1\.1 400 [\s\S]*content-type: application\/problem\+json/);
    const { code, detail } = JSON.parse(body) as { code: string; detail: string };
    expect(code).toBe("invalid_request");
    expect(detail).toContain(said);
  });

  it("that expects what nobody knows is served all the same (GH1)", async () => {
    const { url } = await listening();
    const { socket, received } = rawSocket(url);
    socket.write(
      "GET /healthz HTTP/1.1\r\nhost: localhost\r\nexpect: 200-ok\r\nconnection: close\r\n\r\n",
    );
    expect(await received).toMatch(/^HTTP\/1\.1 200 /);
  });

  it("beyond the bound is refused, and one that closes makes room", async () => {
    const { url } = await listening({ bounds: { connectionsMax: 2 } });
    const first = rawSocket(url);
    const second = rawSocket(url);
    const third = rawSocket(url);
    expect(await Promise.race([third.received, first.received, second.received])).toBe("");
    for (const { socket } of [first, second, third]) socket.destroy();
    await expect
      .poll(async () => (await fetch(`${url}/healthz`).catch(() => undefined))?.status)
      .toBe(200);
  });

  it("that rests is kept longer than proxies keep theirs, and gives way to those that ask", async () => {
    const { url } = await listening({ bounds: { connectionsMax: 8 } });
    const ask = (socket: Socket): Promise<string> => {
      socket.write("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
      return new Promise((resolve) => {
        socket.once("data", (data) => resolve(String(data)));
        socket.once("close", () => resolve("closed"));
      });
    };
    for (let caller = 0; caller < 20; caller += 1) {
      const { socket } = rawSocket(url);
      onTestFinished(() => void socket.destroy());
      const reply = await ask(socket);
      expect(reply).toMatch(/^HTTP\/1\.1 200 /);
      const [, keptS] = /keep-alive: timeout=(\d+)/i.exec(reply) ?? [];
      expect(Number(keptS)).toBeGreaterThan(60);
    }
  });

  it("may pipeline requests and gets the answers in order", async () => {
    const { url } = await listening();
    const { socket, received } = rawSocket(url);
    const get = (id: string, more = "") =>
      `GET /v1/documents/${id} HTTP/1.1\r\nhost: localhost\r\n${more}\r\n`;
    const ids = Array.from({ length: 100 }, (_, index) => `d${index}`);
    socket.write(ids.map((id) => get(id)).join("") + get("last", "connection: close\r\n"));
    const found = [...(await received).matchAll(/"id":"(\w+)"/g)].map((match) => match[1]);
    expect(found).toEqual([...ids, "last"]);
  });
});

describe("the listening address", () => {
  it("that is taken is explained in one line that says what to do", async () => {
    const { url } = await listening();
    const port = Number(new URL(url).port);
    const service = new FakeService();
    const metrics = { metricsText: async () => "", contentType: "text/plain", set: () => {} };
    const handler = createHandler({ service, log: silentLogger, clock: systemClock });
    const options = { handler, credentials: {}, log: silentLogger, metrics, version: "0.0.1" };
    await expect(startHttp({ ...options, host: "127.0.0.1", port })).rejects.toThrow(
      new RegExp(`^port ${port} on 127\\.0\\.0\\.1 is in use: .*FRESHET_HTTP_PORT[^\n]*$`),
    );
    const embeddings = createEmbeddingsHandler({
      model: { name: "none", fingerprint: "none", dimensions: 2, maxTokens: 8 },
      redacts: false,
      embed: async () => ({ vectors: [], tokens: 0 }),
    });
    const taken = { host: "127.0.0.1", port, hosts: [], keys: false, operatorToken: undefined };
    await expect(startEmbedHttp({ ...options, ...taken, embeddings })).rejects.toThrow(
      "or set FRESHET_EMBED_SERVER_PORT (--port) to another port",
    );
    await expect(startMetricsServer({ ...taken, metrics })).rejects.toThrow(
      "or set FRESHET_MERGE_METRICS_PORT to another port",
    );
    await expect(startHttp({ ...options, host: "203.0.113.1", port: 0 })).rejects.toThrow(
      /FRESHET_HTTP_HOST/,
    );
  });
});
