import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import { createRemoteReranker } from "../../src/retrieval/remote-reranker.ts";
import type { Reranker } from "../../src/retrieval/rerank-port.ts";
import type { RerankShape } from "../../src/retrieval/rerank-wire.ts";
import { type Endpoint, type Handler, startEndpoint } from "../answer/misbehaving-endpoint.ts";

const query = "which words are secret";
const texts = ["first passage", "second passage", "third passage"];
let endpoint: Endpoint;
const open: Reranker[] = [];

beforeEach(async () => {
  endpoint = await startEndpoint();
});
afterEach(async () => {
  for (const reranker of open.splice(0)) await reranker.close();
  await endpoint.close();
});

function rerank(
  options: { shape?: RerankShape; path?: string; signal?: AbortSignal; texts?: string[] } = {},
) {
  const { shape = "tei", path = "", signal = new AbortController().signal } = options;
  const reranker = createRemoteReranker({
    ...{ url: `${endpoint.url}${path}`, shape, apiKey: () => "key" },
    model: "cross",
  });
  open.push(reranker);
  return reranker.scores({ query, texts: options.texts ?? texts, signal });
}

const answers =
  (body: unknown, status = 200): Handler =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };

/** Scores by what each server's documentation says of its route; refuses what it would refuse. */
const servers: Readonly<Record<RerankShape, Handler>> = {
  tei: (request, response) => {
    const body = JSON.parse(request.body) as { query: string; texts: string[] };
    if (request.url !== "/rerank" || !Array.isArray(body.texts))
      return answers({}, 422)(request, response);
    const list = body.texts.map((text, index) => ({ index, score: text.length / 100 }));
    return answers(list.toReversed())(request, response);
  },
  cohere: (request, response) => {
    const body = JSON.parse(request.body) as Record<string, unknown>;
    const documents = body["documents"] as string[];
    const isAsked = request.url === "/v1/rerank" && body["model"] === "cross";
    if (!isAsked || body["top_n"] !== documents.length) return answers({}, 400)(request, response);
    const results = documents.map((text, index) => ({ index, relevance_score: text.length / 100 }));
    return answers({ id: "x", results: results.toReversed(), usage: {} })(request, response);
  },
};

async function failure(work: Promise<unknown>): Promise<FreshetError> {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof FreshetError) return thrown;
  throw new Error(`expected a FreshetError, got ${String(thrown)}`);
}

describe("a /rerank endpoint", () => {
  test.each([
    ["tei", ""],
    ["tei", "/rerank"],
    ["cohere", "/v1"],
    ["cohere", "/v1/rerank/"],
  ] as const)(
    "of the shape %s is asked at %s, and its scores come in the order of the texts",
    async (shape, path) => {
      endpoint.handle = servers[shape];
      expect(await rerank({ shape, path })).toEqual([0.13, 0.14, 0.13]);
    },
  );

  test("gets the key, and of a long passage its beginning alone", async () => {
    let seen = { authorization: "" as string | undefined, chars: 0 };
    endpoint.handle = (request, response) => {
      const { texts: sent } = JSON.parse(request.body) as { texts: string[] };
      seen = { authorization: request.headers.authorization, chars: sent[0]?.length ?? 0 };
      answers([{ index: 0, score: 1 }])(request, response);
    };
    await rerank({ texts: ["x".repeat(10 * limits.rerankTextCharsMax)] });
    expect(seen).toEqual({ authorization: "Bearer key", chars: limits.rerankTextCharsMax });
  });

  test.each<[string, RerankShape, unknown]>([
    ["too few scores", "tei", [{ index: 0, score: 1 }]],
    ["a text twice", "tei", [0, 0, 1].map((index) => ({ index, score: 1 }))],
    ["a text that was not sent", "tei", [0, 1, 3].map((index) => ({ index, score: 1 }))],
    ["NaN, which is no JSON", "tei", '[{"index":0,"score":NaN}]'],
    ["null in place of a score", "tei", [0, 1, 2].map((index) => ({ index, score: null }))],
    [
      "a score that overflows",
      "tei",
      '[{"index":0,"score":1e999},{"index":1,"score":1},{"index":2,"score":1}]',
    ],
    ["a negative index", "tei", [{ index: -1, score: 1 }]],
    ["the other shape", "cohere", [0, 1, 2].map((index) => ({ index, score: 1 }))],
    ["half of a reply", "cohere", '{"results":[{"index":0,'],
    ["nothing", "tei", ""],
    ["a reply without an end", "tei", `["${"x".repeat(limits.rerankReplyBytesMax)}"]`],
  ])("RR3: that answers with %s is a failure that names no text", async (_what, shape, body) => {
    endpoint.handle = answers(body);
    const error = await failure(rerank({ shape }));
    expect(error.code).toBe("model_unavailable");
    expect(error.details).toMatchObject({ reason: expect.any(String) });
    expect(JSON.stringify([error.message, error.details])).not.toMatch(/passage|secret|key/);
  });

  test.each([400, 401, 413, 429, 500, 503, 302])(
    "RR1: a status of %i is a failure",
    async (status) => {
      endpoint.handle = answers(`the passage was ${texts[0]}`, status);
      const error = await failure(rerank());
      expect([error.code, error.details]).toEqual(["model_unavailable", { status }]);
    },
  );

  test("RR1: one that is not there, or hangs up, is a failure", async () => {
    endpoint.handle = (request) => request.socket.destroy();
    expect((await failure(rerank())).code).toBe("model_unavailable");
    await endpoint.close();
    expect((await failure(rerank())).details).toEqual({ reason: "ECONNREFUSED" });
  });

  test("RR2: a caller that leaves ends the request", async () => {
    const caller = new AbortController();
    const closed = Promise.withResolvers<void>();
    endpoint.handle = (_request, response) => {
      response.on("close", () => closed.resolve());
      caller.abort();
    };
    expect((await failure(rerank({ signal: caller.signal }))).code).toBe("cancelled");
    await closed.promise;
    expect((await failure(rerank({ signal: AbortSignal.abort() }))).code).toBe("cancelled");
  });
});
