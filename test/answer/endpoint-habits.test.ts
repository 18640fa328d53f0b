/** What endpoints of the wild do that OpenAI's own does not: each by a real server that does it. */

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createOpenAiModel } from "../../src/answer/openai.ts";
import type { LanguageModel, TokenUsage } from "../../src/answer/port.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { delta, type Endpoint, startEndpoint, stream } from "./misbehaving-endpoint.ts";

let endpoint: Endpoint;
let model: LanguageModel;

beforeEach(async () => {
  endpoint = await startEndpoint();
  model = createOpenAiModel({ baseUrl: endpoint.url, model: "tiny", clock: systemClock });
});
afterEach(async () => {
  await model.close();
  await endpoint.close();
});

const done = "data: [DONE]\n\n";

async function ask() {
  const [heard, usages]: [string[], TokenUsage[]] = [[], []];
  let isCut = false;
  const { signal } = new AbortController();
  const said = await model
    .complete({
      messages: [{ role: "user", content: "Where is the pool?" }],
      maxTokens: 7,
      signal,
      onText: (text) => void heard.push(text),
      onUsage: (usage) => void usages.push(usage),
      onCut: () => {
        isCut = true;
      },
    })
    .catch((thrown: unknown) => {
      if (!(thrown instanceof FreshetError)) throw thrown;
      return thrown.details ?? {};
    });
  return { said, heard, usages, isCut };
}

const counting = (content: string, prompt_tokens: number, completion_tokens: number): string => {
  const choices = content === "" ? [] : [{ delta: { content }, finish_reason: null }];
  const usage = { prompt_tokens, completion_tokens };
  return `data: ${JSON.stringify({ choices, usage })}\n\n`;
};

describe("habits of endpoints", () => {
  test.each(["", "null"])("a reason to finish that says %j is none", async (none) => {
    endpoint.handle = stream(delta("The", none), delta(" pool", none), delta(".", "stop"), done);
    expect((await ask()).said).toBe("The pool.");
  });

  test("of counts that grow from event to event the last is told, once", async () => {
    const counts = [counting("The", 9, 1), counting(" pool.", 9, 2)];
    endpoint.handle = stream(...counts, delta("", "stop"), counting("", 9, 3), done);
    expect(await ask()).toMatchObject({
      said: "The pool.",
      usages: [{ prompt: 9, completion: 3 }],
    });
  });

  test("what was counted before it broke off is told", async () => {
    endpoint.handle = stream(counting("The", 9, 1), counting(" pool", 9, 2));
    const { said, usages } = await ask();
    expect([said, usages]).toEqual([{ reason: "broke off" }, [{ prompt: 9, completion: 2 }]]);
  });

  test("events with no blank line between them are heard as they come", async () => {
    const bare = (event: string): string => event.replace(/\n\n$/, "\n");
    const all = [delta("The"), delta(" pool."), delta("", "stop"), done].map(bare);
    endpoint.handle = stream(...all);
    expect(await ask()).toMatchObject({ said: "The pool.", heard: ["The", " pool."] });
    // And JSON over several lines is still one event.
    const pretty = JSON.stringify({ choices: [{ delta: { content: "One." } }] }, null, 1);
    const lines = pretty.split("\n").map((line) => `data: ${line}\n`);
    endpoint.handle = stream(...lines, "\n", done);
    expect((await ask()).said).toBe("One.");
  });

  test.each(["text/plain; charset=utf-8", "application/json", undefined])(
    "a stream is heard as it comes also where it is called %s",
    async (type) => {
      endpoint.handle = (_request, response) => {
        response.writeHead(200, type === undefined ? {} : { "content-type": type });
        response.write(delta("The"));
        setTimeout(() => response.end(`${delta(" pool.", "stop")}${done}`), 20);
      };
      expect(await ask()).toMatchObject({ said: "The pool.", heard: ["The", " pool."] });
    },
  );

  test.each([
    ["FastAPI", { detail: [{ type: "extra_forbidden", loc: ["body", "max_tokens"] }] }],
    [
      "Mistral",
      { object: "error", message: { detail: [{ loc: ["body", "max_tokens"], msg: "extra" }] } },
    ],
    ["OpenAI", { error: { param: "max_tokens" } }],
  ])("a field that status 422 refuses is left out: %s (OA4)", async (_who, refusal) => {
    const asked: string[][] = [];
    endpoint.handle = (request, response) => {
      const names = Object.keys(JSON.parse(request.body) as object);
      asked.push(names);
      if (names.includes("max_tokens")) response.writeHead(422).end(JSON.stringify(refusal));
      else stream(delta("The pool.", "stop"), done)(request, response);
    };
    expect((await ask()).said).toBe("The pool.");
    expect((await ask()).said).toBe("The pool.");
    expect(asked.map((names) => names.includes("max_tokens"))).toEqual([true, false, false]);
  });

  test("what took all of its tokens before a word, and a refusal, are told as that", async () => {
    const { choices } = { choices: [{ delta: { refusal: "I'm sorry" }, finish_reason: null }] };
    endpoint.handle = stream(delta("<think>Hm"), delta("", "length"), done);
    expect((await ask()).said).toEqual({ reason: "spent" });
    endpoint.handle = stream(`data: ${JSON.stringify({ choices })}\n\n`, delta("", "stop"), done);
    expect((await ask()).said).toEqual({ reason: "withheld" });
    endpoint.handle = stream(delta("The pool", "length"), done);
    expect(await ask()).toMatchObject({ said: "The pool", isCut: true });
    endpoint.handle = stream(delta("The pool.", "stop"), done);
    expect(await ask()).toMatchObject({ said: "The pool.", isCut: false });
  });

  test("status 422 that names nothing is asked once more without the count (OA4)", async () => {
    endpoint.handle = (request, response) => {
      if (request.body.includes("stream_options")) response.writeHead(422).end("no");
      else stream(delta("The pool.", "stop"), done)(request, response);
    };
    expect((await ask()).said).toBe("The pool.");
    endpoint.handle = (_request, response) => response.writeHead(422).end("no");
    expect((await ask()).said).toMatchObject({ status: 422 });
  });
});
