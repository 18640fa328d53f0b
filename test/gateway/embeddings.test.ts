/** `/v1/embeddings` and the other routes of an embed server, over injected requests. */

import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Embeddings, TextsToEmbed } from "../../src/contract/embeddings.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import type { Credentials } from "../../src/gateway/auth.ts";
import { createEmbedApp } from "../../src/gateway/embed-server.ts";
import {
  createEmbeddingsHandler,
  embeddingsReplySchema,
  textsInFlightOf,
} from "../../src/gateway/openai/embeddings.ts";

const model = { name: "tiny", fingerprint: "f-1", dimensions: 2, maxTokens: 8 };
const asked: TextsToEmbed[] = [];
let held: Promise<void> | undefined;
const embeddings: Embeddings = {
  model,
  redacts: false,
  async embed(request) {
    asked.push(request);
    await held;
    const vectors = request.texts.map((_, index) => Float32Array.of(index === 0 ? 1 : 0.6, 0.8));
    return { vectors, tokens: 3 * request.texts.length };
  },
};
const metrics = {
  set: () => {},
  metricsText: async () => "freshet_embed_seconds 1\n",
  contentType: "text/plain",
};
const apps: FastifyInstance[] = [];

function open(credentials: Credentials = {}): FastifyInstance {
  const handler = createEmbeddingsHandler(embeddings);
  const app = createEmbedApp({ credentials, embeddings: handler, metrics, log: silentLogger });
  apps.push(app);
  return app;
}

it.each([
  [384, limits.embeddingsTextsInFlightMax],
  [4_096, 1_024],
  [16_384, 256],
])(
  "a model of %i dimensions has %i texts in flight: their vectors have one bound",
  (dimensions, texts) => {
    expect(textsInFlightOf({ dimensions })).toBe(texts);
    const bytes = texts * dimensions * limits.embeddingsNumberBytes;
    expect(bytes).toBeLessThanOrEqual(limits.embeddingsReplyBytesMax);
  },
);

it("more texts than ever fit are refused as such, not as an overload", async () => {
  const long = { ...embeddings, model: { ...model, dimensions: 16_384 } };
  const handler = createEmbeddingsHandler(long);
  const body = { model: "tiny", input: Array.from({ length: 129 }, () => "a") };
  const signal = new AbortController().signal;
  const asking = handler.embed({ body, tenant: "acme" as TenantId, signal });
  await expect(asking).rejects.toMatchObject({ code: "invalid_request" });
});

let app: FastifyInstance;
beforeEach(() => {
  asked.length = 0;
  held = undefined;
  app = open();
});
afterEach(async () => {
  for (const one of apps.splice(0)) await one.close();
});

const post = (body: unknown, headers: Record<string, string> = {}, at = app) =>
  at.inject({
    method: "POST",
    url: "/v1/embeddings",
    headers: { "content-type": "application/json", ...headers },
    payload: JSON.stringify(body),
  });

