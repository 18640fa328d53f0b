import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { incarnationSpan, type Version } from "../../src/contract/ids.ts";
import type { Answer } from "../../src/contract/query.ts";
import { delta, type Endpoint, startEndpoint, stream } from "../answer/misbehaving-endpoint.ts";
import { freshTenant, openSite, type Site } from "../support/engine-process.ts";
import { type Client, httpClient, refusal } from "../support/http-service.ts";

const tenant = freshTenant("asked");
const question = { query: "Where does the ferry leave?", deadline_ms: 4_000 };
let site: Site;
let url: string;
let client: Client;
let model: Endpoint;
let spare: Endpoint;
let folder: string;
let asked = 0;

beforeAll(async () => {
  model = await startEndpoint();
  spare = await startEndpoint();
  spare.handle = (_request, response) => response.writeHead(503).end("{}");
  folder = mkdtempSync(join(tmpdir(), "freshet-models-"));
  const file = join(folder, "models.json");
  const price = { input: 1, output: 1 };
  const endpoints = [{ name: "spare", url: `${spare.url}/v1`, model: "spare-7b", price }];
  writeFileSync(file, JSON.stringify({ format: 1, endpoints }));
  site = await openSite({
    FRESHET_LLM_URL: `${model.url}/v1`,
    FRESHET_LLM_MODEL: "counted",
    FRESHET_LLM_PRICE: "0.5/1",
    FRESHET_LLM_FILE: file,
  });
  const engine = await site.startEngine();
  url = engine.url;
  client = httpClient(url);
  const seq = await publish({ id: "ferry", text: "The ferry leaves from pier nine at noon." });
  await site.event(seq);
});

afterAll(async () => {
  await site.close();
  await Promise.all([model.close(), spare.close()]);
  rmSync(folder, { recursive: true, force: true });
});

/** The model answers as told, and every question to it counts; health checks ask for `/v1/models`. */
function modelAnswers(handle: Endpoint["handle"]): void {
  model.handle = (request, response) => {
    if (request.method === "POST") asked += 1;
    handle(request, response);
  };
}

const fluent = stream(delta("From pier nine [1].", "stop"), "data: [DONE]\n\n");

describe("a question without a result", () => {
  it("is a typed 404, and no model is asked: an empty tenant, and a filter that excludes all", async () => {
    modelAnswers(fluent);
    asked = 0;
    const nobody = freshTenant("empty");
    expect(await refusal(client.question(nobody, question))).toMatchObject({ code: "no_results" });
    const excluded = { ...question, filter: { "metadata.harbour": "none" } };
    expect(await refusal(client.question(tenant, excluded))).toMatchObject({ code: "no_results" });
    const response = await fetch(`${url}/answer`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-tenant": tenant },
      body: JSON.stringify(excluded),
    });
    expect(response.status).toBe(404);
    expect(asked).toBe(0);
    // The same model is asked as soon as there is something to answer from.
    const answer = await client.question(tenant, question);
    expect(answer).toMatchObject({ answer: "From pier nine [1].", coverage: { llm: "counted" } });
    expect(asked).toBe(1);
  });
});

describe("a language model that fails", () => {
  const expectExtractive = (answer: Answer): void => {
    expect(answer.coverage).toMatchObject({ hot: "complete", llm: "extractive" });
    expect(answer.answer).toMatch(/pier nine.*\[1\]/);
  };

  /** An endpoint that failed before may rest for a second or two. */
  const writtenBy = async (name: string): Promise<Answer> => {
    for (let attempt = 0; attempt < 40; attempt += 1) {
      const answer = await client.question(tenant, question);
      if (answer.coverage.llm === name) return answer;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    throw new Error(`no answer by ${name}`);
  };

  it("by refusing costs its words only: the answer is cited sentences, and says so (I12)", async () => {
    modelAnswers((_request, response) => response.writeHead(500).end("{}"));
    expectExtractive(await client.question(tenant, question));
  });

  it("by hanging is given up within the question's deadline", async () => {
    modelAnswers(() => {});
    expectExtractive(await client.question(tenant, { ...question, deadline_ms: 2_000 }));
  });

  it("by being away is done without, and used again when it is back", async () => {
    const port = Number(new URL(model.url).port);
    await model.close();
    expectExtractive(await client.question(tenant, question));
    model = await startEndpoint(port);
    modelAnswers(fluent);
    await writtenBy("counted");
  });

  it("is stood in for by the next of its chain, and the reply says by whom, why and at what cost", async () => {
    modelAnswers((_request, response) =>
      response.writeHead(429, { "retry-after": "60" }).end("{}"),
    );
    spare.handle = fluent;
    const { answer, model: ran, fallback, usage } = await writtenBy("spare");
    expect([answer, ran]).toEqual(["From pier nine [1].", "spare-7b"]);
    expect(fallback?.passed[0]?.endpoint).toBe("counted");
    expect(usage?.cost).toBeGreaterThan(0);
    const before = asked;
    expect((await client.question(tenant, question)).fallback?.reason).toBe("resting");
    expect(asked).toBe(before);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^freshet_language_model_up\{model="counted"\} 0$/m);
    expect(metrics).toMatch(/^freshet_language_model_cost_total\{model="spare",tenant=".*"\} /m);
  });
});

describe("min_seq (I8)", () => {
  const search = { query: "Which colour has the lighthouse?", mode: "search", wait_ms: 20_000 };

  it("sees the publish of another client that was acked right before, in each newer version", async () => {
    for (const colour of ["red", "white", "green", "blue"]) {
      const seq = await publish({ id: "light", text: `The lighthouse is ${colour}.` });
      const overHttp = await client.question(tenant, { ...search, min_seq: seq });
      expect(overHttp.visible_seq).toBeGreaterThanOrEqual(seq);
      expect(overHttp.sources[0]).toMatchObject({ id: "light", version: seq, shard: "hot" });
    }
  });

  it("sees it over the NATS service as well, also in a tenant that began with this publish", async () => {
    const fresh = freshTenant("begun");
    const seq = await publish({ id: "light", text: "The lighthouse is grey." }, fresh);
    const body = JSON.stringify({ ...search, min_seq: seq });
    const { connection } = site.log;
    const reply = await connection.request(`query.${fresh}`, body, { timeout: 30_000 });
    expect(reply.json<Answer>().sources[0]).toMatchObject({ id: "light", version: seq });
  });

  it("that nobody has written yet is a typed timeout that says how far behind the answer would be", async () => {
    const last = await site.log.docs.lastVersion(tenant);
    await site.event(last);
    const future = (await site.log.docs.lastSequence()) + 5;
    const late = await refusal(
      client.question(tenant, { ...search, min_seq: future, wait_ms: 100 }),
    );
    expect(late).toEqual({
      code: "not_visible_yet",
      details: expect.objectContaining({ min_seq: future, visible_seq: last }),
    });
  });

  it("of another incarnation of the log is an error of its own, not a wait", async () => {
    const last = await site.log.docs.lastSequence();
    for (const minSeq of [last + incarnationSpan, last % incarnationSpan]) {
      const wrong = await refusal(client.question(tenant, { ...search, min_seq: minSeq }));
      expect(wrong.code).toBe("wrong_incarnation");
    }
  });
});

async function publish(document: object, to = tenant): Promise<Version> {
  const payload = new TextEncoder().encode(JSON.stringify(document));
  return (await site.log.docs.publish({ tenant: to, payload })).seq;
}
