/** OpenAI's own client against a socket of ours: what it sends is taken, what it reads is there. */

import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callsOf, type Fixture, fixture, keyOfAcme } from "./http-fixture.ts";

let current: Fixture;
let client: OpenAI;
const authorization = { authorization: `Bearer ${keyOfAcme}` };
const { publish } = callsOf(() => current);

beforeEach(async () => {
  current = fixture({ keys: true });
  const { url } = await current.listen();
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: keyOfAcme, maxRetries: 0 });
  await publish({ id: "a", text: "rivers are long", title: "Rivers" }, authorization);
  current.service.deltas = ["They are ", "long [1]."];
});
afterEach(() => current.close());

const messages = [{ role: "user" as const, content: "rivers" }];

describe("OpenAI's client", () => {
  it("lists the model and completes a chat with citations", async () => {
    const { data } = await client.models.list();
    const model = data[0]?.id ?? "";
    const completion = await client.chat.completions.create({ model, messages, temperature: 0 });
    const message = completion.choices[0]?.message;
    expect(message?.content).toBe("They are long [1].");
    expect(message?.annotations?.[0]?.url_citation).toMatchObject({
      title: "Rivers",
      start_index: 14,
      end_index: 17,
    });
  });

  it("streams a chat to its end, with usage", async () => {
    const stream = client.chat.completions.stream({
      ...{ model: "freshet", messages },
      stream_options: { include_usage: true },
    });
    const completion = await stream.finalChatCompletion();
    expect(completion.choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { content: "They are long [1]." },
    });
    expect(completion.usage?.total_tokens).toBeGreaterThan(0);
  });

  it("searches the tenant as a vector store", async () => {
    const page = await client.vectorStores.search("acme", {
      query: "rivers",
      filters: { type: "eq", key: "id", value: "a" },
    });
    expect(page.data[0]).toMatchObject({ file_id: "a", filename: "Rivers" });
  });

  it("throws its own errors for ours", async () => {
    const stranger = new OpenAI({ baseURL: client.baseURL, apiKey: "sk-none", maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await expect(client.models.retrieve("gpt-5")).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const empty = client.chat.completions.create({ model: "freshet", messages: [] });
    await expect(empty).rejects.toBeInstanceOf(OpenAI.BadRequestError);
  });
});
