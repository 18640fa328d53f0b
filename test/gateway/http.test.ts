import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { callsOf, type Fixture, fixture } from "./http-fixture.ts";

let it_: Fixture;
beforeEach(() => {
  it_ = fixture();
});
afterEach(() => it_.close());

const json = { "content-type": "application/json" };
const { publish, ask } = callsOf(() => it_);

describe("a document over HTTP", () => {
  it("is published as it was sent and answered with its freshness token", async () => {
    const document = { id: "a", text: "rivers", timestamp: 1_700_000_000.5 };
    const reply = await publish(document);
    expect(reply.statusCode).toBe(202);
    expect(reply.json()).toEqual({ seq: 1 });
    expect(it_.service.payloads).toEqual([JSON.stringify(document)]);
  });

  it("has a state that can be asked for", async () => {
    await publish({ id: "a/b c", text: "rivers" });
    const found = await it_.app.inject("/v1/documents/a%2Fb%20c");
    expect(found.json()).toEqual({ id: "a/b c", status: "visible", seq: 1, shard: "hot" });
    const absent = await it_.app.inject("/v1/documents/x");
    expect(absent.json()).toEqual({ id: "x", status: "absent", visible_seq: 1 });
  });

  it("is listed with the others of its tenant, page by page", async () => {
    for (const id of ["a", "b", "c"]) await publish({ id, text: "rivers" });
    const first = await it_.app.inject("/v1/documents?limit=2");
    expect(first.json()).toEqual({
      documents: [
        { id: "a", seq: 1, shard: "hot" },
        { id: "b", seq: 2, shard: "hot" },
      ],
      next: "2",
    });
    const rest = await it_.app.inject("/v1/documents?after=2");
    expect(rest.json()).toMatchObject({ documents: [{ id: "c" }], next: null });
  });

  it.each(["limit=0", "limit=1001", "limit=x", "limit=", "limit=1&limit=2", "after=1&after=2"])(
    "is not listed by a page that is none: %s",
    async (query) => {
      const reply = await it_.app.inject(`/v1/documents?${query}`);
      expect([reply.statusCode, reply.json().code]).toEqual([400, "invalid_request"]);
    },
  );

  it.each([
    "/v1/documents?cursor=2",
    "/v1/documents?limit=2&page=2",
    "/v1/documents?after[]=2",
    "/v1/events?since=5",
    "/v1/events?from-seq=0",
    "/v1/feedback?offset=5",
  ])("nothing begins elsewhere than a mistyped name means: %s", async (url) => {
    const reply = await it_.app.inject(url);
    expect([reply.statusCode, reply.json().code]).toEqual([400, "invalid_request"]);
    expect(reply.json().detail).toContain("after");
  });

  it("is deleted by its id", async () => {
    await publish({ id: "a", text: "rivers" });
    const reply = await it_.app.inject({ method: "DELETE", url: "/v1/documents/a" });
    expect([reply.statusCode, reply.json()]).toEqual([202, { seq: 2 }]);
    expect((await it_.app.inject("/v1/documents/a")).json()).toMatchObject({ status: "absent" });
  });

  it.each([
    [{ text: "no id" }, 400, "invalid_document"],
    [{ id: "", text: "t" }, 400, "invalid_document"],
    [{ id: "a\u0000", text: "t" }, 400, "invalid_document"],
    [{ id: "a", text: " " }, 400, "invalid_document"],
    [{ id: "a", text: "t", tenant: "other" }, 400, "invalid_document"],
    [{ id: "a", op: "merge" }, 400, "unknown_operation"],
    [{ id: "a", op: "delete", text: "t" }, 400, "invalid_document"],
    [{ id: "a", text: "x".repeat(1_001) }, 413, "document_too_large"],
    [[], 400, "invalid_document"],
    [null, 400, "invalid_document"],
  ])("that is wrong is refused with a typed problem: %j", async (body, status, code) => {
    const reply = await publish(body);
    expect(reply.statusCode).toBe(status);
    expect(reply.headers["content-type"]).toMatch(/^application\/problem\+json\b/);
    expect(reply.json()).toMatchObject({ type: `urn:freshet:error:${code}`, status, code });
    expect(it_.service.payloads).toEqual([]);
  });

  it.each([
    ["{", "truncated"],
    ['{"id":"a","text":"t","__proto__":{"x":1}}', "prototype"],
    ['{"id":"a","metadata":{"\\u005f_proto__":{"x":1}}}', "escaped prototype"],
    ['{"constructor":{"prototype":{"x":1}}}', "constructor"],
    ["[".repeat(10_000) + "]".repeat(10_000), "depth"],
    ["", "empty"],
  ])("that is no sane JSON is refused: %#", async (payload) => {
    const reply = await it_.app.inject({
      method: "POST",
      url: "/v1/documents",
      headers: json,
      payload,
    });
    expect([reply.statusCode, reply.json().code]).toEqual([400, "invalid_json"]);
  });

  it("that is not UTF-8 is refused, and a byte order mark is not", async () => {
    const send = (payload: Buffer) =>
      it_.app.inject({ method: "POST", url: "/v1/documents", headers: json, payload });
    const text = Buffer.from('{"id":"a","text":"t"}');
    const broken = Buffer.concat([text.subarray(0, -2), Buffer.from([0xff, 0x22, 0x7d])]);
    expect((await send(broken)).json().code).toBe("invalid_json");
    const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), text]);
    expect((await send(marked)).statusCode).toBe(202);
  });

  it("above the size limit is refused before it is parsed", async () => {
    const reply = await publish({ id: "a", text: "x".repeat(2 * 1024 * 1024) });
    expect([reply.statusCode, reply.json().code]).toEqual([413, "document_too_large"]);
  });

  it("that is published again with its idempotency key is stored once", async () => {
    const key = { "idempotency-key": "k1" };
    const first = await publish({ id: "a", text: "one" }, key);
    const again = await publish({ id: "a", text: "one" }, key);
    expect(again.json()).toEqual(first.json());
    const byAnotherEncoder = await publish({ text: "one", op: "upsert", id: "a" }, key);
    expect(byAnotherEncoder.json()).toEqual(first.json());
    expect(it_.service.payloads).toHaveLength(1);
    const other = await publish({ id: "a", text: "two" }, key);
    expect([other.statusCode, other.json().code]).toEqual([409, "duplicate_id"]);
  });

  it("shares no idempotency key with another tenant's (I9)", async () => {
    const key = { "idempotency-key": "k1" };
    await publish({ id: "a", text: "one" }, { ...key, "x-tenant": "acme" });
    const reply = await publish({ id: "a", text: "two" }, { ...key, "x-tenant": "globex" });
    expect(reply.statusCode).toBe(202);
    expect(it_.service.messageIds).toEqual(["k1", "k1"]);
    expect(reply.json().seq).toBe(2);
  });

  it("with an unusable idempotency key is refused", async () => {
    for (const key of ["", "a b", "x".repeat(257)]) {
      const reply = await publish({ id: "a", text: "t" }, { "idempotency-key": key });
      expect([reply.statusCode, reply.json().code]).toEqual([400, "invalid_request"]);
    }
  });

  it("is refused with Retry-After while the log has no room", async () => {
    it_.service.publishFailure = new FreshetError("overloaded", "full");
    const reply = await publish({ id: "a", text: "t" });
    expect([reply.statusCode, reply.headers["retry-after"]]).toEqual([429, "1"]);
    it_.service.publishFailure = new FreshetError("log_unavailable");
    expect((await publish({ id: "a", text: "t" })).headers["retry-after"]).toBe("1");
  });
});

