/** What no route takes, in the form that the asker reads, with what would have been right. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Fixture, fixture, rawSocket } from "./http-fixture.ts";

let current: Fixture;
beforeEach(() => {
  current = fixture();
});
afterEach(() => current.close());

const send = (method: "GET" | "POST" | "DELETE", url: string) =>
  current.app.inject({ method, url });

describe("a client of OpenAI's API that asks for what is not here (GH1)", () => {
  it.each([
    ["GET", "/v1/responses/resp_1", "responses are not kept"],
    ["DELETE", "/v1/responses/resp_1", "responses are not kept"],
    ["POST", "/v1/completions", "chat/completions, responses, embeddings"],
    ["GET", "/v1/files", "chat/completions, responses, embeddings"],
    ["GET", "/v1/vector_stores", "vector_stores/{tenant}/search"],
    ["POST", "/chat/completions", "ends with /v1"],
    ["GET", "/models", "ends with /v1"],
    ["POST", "/v1/v1/chat/completions", "ends with /v1, once"],
    ["POST", "/v1/chat/completions/", "no slash at their end"],
    ["POST", "/v1//chat/completions?a=b", "two slashes"],
  ] as const)("%s %s is told so in OpenAI's form", async (method, url, says) => {
    const reply = await send(method, url);
    expect(reply.statusCode).toBe(404);
    expect(reply.json()).toStrictEqual({
      error: {
        ...{ message: expect.stringContaining(says), type: "not_found_error" },
        ...{ param: null, code: "not_found" },
      },
    });
  });

  it("is told in that form which method a route takes", async () => {
    const reply = await send("GET", "/v1/chat/completions");
    expect(reply.statusCode).toBe(405);
    expect(reply.headers["allow"]).toBe("POST");
    expect(reply.json().error).toMatchObject({
      message: "the route takes POST",
      code: "method_not_allowed",
    });
  });

  it("is told which field of freshet was meant", async () => {
    const reply = await current.app.inject({
      ...{ method: "POST", url: "/v1/chat/completions" },
      payload: { messages: [{ role: "user", content: "why?" }], freshet: { topK: 3 } },
    });
    expect(reply.json().error.message).toBe(
      "freshet: has a field that is not known; did you mean top_k?",
    );
  });
});

describe("any other path that leads nowhere", () => {
  it.each([
    ["/answer/", "no slash at their end"],
    ["//answer", "two slashes"],
    ["/v1/documents/a/b", "%2F"],
    ["/v1/answers", "/openapi.json"],
    ["/v1/answer", "without /v1"],
    ["/documents/a", "begins with /v1"],
  ])("%s says in problem details what is wrong with it", async (url, says) => {
    const reply = await send("GET", url);
    expect(reply.headers["content-type"]).toContain("application/problem+json");
    expect(reply.json()).toMatchObject({ status: 404, detail: expect.stringContaining(says) });
  });

  it.each([
    ["/v1/files", "multipart/form-data; boundary=x", "--x--"],
    ["/v1/uploads", "application/octet-stream", "x"],
    ["/v1/moderations", "application/json", "{"],
    ["/v1/answers", "application/x-ndjson", "{}"],
    ["/v1/answers", "text/plain", "x".repeat(3_000_000)],
  ])("%s is not there whatever is sent to it: %s", async (url, type, payload) => {
    const headers = { "content-type": type };
    const reply = await current.app.inject({ method: "POST", url, headers, payload });
    expect(reply.statusCode).toBe(404);
    expect(reply.body).toContain("there is no such route");
  });

  it("a document published to a path with a slash at its end is told of the slash", async () => {
    const reply = await send("POST", "/v1/documents/");
    expect(reply.statusCode).toBe(405);
    expect(reply.json().detail).toBe(
      "the route takes GET, HEAD, DELETE; without the slash at its end it is another route",
    );
  });
});

describe("what Node would refuse without a word (GH1)", () => {
  async function say(lines: string): Promise<string> {
    const { url } = await current.listen();
    const { socket, received } = rawSocket(url);
    socket.write(lines);
    return received;
  }

  it("a request of HTTP/1.1 without Host is told what is missing", async () => {
    const reply = await say("GET /healthz HTTP/1.1\r\n\r\n");
    expect(reply).toMatch(/^HTTP\/1\.1 400 /);
    expect(reply).toContain('"detail":"a request of HTTP/1.1 has the header Host"');
  });

  it("one of HTTP/1.0 needs none", async () => {
    expect(await say("GET /healthz HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 /);
  });

  it("who takes the engine for a proxy is told that it is none", async () => {
    const reply = await say("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n");
    expect(reply).toMatch(/^HTTP\/1\.1 405 /);
    expect(reply).toContain("this is no proxy");
  });
});
