/** `/v1/responses` against OpenAI's own client, the AI SDK's provider, and read by hand. */

import { createOpenAI } from "@ai-sdk/openai";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callsOf, type Fixture, fixture, keyOfAcme } from "./http-fixture.ts";

let current: Fixture;
let client: OpenAI;
let url: string;
const authorization = { authorization: `Bearer ${keyOfAcme}` };
const { publish } = callsOf(() => current);

beforeEach(async () => {
  current = fixture({ keys: true });
  ({ url } = await current.listen());
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: keyOfAcme, maxRetries: 0 });
  const page = { source: "https://rivers.example/long" };
  await publish({ id: "a", text: "rivers are long", title: "Rivers" }, authorization);
  await publish({ id: "b", text: "rivers are wet", title: "Wet", ...page }, authorization);
  current.service.deltas = ["They are ", "long [1] ", "and wet [2]."];
});
afterEach(() => current.close());

const text = "They are long [1] and wet [2].";
const citations = [
  { type: "file_citation", index: 14, file_id: "a", filename: "Rivers" },
  {
    ...{ type: "url_citation", start_index: 26, end_index: 29 },
    ...{ url: "https://rivers.example/long", title: "Wet" },
  },
];
const model = "freshet";
const said = { role: "user", content: "rivers" };

const post = (body: unknown) =>
  current.app.inject({
    ...{ method: "POST", url: "/v1/responses", payload: JSON.stringify(body) },
    headers: { ...authorization, "content-type": "application/json" },
  });

describe("OpenAI's client", () => {
  it("reads the text and both kinds of citations", async () => {
    const response = await client.responses.create({ model, input: "rivers" });
    expect(response).toMatchObject({ status: "completed", output_text: text, error: null });
    const [item] = response.output;
    expect(item).toMatchObject({ content: [{ annotations: citations }] });
    expect(response.usage?.total_tokens).toBeGreaterThan(0);
  });

  it("streams to the same response, with the pieces on the way", async () => {
    const stream = client.responses.stream({ model, input: "rivers" });
    let joined = "";
    stream.on("response.output_text.delta", ({ delta }) => {
      joined += delta;
    });
    const response = await stream.finalResponse();
    expect([joined, response.output_text]).toEqual([text, text]);
    expect(response.output[0]).toMatchObject({ content: [{ annotations: citations }] });
  });

  it("gets an answer, not an error, when nothing matches", async () => {
    const response = await client.responses.create({ model, input: "deserts" });
    expect(response.output_text).toMatch(/^Nothing in the documents/);
  });

  it("throws its own errors for ours", async () => {
    const stranger = new OpenAI({ baseURL: client.baseURL, apiKey: "sk-none", maxRetries: 0 });
    const asked = stranger.responses.create({ model, input: "rivers" });
    await expect(asked).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  });
});

describe("the AI SDK's provider", () => {
  const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "rivers" }] }];
  const languageModel = () =>
    createOpenAI({ baseURL: `${url}/v1`, apiKey: keyOfAcme }).responses(model);

  it("reads the text and a source with an address", async () => {
    const { content } = await languageModel().doGenerate({ prompt });
    expect(content).toContainEqual(expect.objectContaining({ type: "text", text }));
    expect(content).toContainEqual(
      expect.objectContaining({ type: "source", url: "https://rivers.example/long" }),
    );
  });

  it("reads the stream to its end", async () => {
    const { stream } = await languageModel().doStream({ prompt });
    let joined = "";
    let last = "";
    for await (const part of stream) {
      if (part.type === "text-delta") joined += part.delta;
      last = part.type;
    }
    expect([joined, last]).toEqual([text, "finish"]);
  });
});