describe("a request for vectors", () => {
  it("is answered in OpenAI's form, with the model that computed them", async () => {
    const reply = await post({ input: "a text", model: "sentence-transformers/tiny" });
    expect(reply.statusCode).toBe(200);
    const parsed = embeddingsReplySchema.parse(reply.json());
    expect(parsed).toMatchObject({
      object: "list",
      model: "tiny",
      data: [{ object: "embedding", index: 0 }],
      usage: { prompt_tokens: 3, total_tokens: 3 },
      freshet: { fingerprint: "f-1", dimensions: 2, max_tokens: 8, redacted: false },
    });
    expect(asked[0]).toMatchObject({ tenant: "demo", as: "document", truncate: false });
  });

  it("gets base64 of the same floats, and the lane that it names", async () => {
    const body = { input: ["one", "two"], encoding_format: "base64", input_type: "query" };
    const reply = embeddingsReplySchema.parse((await post(body)).json());
    const bytes = Uint8Array.from(Buffer.from(String(reply.data[1]?.embedding), "base64"));
    expect([...new Float32Array(bytes.buffer)]).toEqual([...Float32Array.of(0.6, 0.8)]);
    expect(asked[0]).toMatchObject({ texts: ["one", "two"], as: "query" });
  });

  it("takes null for what is not said, as libraries write it", async () => {
    const nothing = { model: null, encoding_format: null, dimensions: null, fingerprint: null };
    const reply = await post({ input: "x", ...nothing, input_type: null, truncate: null });
    expect(reply.statusCode).toBe(200);
    expect(asked[0]).toMatchObject({ as: "document", truncate: false });
  });

  const refused: readonly [string, object, number, RegExp][] = [
    ["a text and a null", { input: ["x", null] }, 400, /^input\.1: .* string, received null$/],
    ["an object", { input: { text: "x" } }, 400, /^input: .* string or array, received object$/],
    ["no text", { input: [] }, 400, /input/],
    ["an empty text", { input: [""] }, 400, /input/],
    ["ids of tokens", { input: [[1, 2, 3]] }, 400, /texts, not ids of tokens/],
    [
      "too many texts",
      { input: Array(limits.embeddingsInputsMax + 1).fill("x") },
      400,
      /at most 2048/,
    ],
    ["another model", { input: "x", model: "huge" }, 404, /one embedding model here: tiny/],
    ["another width", { input: "x", dimensions: 256 }, 400, /vectors of 2, and no others/],
    ["another fingerprint", { input: "x", fingerprint: "f-2" }, 503, /another model/],
    ["a lane that is none", { input: "x", input_type: "passage" }, 400, /input_type/],
  ];
  it.each(refused)(
    "with %s is refused in OpenAI's form of errors",
    async (_n, body, status, says) => {
      const reply = await post(body);
      expect(reply.statusCode).toBe(status);
      expect(reply.json()).toMatchObject({ error: { message: expect.stringMatching(says) } });
      expect(asked).toEqual([]);
    },
  );

  it("finds room beside a tenant that takes all it can", async () => {
    const free = Promise.withResolvers<void>();
    held = free.promise;
    const flood = Array.from({ length: 2 * limits.embeddingsInFlightMax }, () =>
      post({ input: "x" }, { "x-tenant": "acme" }),
    );
    const refusals = Promise.race(flood);
    expect((await refusals).statusCode).toBe(429);
    const other = post({ input: "x" }, { "x-tenant": "globex" });
    while (!asked.some(({ tenant }) => tenant === "globex")) await new Promise(setImmediate);
    free.resolve();
    expect((await other).statusCode).toBe(200);
    await Promise.all(flood);
  });

  it("holds the bytes of bodies that are being read, and the texts of those that run (OE2)", async () => {
    const handler = createEmbeddingsHandler(embeddings);
    const acme = "acme" as TenantId;
    const globex = "globex" as TenantId;
    const whole = limits.embeddingsBytesMax;
    const releases: (() => void)[] = [];
    const fill = (): void => {
      for (;;) releases.push(handler.hold(acme, whole));
    };
    expect(fill).toThrow(expect.objectContaining({ code: "overloaded" }));
    expect(releases.length * whole).toBeLessThan(limits.embeddingsBodyBytesMax);
    releases.push(handler.hold(globex, whole));
    for (const release of releases) release();
    handler.hold(acme, whole)();
    const free = Promise.withResolvers<void>();
    held = free.promise;
    const input = Array<string>(limits.embeddingsInputsMax).fill("x");
    const { signal } = new AbortController();
    const ask = (tenant: TenantId) => handler.embed({ tenant, body: { input }, signal });
    const running = Array.from({ length: 2 }, () => ask(acme));
    await expect(ask(acme)).rejects.toMatchObject({ code: "overloaded" });
    running.push(ask(globex));
    free.resolve();
    expect(await Promise.all(running)).toHaveLength(3);
  });

  it("counts a reply until it is out, however slowly it is read (OE2)", async () => {
    const handler = createEmbeddingsHandler(embeddings);
    const input = Array<string>(limits.embeddingsInputsMax).fill("x");
    const { signal } = new AbortController();
    const unread: (() => void)[] = [];
    const untilOut = (release: () => void): void => void unread.push(release);
    const ask = () =>
      handler.embed({ tenant: "acme" as TenantId, body: { input }, signal, untilOut });
    expect([await ask(), await ask()]).toHaveLength(2);
    await expect(ask()).rejects.toMatchObject({ code: "overloaded" });
    expect(unread).toHaveLength(2);
    unread[0]?.();
    expect((await ask()).data).toHaveLength(input.length);
  });

  it("takes a key where keys are, and says whose it is by the key alone", async () => {
    const key = "a-key-of-acme-0123456789";
    const keyed = open({ apiKeys: () => new Map([[key, "acme" as TenantId]]) });
    expect((await post({ input: "x" }, {}, keyed)).statusCode).toBe(401);
    expect((await post({ input: "x" }, { authorization: `Bearer ${key}` }, keyed)).statusCode).toBe(
      200,
    );
    expect(asked[0]?.tenant).toBe("acme");
    expect((await keyed.inject("/metrics")).statusCode).toBe(401);
  });
});

