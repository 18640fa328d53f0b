/**
 * A real adapter over real sockets, against an endpoint that misbehaves in every way that is told
 * apart.
 */

import { describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import { plainOnTlsMessage } from "../../src/contract/plain-on-tls.ts";
import { probeText } from "../../src/embedding/model-probe.ts";
import type { Embedder } from "../../src/embedding/port.ts";
import { createRemoteEmbedder } from "../../src/embedding/remote.ts";
import { problemOf } from "../../src/gateway/problem.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type Handler, startEndpoint } from "../answer/misbehaving-endpoint.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { describeEmbedder } from "./conformance.ts";
import { dot } from "./reference/reference.ts";
import { type AskedBody, asNumbers, base64Of, embedding, sendJson } from "./remote-endpoint.ts";
import {
  apiKey,
  ask,
  failure,
  hasty,
  input,
  inTurn,
  model,
  remoteKit,
  secretText,
  status,
  toTexts,
} from "./remote-kit.ts";

const kit = remoteKit();

/** A server of its own, because the suite opens embedders before any test of this file runs. */
function conformant(path: string, handler: Handler): () => Promise<Embedder> {
  return async () => {
    const own = await startEndpoint();
    own.handle = handler;
    const url = own.url + path;
    const embedder = await createRemoteEmbedder({
      url,
      model,
      clock: systemClock,
      random: Math.random,
    });
    return {
      ...embedder,
      close: async () => {
        await embedder.close();
        await own.close();
      },
    };
  };
}

describeEmbedder("a remote that answers in base64", conformant("/v1", embedding()));
describeEmbedder(
  "a remote that answers in numbers and in another order",
  conformant(
    "/v1",
    embedding((entries) =>
      entries.map((entry) => ({ ...entry, embedding: asNumbers(entry) })).reverse(),
    ),
  ),
);
describeEmbedder("text-embeddings-inference by its own route", conformant("/embed", embedding()));

describe("a request", () => {
  it("names the model, asks for base64 and carries the key, at the route of the base URL", async () => {
    const asked: unknown[] = [];
    kit.endpoint.handle = (request, response) => {
      const { url, headers, body } = request;
      asked.push({ url, key: headers.authorization, ...(JSON.parse(body) as AskedBody) });
      embedding()(request, response);
    };
    const embedder = await kit.open({ requestModel: "word-hash-large" });
    await ask(embedder);
    expect(asked.at(-1)).toEqual({
      url: "/v1/embeddings",
      key: `Bearer ${apiKey}`,
      model: "word-hash-large",
      input: [secretText, "another text"],
      encoding_format: "base64",
    });
  });

  it("goes to the native route, without a model, when the URL names that", async () => {
    const asked: unknown[] = [];
    kit.endpoint.handle = (request, response) => {
      asked.push({ url: request.url, ...(JSON.parse(request.body) as AskedBody) });
      embedding()(request, response);
    };
    await ask(await kit.open({ url: `${kit.endpoint.url}/embed/`, requestModel: "ignored" }));
    const inputs = [secretText, "another text"];
    expect(asked.at(-1)).toEqual({ url: "/embed", inputs, normalize: true });
  });

  it("holds at most so many texts, and so many bytes", async () => {
    const sizes: number[] = [];
    kit.endpoint.handle = (request, response) => {
      sizes.push((JSON.parse(request.body) as AskedBody).input?.length ?? 0);
      embedding()(request, response);
    };
    const embedder = await kit.open();
    const many = Array.from({ length: limits.embedRemoteInputsMax * 2 + 3 }, (_, i) => `text ${i}`);
    await embedder.embed(many.map(input), { lane: "ingest" });
    const large = "x".repeat(limits.embedRemoteBodyBytesMax * 0.6);
    const tooLarge = "x".repeat(limits.embedRemoteBodyBytesMax * 1.1);
    const texts = ["small", large, large, tooLarge, "small", "small"];
    await embedder.embed(texts.map(input), { lane: "ingest" });
    expect(sizes.slice(1)).toEqual([
      limits.embedRemoteInputsMax,
      limits.embedRemoteInputsMax,
      3,
      ...[2, 1, 1, 2],
    ]);
  });
});

describe("a reply", () => {
  it("need not be of unit length: the vectors come out normalised", async () => {
    const straight = await ask(await kit.open());
    kit.endpoint.handle = embedding((entries) =>
      entries.map((e) => ({ ...e, embedding: asNumbers(e).map((value) => value * 17) })),
    );
    for (const [index, vector] of (await ask(await kit.open())).entries()) {
      expect(dot(vector, vector)).toBeCloseTo(1, 5);
      expect(dot(vector, straight[index] ?? [])).toBeCloseTo(1, 5);
    }
  });

  it("is taken in its order when it has no indexes", async () => {
    const expected = await ask(await kit.open());
    kit.endpoint.handle = embedding((entries) => entries.map((e) => ({ embedding: e.embedding })));
    expect(await ask(await kit.open())).toEqual(expected);
  });

  const broken: readonly [string, (values: number[]) => unknown][] = [
    ["a null among its numbers", (values) => [null, ...values.slice(1)]],
    ["words among its numbers", (values) => ["0.1", ...values.slice(1)]],
    ["a number beyond float32", (values) => [1e300, ...values.slice(1)]],
    ["a zero vector", (values) => values.map(() => 0)],
    ["NaN in base64", (values) => base64Of([Number.NaN, ...values.slice(1)])],
  ];

  it.each(broken)("with %s fails its batch and nothing else", async (_name, change) => {
    const embedder = await kit.open();
    kit.endpoint.handle = inTurn(
      embedding((entries) => entries.map((e) => ({ ...e, embedding: change(asNumbers(e)) }))),
      embedding(),
    );
    expect(await failure(ask(embedder))).toMatchObject({ code: "embedding_failed" });
    expect(await ask(embedder)).toHaveLength(2);
  });

  it("with NaN written as Python does fails its batch", async () => {
    const embedder = await kit.open();
    kit.endpoint.handle = toTexts((_request, response) =>
      response.end('{"data": [{"index": 0, "embedding": [0.1, NaN]}]}'),
    );
    expect(await failure(ask(embedder))).toMatchObject({ code: "embedding_failed" });
  });

  const unusable: readonly [string, Handler, RegExp][] = [
    ["too few vectors", embedding((entries) => entries.slice(1)), /1 vectors for 2 texts/],
    ["too many", embedding((entries) => [...entries, ...entries]), /4 vectors for 2 texts/],
    ["one index twice", embedding((es) => es.map((e) => ({ ...e, index: 0 }))), /which vector/],
    ["a shifted index", embedding((es) => es.map((e, i) => ({ ...e, index: i + 1 }))), /which/],
    ["an object for a vector", embedding((es) => es.map(() => ({ embedding: {} }))), /unknown/],
    ["a web page", (_q, response) => response.end("<html>log in</html>"), /is not JSON/],
    ["another JSON", (_q, response) => sendJson(response, { ok: true }), /no list/],
    ["nothing", (_q, response) => response.end(), /is not JSON/],
    [
      "vectors of another width",
      embedding((es) => es.map((e) => ({ ...e, embedding: asNumbers(e).slice(0, 256) }))),
      /256 dimensions, expected 384: check FRESHET_EMBED_MODEL and FRESHET_EMBED_DIMENSIONS/,
    ],
    [
      "more bytes than any reply needs",
      (_request, response) => {
        response.write('{"data": [');
        const flood = (): void => {
          if (response.destroyed) return;
          if (response.write("0,".repeat(65_536))) setImmediate(flood);
          else response.once("drain", flood);
        };
        flood();
      },
      /too large/,
    ],
  ];

  it.each(unusable)(
    "with %s makes documents wait, and is not asked for again",
    async (_n, handler, message) => {
      const embedder = await kit.open({ clock: hasty() });
      const handle = inTurn(handler);
      kit.endpoint.handle = handle;
      const error = await failure(ask(embedder));
      expect(error).toMatchObject({ code: "embedding_unavailable", retryable: true });
      expect(error.message).toMatch(message);
      expect(handle.calls()).toBe(1);
    },
  );
});

describe("a status", () => {
  it.each([400, 413, 422])("%i is about the texts: the batch fails at once", async (code) => {
    const embedder = await kit.open({ clock: hasty() });
    const handle = inTurn(status(code));
    kit.endpoint.handle = toTexts(handle);
    const error = await failure(ask(embedder));
    expect(error).toMatchObject({ code: "embedding_failed", details: { status: code } });
    expect(handle.calls()).toBe(1);
  });

  it("400 to a plain sentence, too, is about the account, and costs no text (EP8)", async () => {
    const embedder = await kit.open({ clock: hasty() });
    kit.endpoint.handle = status(400);
    const error = await failure(ask(embedder));
    expect(error).toMatchObject({ code: "embedding_unavailable", retryable: true });
    expect(error.message).toContain("refuses a plain sentence (400)");
  });

  it("a caller that leaves while the sentence is asked for is answered at once (RL3)", async () => {
    const embedder = await kit.open();
    const leaving = new AbortController();
    kit.endpoint.handle = (request, response) => {
      if (request.body.includes(probeText)) leaving.abort();
      else status(400)(request, response);
    };
    expect((await failure(ask(embedder, "ingest", leaving.signal))).code).toBe("cancelled");
  });

  const settings: readonly [number, RegExp][] = [
    [401, /FRESHET_EMBED_API_KEY/],
    [403, /FRESHET_EMBED_API_KEY/],
    [404, /FRESHET_EMBED_URL and FRESHET_EMBED_MODEL/],
    [301, /redirects \(301\), which is not followed: set FRESHET_EMBED_URL/],
    [307, /redirects \(307\)/],
  ];

  it.each(settings)("%i names the setting that is wrong, at once", async (code, message) => {
    const embedder = await kit.open({ clock: hasty() });
    let elsewhere = 0;
    kit.endpoint.handle = (request, response) => {
      if (request.url === "/elsewhere") elsewhere += 1;
      status(code, { location: "/elsewhere" })(request, response);
    };
    const error = await failure(ask(embedder));
    expect(error).toMatchObject({ code: "embedding_unavailable" });
    expect(error.message).toMatch(message);
    expect(elsewhere).toBe(0);
  });

  const page = (title: string) =>
    `<html>\r\n<head><title>400 ${title}</title></head>\r\n<body>\r\n</body>\r\n</html>\r\n`;
  const told = problemOf(new FreshetError("invalid_request", plainOnTlsMessage));

  it.each([
    ["Freshet", JSON.stringify(told)],
    ["nginx", page("The plain HTTP request was sent to HTTPS port")],
    ["Go", "Client sent an HTTP request to an HTTPS server.\n"],
  ])("400 of a port of %s that takes TLS is about the address, not the texts", async (_, body) => {
    const embedder = await kit.open({ clock: hasty() });
    kit.endpoint.handle = (_request, response) => void response.writeHead(400).end(body);
    const error = await failure(ask(embedder));
    expect(error).toMatchObject({ code: "embedding_unavailable" });
    expect(error.message).toMatch(/takes TLS: begin FRESHET_EMBED_URL with https:/);
  });

  it("400 that repeats a text which speaks of TLS is about the text", async () => {
    const embedder = await kit.open({ clock: hasty() });
    kit.endpoint.handle = toTexts(({ body }, response) =>
      response.writeHead(400).end(JSON.stringify({ ...told, detail: `too long: ${body}` })),
    );
    expect(await failure(ask(embedder))).toMatchObject({ code: "embedding_failed" });
  });

  it.each([502, 503, 504])("%i is asked again, so often and no oftener", async (code) => {
    const clock = hasty();
    const embedder = await kit.open({ clock });
    kit.endpoint.handle = inTurn(status(code), embedding());
    expect(await ask(embedder)).toHaveLength(2);
    const handle = inTurn(status(code));
    kit.endpoint.handle = handle;
    const error = await failure(ask(embedder));
    expect(error.code).toBe("embedding_unavailable");
    expect(error.message).toContain(String(code));
    expect(handle.calls()).toBe(limits.embedRemoteAttemptsMax);
  });

  it.each([500, 501, 408, 418])("%i is not asked again, and costs no document", async (code) => {
    const embedder = await kit.open({ clock: hasty() });
    const handle = inTurn(status(code));
    kit.endpoint.handle = handle;
    expect(await failure(ask(embedder))).toMatchObject({ code: "embedding_unavailable" });
    expect(handle.calls()).toBe(1);
  });

  it("429 is obeyed: the pause that it asks for, in seconds or as a date", async () => {
    const clock = hasty();
    const embedder = await kit.open({ clock });
    const date = new Date(Date.now() + 3_000).toUTCString();
    kit.endpoint.handle = inTurn(
      status(429, { "retry-after": "2" }),
      status(429, { "retry-after": date }),
      embedding(),
    );
    expect(await ask(embedder)).toHaveLength(2);
    expect(clock.pausesMs).toHaveLength(2);
    expect(clock.pausesMs[0]).toBe(2_000);
    // A date has whole seconds.
    expect(clock.pausesMs[1]).toBeGreaterThan(1_500);
    expect(clock.pausesMs[1]).toBeLessThanOrEqual(3_000);
  });

  it("429 without an end, or with too long a pause, is overloaded", async () => {
    const clock = hasty();
    const embedder = await kit.open({ clock });
    kit.endpoint.handle = status(429);
    expect(await failure(ask(embedder))).toMatchObject({ code: "overloaded", retryable: true });
    expect(clock.pausesMs).toHaveLength(limits.embedRemoteAttemptsMax - 1);
    const handle = inTurn(status(429, { "retry-after": "3600" }));
    kit.endpoint.handle = handle;
    expect(await failure(ask(embedder))).toMatchObject({ code: "overloaded" });
    expect(handle.calls()).toBe(1);
  });
});

describe("a connection", () => {
  it("that is reset is made again", async () => {
    const embedder = await kit.open({ clock: hasty() });
    const reset: Handler = (request) => void request.socket.resetAndDestroy();
    kit.endpoint.handle = inTurn(reset, embedding());
    expect(await ask(embedder)).toHaveLength(2);
    kit.endpoint.handle = reset;
    expect(await failure(ask(embedder))).toMatchObject({ code: "embedding_unavailable" });
  });

  it("that breaks off in the middle of a body is made again", async () => {
    const embedder = await kit.open({ clock: hasty() });
    const cut: Handler = (request, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write('{"data": [', () => request.socket.destroy());
    };
    kit.endpoint.handle = inTurn(cut, embedding());
    expect(await ask(embedder)).toHaveLength(2);
    kit.endpoint.handle = cut;
    expect(await failure(ask(embedder))).toMatchObject({ code: "embedding_unavailable" });
  });

  it("that hangs is given up after a bounded time, before and within the body", async () => {
    const clock = createManualClock();
    const embedder = await kit.open({ clock });
    const silent: Handler = () => undefined;
    const slow: Handler = (_request, response) => response.write('{"data": [');
    for (const handler of [silent, slow]) {
      const arrived = Promise.withResolvers<undefined>();
      kit.endpoint.handle = (request, response) => {
        handler(request, response);
        arrived.resolve(undefined);
      };
      const late = failure(ask(embedder));
      await arrived.promise;
      await clock.advance(limits.embedRemoteRequestMs);
      const error = await late;
      expect(error.code).toBe("embedding_unavailable");
      expect(error.message).toContain("timeout");
    }
    expect(clock.sleeping).toBe(0);
  });

  it("to a server that is gone fails with its reason, and comes back with the server", async () => {
    const embedder = await kit.open({ clock: hasty() });
    const port = Number(new URL(kit.endpoint.url).port);
    await kit.endpoint.close();
    const error = await failure(ask(embedder));
    expect(error.code).toBe("embedding_unavailable");
    expect(error.message).toContain("ECONNREFUSED");
    kit.endpoint = await startEndpoint(port);
    kit.endpoint.handle = embedding();
    expect(await ask(embedder)).toHaveLength(2);
  });
});