describe("the request", () => {
  it("makes the messages before the last the history, and other items nothing", async () => {
    await post({
      input: [
        { role: "user", content: "What is long?" },
        {
          type: "message",
          role: "assistant",
          content: [{ type: "output_text", text: "A river." }],
        },
        { type: "reasoning", summary: [] },
        { type: "message", role: "user", content: [{ type: "input_text", text: "rivers" }] },
      ],
      max_output_tokens: 64,
      ...{ temperature: 0.5, tools: [{ type: "file_search" }], freshet: { top_k: 1 } },
    });
    expect(current.service.asked.at(-1)?.question).toMatchObject({
      ...{ query: "rivers", top_k: 1, max_tokens: 64 },
      history: [
        { role: "user", content: "What is long?" },
        { role: "assistant", content: "A river." },
      ],
    });
  });

  it.each([
    [{ input: "rivers", previous_response_id: "resp_1" }, "previous_response_id"],
    [{ input: "rivers", conversation: "conv_1" }, "conversation: conversations are not kept"],
    [{ input: "rivers", conversation: { id: "conv_1" } }, "conversation"],
    [{ input: "rivers", prompt: { id: "pmpt_1" } }, "prompt: prompts are not kept"],
    [{ input: [{ type: "item_reference", id: "msg_1" }, said] }, "input.0: an item_reference"],
    [{ input: [{ id: "msg_1" }, said] }, "input.0: an item_reference"],
    [{ input: "rivers", background: true }, "background"],
    [{ input: "rivers", background: "true" }, "background"],
    [{ input: [] }, "input"],
    [{ input: 5 }, "input: invalid input: expected string or array, received number"],
    [{ input: ["rivers"] }, "input.0: invalid input: expected object, received string"],
    [{ input: "" }, "input, the newest of a user: is empty"],
    [{ input: "rivers", freshet: { top_k: 0 } }, "freshet.top_k: too small"],
    [{}, "input"],
    [{ input: [{ role: "assistant", content: "hm" }] }, "input: none of them has the role user"],
    [{ input: [{ role: "user", content: [{ type: "input_image" }] }] }, "input: a part that is no"],
    [{ input: "rivers", freshet: { colour: 1 } }, "freshet"],
  ])("is refused for %j and the reason names it", async (body, named) => {
    const reply = await post(body);
    expect(reply.statusCode).toBe(400);
    const { error } = reply.json<{ error: { message: string } }>();
    expect(error.message).toContain(named);
  });

  it("says nothing with a null: libraries write down what nobody set", async () => {
    const nothing = { model: null, conversation: null, prompt: null, background: null };
    const more = { max_output_tokens: null, instructions: null, stream: null };
    const input = [{ type: null, ...said }];
    const reply = await post({ input, ...nothing, ...more, freshet: { top_k: null } });
    expect(reply.statusCode).toBe(200);
    expect((await post({ input, freshet: null })).statusCode).toBe(200);
  });
});

describe("the stream by hand", () => {
  const eventsOf = (payload: string) =>
    [...payload.matchAll(/^event: (.+)\ndata: (.+)$/gm)].map(([, name, data = ""]) => ({
      name,
      ...(JSON.parse(data) as { type: string; sequence_number: number }),
    }));

  it("numbers its events without a gap, each under its own name", async () => {
    const events = eventsOf((await post({ input: "rivers", stream: true })).payload);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, at) => at));
    expect(events.map(({ name }) => name)).toEqual(events.map(({ type }) => type));
    expect(events.map(({ type }) => type)).toEqual([
      ...["response.created", "response.in_progress", "response.output_item.added"],
      "response.content_part.added",
      ...Array.from({ length: 3 }, () => "response.output_text.delta"),
      ...Array.from({ length: 2 }, () => "response.output_text.annotation.added"),
      ...["response.output_text.done", "response.content_part.done"],
      ...["response.output_item.done", "response.completed"],
    ]);
  });

  it("an answer whose tokens were used up is incomplete, whole and streamed", async () => {
    current.service.isCut = true;
    const incomplete_details = { reason: "max_output_tokens" };
    const whole = await client.responses.create({
      model,
      input: [{ role: "user", content: "rivers" }],
    });
    expect(whole).toMatchObject({ status: "incomplete", incomplete_details, output_text: text });
    const { payload } = await post({ input: "rivers", stream: true });
    expect(payload).toContain("event: response.incomplete");
    expect(payload).not.toContain("response.completed");
  });

  it("ends with response.failed when it fails on the way", async () => {
    const { service } = current;
    const ask = service.ask.bind(service);
    service.ask = async (request) => {
      await ask(request);
      throw new Error("private detail");
    };
    const { payload } = await post({ input: "rivers", stream: true });
    expect(eventsOf(payload).at(-1)).toMatchObject({
      type: "response.failed",
      response: { status: "failed", error: { code: "internal" } },
    });
    expect(payload).not.toContain("private detail");
  });
});