describe("an embed server", () => {
  it("lives, shows its model and its metrics, and has nothing else", async () => {
    expect((await app.inject("/healthz")).body).toBe("ok\n");
    expect((await app.inject("/v1/models")).json()).toMatchObject({
      data: [{ id: "tiny", freshet: { fingerprint: "f-1", dimensions: 2, max_tokens: 8 } }],
    });
    expect((await app.inject("/metrics")).body).toContain("embed_seconds");
    expect((await app.inject("/v1/documents")).statusCode).toBe(404);
    const foreign = await app.inject({ url: "/healthz", headers: { host: "evil.example" } });
    expect(foreign.statusCode).toBe(401);
  });
});

describe("what an embed server does not have", () => {
  it.each([
    ["POST", "/v1/chat/completions"],
    ["POST", "/v1/responses"],
    ["POST", "/v1/completions"],
    ["GET", "/v1/openapi.json"],
    ["GET", "/v1/readyz"],
    ["GET", "/openapi.json"],
    ["POST", "/documents"],
    ["POST", "/v1/documents"],
  ] as const)(
    "%s %s is told what it has, and nothing of an engine's routes",
    async (method, url) => {
      const reply = await app.inject({ method, url });
      expect(reply.statusCode).toBe(404);
      expect(reply.body).toContain("an embed server has POST /v1/embeddings, GET /v1/models");
      expect(reply.body).not.toMatch(/chat\/completions,|this one|see \/openapi/);
    },
  );

  it.each([
    ["GET", "/v1/embeddings", "POST"],
    ["POST", "/v1/models", "GET, HEAD"],
    ["DELETE", "/v1/models/tiny", "GET, HEAD"],
    ["POST", "/healthz", "GET, HEAD"],
    ["POST", "/metrics", "GET, HEAD"],
  ] as const)("%s %s is told the methods of the route", async (method, url, allow) => {
    const reply = await app.inject({ method, url });
    expect(reply.statusCode).toBe(405);
    expect(reply.headers["allow"]).toBe(allow);
  });

  it("is no model by another name: clients ask for theirs before they use it", async () => {
    const found = await app.inject("/v1/models/sentence-transformers%2Ftiny");
    expect(found.json()).toMatchObject({ id: "tiny", freshet: { fingerprint: "f-1" } });
    const other = await app.inject("/v1/models/text-embedding-3-small");
    expect(other.statusCode).toBe(404);
    expect(other.json().error.message).toBe("there is one embedding model here: tiny");
  });
});