describe("a question over HTTP", () => {
  beforeEach(() => publish({ id: "a", text: "rivers rise" }));

  it("is answered with sources", async () => {
    const reply = await ask({ query: "rivers" });
    expect(reply.statusCode).toBe(200);
    expect(reply.json()).toMatchObject({ answer: "It was.", sources: [{ id: "a", shard: "hot" }] });
  });

  it("reaches the service with the defaults of the contract", async () => {
    await ask({ query: "rivers" });
    expect(it_.service.asked).toMatchObject([
      { tenant: "demo", question: { top_k: 5, max_tokens: 200, mode: "answer", stream: false } },
    ]);
  });

  it.each<readonly [unknown]>([
    [{ query: "" }],
    [{ query: " \t\n" }],
    [{ query: "x".repeat(4_001) }],
    [{ query: "a\ud800" }],
    [{ query: 7 }],
    ...[0, -1, 1e9, "10", 2.5, null].map((top_k) => [{ query: "q", top_k }] as const),
    ...[-1, "3", 0.5, 2 ** 60].map((min_seq) => [{ query: "q", min_seq }] as const),
    [{ query: "q", filter: { secret: 1 } }],
    [{ query: "q", filter: { title: {} } }],
    [{ query: "q", filter: { title: { $regex: "(a+)+$" } } }],
    [
      {
        query: "q",
        filter: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`metadata.k${n}`, 1])),
      },
    ],
    [{ query: "q", tenant: "other" }],
    [{ query: "q", deadline_ms: 0 }],
    ["null"],
    ["[]"],
  ])("that is wrong is refused: %j", async (body) => {
    const reply = await ask(body);
    expect([reply.statusCode, reply.json().code]).toEqual([400, "invalid_request"]);
    expect(it_.service.asked).toEqual([]);
  });

  it("without a hit is a typed 404", async () => {
    const reply = await ask({ query: "deserts" });
    expect([reply.statusCode, reply.json().code]).toEqual([404, "no_results"]);
  });

  it("beyond the bound of questions in flight is refused with 429", async () => {
    await it_.close();
    it_ = fixture({ questionsInFlightMax: 1 });
    await publish({ id: "a", text: "rivers" });
    let release = () => {};
    it_.service.hold = new Promise((resolve) => {
      release = resolve;
    });
    const first = ask({ query: "rivers" });
    await expect.poll(() => it_.service.asked.length).toBe(1);
    const second = await ask({ query: "rivers" });
    expect([second.statusCode, second.json().code]).toEqual([429, "overloaded"]);
    expect(second.headers["retry-after"]).toBe("1");
    release();
    expect((await first).statusCode).toBe(200);
    expect((await ask({ query: "rivers" })).statusCode).toBe(200);
  });

  it("that hits a bug tells the caller nothing and the operator everything", async () => {
    it_.service.failure = new TypeError("secret of another tenant");
    const reply = await ask({ query: "rivers" });
    expect([reply.statusCode, reply.json().code]).toEqual([500, "internal"]);
    expect(reply.body).not.toContain("secret");
    expect(it_.lines.some((line) => line.startsWith("a request failed unexpectedly"))).toBe(true);
  });

  it("never reaches a log line (I10)", async () => {
    await ask({ query: "rivers" });
    await it_.app.inject("/v1/documents/patient-7");
    expect(it_.lines.length).toBeGreaterThan(0);
    expect(it_.lines.join()).not.toMatch(/rivers|patient-7/);
  });
});

