/** The routes for clients of OpenAI's API, through the handler, over injected requests. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import { callsOf, type Fixture, fixture, keyOfAcme } from "./http-fixture.ts";

let current: Fixture;
beforeEach(() => {
  current = fixture();
});
afterEach(() => current.close());

const { publish } = callsOf(() => current);
const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  current.app.inject({
    method: "POST",
    url,
    headers: { "content-type": "application/json", ...headers },
    payload: JSON.stringify(body),
  });
const chat = (body: object, headers = {}) => post("/v1/chat/completions", body, headers);
const asking = (content: unknown, more: object = {}) => ({
  model: "freshet",
  messages: [{ role: "user", content }],
  ...more,
});

interface Citation {
  readonly type: string;
  readonly url_citation: {
    readonly url: string;
    readonly title: string;
    readonly start_index: number;
    readonly end_index: number;
  };
}
interface Completion {
  readonly id: string;
  readonly object: string;
  readonly created: number;
  readonly model: string;
  readonly choices: readonly {
    readonly message: { readonly content: string; readonly annotations: readonly Citation[] };
    readonly delta: { readonly content?: string; readonly annotations?: readonly Citation[] };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: Record<string, number>;
  readonly freshet?: { readonly sources: readonly { id: string }[]; readonly visible_seq?: number };
}

function chunksOf(payload: string): {
  readonly chunks: readonly Completion[];
  readonly last: string;
} {
  const data = [...payload.matchAll(/^data: (.*)$/gm)].map(([, text = ""]) => text);
  const last = data.at(-1) ?? "";
  const values = last === "[DONE]" ? data.slice(0, -1) : data;
  return { chunks: values.map((text) => JSON.parse(text) as Completion), last };
}

describe("POST /v1/chat/completions", () => {
  it("answers the newest message of a user, with what it cites as annotations (OJ1)", async () => {
    await publish({ id: "a", text: "rivers are long", title: "Rivers" });
    await publish({ id: "b", text: "rivers are wet", source: "https://example.com/b" });
    current.service.deltas = ["Wet [2], ", "long [1], and wet [2]."];
    const reply = await chat({
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "oceans" },
        { role: "assistant", content: "No." },
        { role: "user", content: [{ type: "text", text: "rivers" }] },
      ],
      temperature: 0.1,
      logit_bias: {},
      user: "someone",
    });
    expect(reply.statusCode).toBe(200);
    const completion = reply.json<Completion>();
    expect(completion).toMatchObject({ object: "chat.completion", model: "freshet" });
    expect(completion.created).toBeGreaterThan(1_700_000_000);
    const [choice] = completion.choices;
    const text = "Wet [2], long [1], and wet [2].";
    expect(choice).toMatchObject({ message: { content: text }, finish_reason: "stop" });
    const cited = choice?.message.annotations.map(({ url_citation }) => url_citation) ?? [];
    expect(cited.map(({ title }) => title)).toEqual(["Rivers", "https://example.com/b"]);
    expect(cited[0]?.url).toMatch(/^http:\/\/localhost:\d+\/v1\/documents\/a\?version=1#chunk-0$/);
    expect(cited[1]?.url).toBe("https://example.com/b");
    const places = cited.map(({ start_index, end_index }) => text.slice(start_index, end_index));
    expect(places).toEqual(["[1]", "[2]"]);
    expect(completion.freshet).toMatchObject({
      visible_seq: 2,
      sources: [{ id: "a" }, { id: "b" }],
    });
    expect(completion.usage?.["total_tokens"]).toBeGreaterThan(5);
  });

  it("an answer whose tokens were used up is told as cut, whole and streamed", async () => {
    await publish({ id: "a", text: "rivers are long" });
    current.service.isCut = true;
    const [choice] = (await chat(asking("rivers"))).json<Completion>().choices;
    expect(choice?.finish_reason).toBe("length");
    const streamed = chunksOf((await chat(asking("rivers", { stream: true }))).payload);
    expect(streamed.chunks.at(-1)?.choices[0]?.finish_reason).toBe("length");
  });

  it("an index in code annotates nothing (MC1)", async () => {
    await publish({ id: "a", text: "rivers are long" });
    await publish({ id: "b", text: "rivers are wet" });
    current.service.deltas = ["Use `list[2]` and `list[1]` [1]."];
    const [choice] = (await chat(asking("rivers"))).json<Completion>().choices;
    const cited = choice?.message.annotations.map(({ url_citation }) => url_citation) ?? [];
    expect(cited.map(({ start_index }) => start_index)).toEqual([28]);
  });

  it("gives every cited source a URL of its own", async () => {
    for (const id of ["a", "b", "c"]) {
      await publish({ id, text: "rivers", source: "https://example.com/page" });
    }
    current.service.deltas = ["[1] [2] [3]"];
    const { choices } = (await chat(asking("rivers"))).json<Completion>();
    const urls = choices[0]?.message.annotations.map(({ url_citation: { url } }) => url);
    expect(new Set(urls).size).toBe(3);
  });

  it("streams the same text, then annotations, end, usage and [DONE] (OJ2)", async () => {
    await publish({ id: "a", text: "rivers" });
    current.service.deltas = ["It ", "flows [1]."];
    const options = { stream: true, stream_options: { include_usage: true } };
    const reply = await chat(asking("rivers", options));
    expect(reply.headers["content-type"]).toMatch(/^text\/event-stream/);
    const { chunks, last } = chunksOf(reply.payload);
    expect(last).toBe("[DONE]");
    expect(new Set(chunks.map(({ id, object, model }) => `${id} ${object} ${model}`)).size).toBe(1);
    const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
    expect(deltas[0]).toEqual({ role: "assistant", content: "" });
    expect(deltas.map(({ content = "" }) => content).join("")).toBe("It flows [1].");
    expect(deltas.filter(({ annotations }) => annotations !== undefined)).toHaveLength(1);
    const end = chunks.at(-2);
    expect(end?.choices[0]?.finish_reason).toBe("stop");
    expect(end?.freshet?.sources).toHaveLength(1);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { total_tokens: expect.any(Number) },
    });
    const without = chunksOf((await chat(asking("rivers", { stream: true }))).payload);
    expect(without.chunks.some(({ usage }) => usage !== undefined)).toBe(false);
  });

  it("declines with 200 when nothing matches, streamed or not", async () => {
    const whole = (await chat(asking("volcanoes"))).json<Completion>();
    const says = whole.choices[0]?.message;
    expect(says?.content).toMatch(/^Nothing in the documents/);
    expect(says?.annotations).toEqual([]);
    const reply = await chat(asking("volcanoes", { stream: true }));
    expect(reply.statusCode).toBe(200);
    const { chunks, last } = chunksOf(reply.payload);
    const text = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta.content ?? ""));
    expect([text.join(""), last]).toEqual([says?.content, "[DONE]"]);
  });

  it("does not say that nothing matches where not all that may was looked at (I12)", async () => {
    const details = { coverage: "partial", visible_seq: 7 };
    const failure = new FreshetError("no_results", "the filter hides too many", { details });
    current.service.failure = failure;
    const reply = (await chat(asking("rivers"))).json<Completion>();
    expect(reply.choices[0]?.message.content).toBe(
      "No answer was found, and there may be one: the filter hides too many.",
    );
    const coverage = { hot: "complete", cold: "partial", llm: "none" };
    expect(reply.freshet).toEqual({ sources: [], coverage, visible_seq: 7 });
  });

  it("hands what only Freshet knows to the question, and checks it there", async () => {
    await publish({ id: "a", text: "rivers" });
    const own = { top_k: 3, min_seq: 1, filter: { id: "a" }, deadline_ms: 5_000 };
    await chat(asking("rivers", { freshet: own, max_completion_tokens: 1e6 }));
    expect(current.service.asked.at(-1)?.question).toMatchObject({
      ...own,
      query: "rivers",
      mode: "answer",
      max_tokens: limits.maxTokensMax,
    });
    const wrong = await chat(asking("rivers", { freshet: { top_k: "many" } }));
    expect([wrong.statusCode, wrong.json().error.message]).toEqual([
      400,
      expect.stringMatching(/top_k/),
    ]);
  });

  it("a null says nothing: libraries write down what nobody set", async () => {
    const nothing = { model: null, max_tokens: null, max_completion_tokens: null, stream: null };
    expect((await chat(asking("rivers", { ...nothing, freshet: null }))).statusCode).toBe(200);
    const freshet = { top_k: null, filter: null, instructions: null };
    expect((await chat(asking("rivers", { ...nothing, freshet }))).statusCode).toBe(200);
  });

  it.each([
    [{}, /messages/],
    [{ messages: [] }, /messages/],
    [{ messages: [{ role: "system", content: "x" }] }, /role user/],
    [
      asking([{ type: "image_url", image_url: { url: "data:," } }]),
      /a part that is no text; send text/,
    ],
    [asking(""), /^messages, the newest of a user: is empty/],
    [asking("x".repeat(limits.questionCharsMax + 1)), /^messages, the newest of a user: too big/],
    [asking(5), /^messages\.0\.content: .* expected string or array, received number$/],
    [asking(["hi"]), /^messages\.0\.content\.0: .* expected object, received string$/],
    [asking("rivers", { freshet: { filter: { nosuch: 1 } } }), /^freshet\.filter: a filter field/],
    [asking("rivers", { freshet: { top_k: 0 } }), /^freshet\.top_k: too small/],
    [asking("rivers", { freshet: { nosuch: 1 } }), /^freshet: has a field/],
    [asking("rivers", { freshet: { mode: "search" } }), /^freshet: has a field/],
    [asking("rivers", { freshet: { max_sentences: "nosuch" } }), /^freshet\.max_sentences/],
    [{ messages: [{ role: "user", content: [{ nosuch: 1 }] }] }, /^messages/],
    ["text", /./],
  ])("explains %j in OpenAI's form", async (body, reason) => {
    const reply = await post("/v1/chat/completions", body);
    expect(reply.statusCode).toBe(400);
    const { error } = reply.json<{ error: Record<string, unknown> }>();
    expect(error).toMatchObject({
      type: "invalid_request_error",
      code: "invalid_request",
      param: null,
    });
    expect(error["message"]).toMatch(reason);
    expect(error["message"]).not.toMatch(/nosuch|image_url/); // OJ3
  });

  it("takes the messages before the newest as its history, as far as they fit", async () => {
    await publish({ id: "a", text: "rivers" });
    const said = (role: string, content: unknown) => ({ role, content });
    const long = "x".repeat(limits.turnCharsMax);
    await chat({
      messages: [
        said("user", "the oldest"),
        ...Array.from({ length: 10 }, () => said("assistant", `${long}more`)),
        said("system", "Be brief."),
        said("user", [{ type: "image_url" }, { type: "text", text: "rivers?" }]),
        said("assistant", "They are long [1]."),
        said("tool", "nothing"),
        said("user", "and how long?"),
      ],
    });
    const { history = [], query } = current.service.asked.at(-1)?.question ?? {};
    expect(query).toBe("and how long?");
    expect(history.slice(-2)).toEqual([
      { role: "user", content: "rivers?" },
      { role: "assistant", content: "They are long [1]." },
    ]);
    const chars = history.reduce((sum, { content }) => sum + content.length, 0);
    expect(chars).toBeLessThanOrEqual(limits.historyCharsMax);
    expect(history.map(({ role }) => role)).not.toContain("system");
    await chat(asking("rivers"));
    expect(current.service.asked.at(-1)?.question).not.toHaveProperty("history");
  });

  it("takes what systems and developers say as wishes for the answer, within their bound", async () => {
    await publish({ id: "a", text: "rivers" });
    const wishesOf = async (more: object, ...said: readonly (readonly [string, unknown])[]) => {
      const messages = said.map(([role, content]) => ({ role, content }));
      const { statusCode } = await chat({
        messages: [...messages, { role: "user", content: "rivers" }],
        ...more,
      });
      expect(statusCode).toBe(200);
      return current.service.asked.at(-1)?.question.instructions;
    };
    const brief = [{ type: "text", text: "Be brief." }];
    expect(await wishesOf({}, ["system", brief], ["developer", " In rhymes. "])).toBe(
      "Be brief.\nIn rhymes.",
    );
    expect(await wishesOf({}, ["system", " "])).toBeUndefined();
    const long = await wishesOf({}, ["system", "x".repeat(50_000)]);
    expect(long).toHaveLength(limits.instructionsCharsMax);
    const own = { freshet: { instructions: "Be formal." } };
    expect(await wishesOf(own, ["system", "Be brief."])).toBe("Be formal.");
  });

  it("tells an error before the first word by its status, later in the stream", async () => {
    current.service.failure = new FreshetError("overloaded");
    const early = await chat(asking("rivers", { stream: true }));
    expect([early.statusCode, early.headers["retry-after"]]).toEqual([429, expect.any(String)]);
    expect(early.json().error).toMatchObject({ type: "rate_limit_error", code: "overloaded" });
  });
});

describe("the identity of a caller", () => {
  it("is the same as everywhere", async () => {
    await current.close();
    current = fixture({ keys: true });
    const authorization = `Bearer ${keyOfAcme}`;
    await publish({ id: "a", text: "rivers" }, { authorization });
    const stranger = await chat(asking("rivers"));
    expect([stranger.statusCode, stranger.json().error.type]).toEqual([
      401,
      "authentication_error",
    ]);
    const models = await current.app.inject("/v1/models");
    expect(models.statusCode).toBe(401);
    expect((await chat(asking("rivers"), { authorization })).statusCode).toBe(200);
    expect(current.service.asked.map(({ tenant }) => tenant)).toEqual(["acme"]);
    const url = "/v1/vector_stores/globex/search";
    const other = await post(url, { query: "rivers" }, { authorization });
    expect([other.statusCode, other.json().error.code]).toEqual([404, "not_found"]);
  });
});

describe("GET /v1/models", () => {
  it("names the one model, and no other", async () => {
    const { data } = (await current.app.inject("/v1/models")).json<{ data: { id: string }[] }>();
    expect(data.map(({ id }) => id)).toEqual(["freshet"]);
    expect((await current.app.inject("/v1/models/freshet")).json()).toEqual(data[0]);
    expect((await current.app.inject("/v1/models/gpt-5")).statusCode).toBe(404);
  });
});

describe("POST /v1/vector_stores/{id}/search", () => {
  const search = (body: object) => post("/v1/vector_stores/demo/search", body);

  it.each([
    [{ query: "rivers", filters: { type: "eq", key: "a" } }, /^filters\.value: is missing$/],
    [{ query: "rivers", filters: [] }, /^filters: /],
    [{ query: "" }, /^query: is empty$/],
    [{ query: ["rivers", 5] }, /^query\.1: .* expected string, received number$/],
    [{ query: { text: "rivers" } }, /^query: .* expected string or array, received object$/],
  ])("names the field of %j as it was sent", async (body, said) => {
    const reply = await search(body);
    expect(reply.statusCode).toBe(400);
    expect(reply.json<{ error: { message: string } }>().error.message).toMatch(said);
  });

  it("takes null for what is not said", async () => {
    const nothing = { max_num_results: null, filters: null, ranking_options: null };
    expect((await search({ query: "rivers", ...nothing })).statusCode).toBe(200);
  });

  it("finds passages, with what is known of their documents as attributes", async () => {
    await publish({ id: "a", text: "rivers", title: "Rivers" });
    const reply = await search({ query: ["rivers"], max_num_results: 2, filters: null });
    expect(reply.statusCode).toBe(200);
    expect(reply.json()).toMatchObject({
      object: "vector_store.search_results.page",
      search_query: ["rivers"],
      data: [
        {
          file_id: "a",
          filename: "Rivers",
          score: expect.any(Number),
          attributes: { version: 1, chunk: 0 },
          content: [{ type: "text", text: "rivers" }],
        },
      ],
      has_more: false,
      next_page: null,
    });
    const filters = { type: "eq", key: "id", value: "a" };
    await search({ query: "rivers", filters });
    const { question } = current.service.asked.at(-1) ?? {};
    expect(question).toMatchObject({ mode: "search", top_k: 10, filter: filters });
  });

  it("has an empty page when nothing matches, or nothing is good enough", async () => {
    expect((await search({ query: "volcanoes" })).json()).toMatchObject({ data: [] });
    const refused = await search({ max_num_results: 0, query: "x" });
    expect(refused.statusCode).toBe(400);
    expect(refused.json().error.message).toMatch(/^max_num_results/);
    const echo = await search({ query: "x", ranking_options: { score_threshold: "nosuch" } });
    expect(echo.json().error.message).toMatch(/^ranking_options\.score_threshold: /);
  });
});