describe("the edges of the API", () => {
  it.each([
    ["GET", "/answer", "POST"],
    ["PUT", "/answer", "POST"],
    ["TRACE", "/answer", "POST"],
    ["PUT", "/v1/documents", "GET, HEAD, POST"],
    ["PATCH", "/v1/documents/a", "GET, HEAD, DELETE"],
    ["POST", "/healthz", "GET, HEAD"],
  ] as const)("%s %s is 405 and says what is allowed", async (method, url, allow) => {
    const reply = await it_.app.inject({ method: method as "GET", url });
    expect([reply.statusCode, reply.json().code, reply.headers.allow]).toEqual([
      405,
      "method_not_allowed",
      allow,
    ]);
  });

  it.each(["/answers", "/answer/../admin", "/answer/..%2fadmin", "/v1", "/v1/documents/a/b"])(
    "%s is a typed 404",
    async (url) => {
      const reply = await it_.app.inject({ method: "GET", url });
      expect([reply.statusCode, reply.json().code]).toEqual([404, "not_found"]);
    },
  );

  it.each(["/v1/documents/%00", "/v1/documents/%zz", `/v1/documents/${"x".repeat(600)}`])(
    "a broken id in the path is a typed 400: %s",
    async (url) => {
      const reply = await it_.app.inject({ method: "GET", url });
      expect([reply.statusCode, reply.json().code]).toEqual([400, "invalid_request"]);
    },
  );

  it.each([undefined, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])(
    "content type %s is 415",
    async (type) => {
      for (const url of ["/answer", "/v1/documents"]) {
        const headers = type === undefined ? {} : { "content-type": type };
        const reply = await it_.app.inject({ method: "POST", url, headers, payload: "{}" });
        expect([reply.statusCode, reply.json().code]).toEqual([415, "unsupported_media_type"]);
      }
    },
  );

  it("lines where none are taken are 415, and the refusal names what is", async () => {
    const types = ["application/x-ndjson", "text/plain"];
    for (const url of ["/v1/merge", "/v1/erases", "/v1/dead-letters/replay", "/v1/webhooks"]) {
      for (const type of types) {
        const headers = { "content-type": type };
        const reply = await it_.app.inject({ method: "POST", url, headers, payload: "{}" });
        expect([reply.statusCode, reply.json().detail]).toEqual([415, "send application/json"]);
      }
    }
    for (const url of ["/v1/chat/completions", "/v1/responses", "/retrieval"]) {
      const headers = { "content-type": "application/x-ndjson" };
      const reply = await it_.app.inject({ method: "POST", url, headers, payload: "{}" });
      expect(reply.statusCode).toBe(415);
    }
  });

  it.each([
    "application/json",
    "application/json; charset=utf-8",
    "application/x-www-form-urlencoded",
    "text/plain",
  ])("a DELETE without a body may name any content type: %s", async (type) => {
    for (const length of [{}, { "content-length": "0" }]) {
      const headers = { "content-type": type, ...length };
      const reply = await it_.app.inject({ method: "DELETE", url: "/v1/documents/a", headers });
      expect([reply.statusCode, typeof reply.json().seq]).toEqual([202, "number"]);
    }
  });

  it.each(["/v1/documents/a", "/v1/webhooks/wh_k3v0qzt1m5x2aaf4"])(
    "the body of a DELETE means nothing, whatever it is and however it is sent: %s",
    async (url) => {
      const bare = (await it_.app.inject({ method: "DELETE", url })).statusCode;
      for (const type of [undefined, "application/json", "application/x-ndjson", "text/xml"]) {
        for (const payload of ["", "{", "null", "<a/>"]) {
          for (const chunked of [{}, { "transfer-encoding": "chunked" }]) {
            const headers = { ...(type === undefined ? {} : { "content-type": type }), ...chunked };
            const reply = await it_.app.inject({ method: "DELETE", url, headers, payload });
            expect(reply.statusCode, `${type} ${payload} ${chunked}`).toBe(bare);
          }
        }
      }
    },
  );

  it("a body in another transfer encoding than chunked is refused unread", async () => {
    const reply = await ask({ query: "q" }, { "transfer-encoding": "gzip, chunked" });
    expect([reply.statusCode, reply.json().code]).toEqual([415, "unsupported_media_type"]);
  });

  it.each(["gzip", "gzip, gzip", "zstd", "br"])(
    "a body in %s is refused unread",
    async (encoding) => {
      const reply = await ask({ query: "q" }, { "content-encoding": encoding });
      expect([reply.statusCode, reply.json().code]).toEqual([415, "unsupported_media_type"]);
    },
  );

  it("a request id is echoed, or made when the given one is unusable", async () => {
    const idOf = async (given?: string) => {
      const headers = given === undefined ? {} : { "x-request-id": given };
      return (await it_.app.inject({ url: "/nowhere", headers })).headers["x-request-id"];
    };
    expect(await idOf("req-7.a_B")).toBe("req-7.a_B");
    expect(await idOf()).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idOf("a b")).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idOf("x".repeat(129))).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("a living process says so, and what it still misses to be ready", async () => {
    expect((await it_.app.inject("/healthz")).statusCode).toBe(200);
    expect((await it_.app.inject("/readyz")).json()).toMatchObject({
      ready: true,
      missing: [],
    });
    await publish({ id: "a", text: "t" });
    it_.service.ready = false;
    const reply = await it_.app.inject("/readyz");
    expect([reply.statusCode, reply.json()]).toEqual([
      503,
      {
        ready: false,
        missing: [
          "cold",
          "0 of 1 tenants are ready, 0 of 1 records replayed, 0 operations to catch up",
        ],
        recovery: {
          tenants_ready: 0,
          tenants_total: 1,
          records_replayed: 0,
          records_to_replay: 1,
          operations_behind: 0,
        },
      },
    ]);
    expect((await it_.app.inject("/healthz")).statusCode).toBe(200);
  });

  it("metrics are Prometheus text", async () => {
    const reply = await it_.app.inject("/metrics");
    expect(reply.headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(reply.body).toContain("# TYPE freshet_questions_total counter");
  });

  it("routes have no schema of Fastify's, whose compilers are never loaded", async () => {
    it_.app.post("/of-fastify", { schema: { body: { type: "object" } } }, async () => null);
    await expect(it_.app.ready()).rejects.toThrow("a route has no schema of Fastify's");
  });
});
