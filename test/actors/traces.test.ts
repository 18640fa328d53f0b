import { afterEach, describe, expect, it } from "vitest";
import type { LanguageModel } from "../../src/answer/port.ts";
import { tenantId } from "../../src/contract/ids.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { createHandler, type Handler } from "../../src/gateway/handler.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";
import { type RecordingTracer, recordingTracer } from "../support/recording-tracer.ts";

const tenant = tenantId("traced");
const secret = "the launch code is hunter2 zebra";
const caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736";

let engine: MemoryEngine;
let tracer: RecordingTracer;
let handler: Handler;

const model: LanguageModel = {
  name: "tiny",
  complete: async ({ onText, onUsage, traceparent }) => {
    heard.push(traceparent);
    onText?.("It is known [1].");
    onUsage?.({ prompt: 21, completion: 5 });
    return "It is known [1].";
  },
  ping: async () => {},
  close: async () => {},
};
const heard: (string | undefined)[] = [];

function start(): void {
  tracer = recordingTracer();
  engine = startMemoryEngine({ tracer, model });
  handler = createHandler({
    ...{ service: engine.service, log: silentLogger, clock: systemClock },
    tracer,
  });
}

afterEach(() => engine.stop());

async function publish(id: string, traceparent: unknown = caller): Promise<void> {
  const body = { id, text: `${secret} ${id}` };
  const { seq } = await handler.publish({ tenant, body, traceparent });
  await engine.event(seq);
}

function ask(traceparent: unknown = caller) {
  const body = { query: `what is ${secret}?`, mode: "answer", wait_ms: 2_000 };
  const { signal } = new AbortController();
  return handler.answer({ tenant, body, signal, traceparent });
}

describe("traces", () => {
  it("follow a document from its publisher through log, model and shard to visible", async () => {
    start();
    await publish("doc-alpha");
    expect(tracer.tree(callersTrace)).toEqual([
      "publish < -",
      "document < publish",
      "prepare < document",
      "embed < document",
      "embed batch < embed",
      "append < document",
      "apply < document",
    ]);
    for (const { ends, errorCode } of tracer.spans) {
      expect({ ends, errorCode }).toEqual({ ends: 1, errorCode: undefined });
    }
    const document = tracer.spans.find(({ name }) => name === "document");
    expect(document?.attributes["freshet.outcome"]).toBe("visible");
  });

  it("follow a question through redaction, model, shards and fusion to the language model", async () => {
    start();
    await publish("doc-beta", "");
    heard.length = 0;
    await ask();
    expect(tracer.tree(callersTrace)).toEqual([
      "question < -",
      "redact < question",
      "embed < question",
      "embed batch < embed",
      "search hot < question",
      "fuse < question",
      "chat < question",
    ]);
    const chat = tracer.spans.find(({ name }) => name === "chat");
    expect(chat?.attributes).toEqual({
      "freshet.endpoint": "tiny",
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "tiny",
      "gen_ai.request.max_tokens": expect.any(Number),
      "gen_ai.usage.input_tokens": 21,
      "gen_ai.usage.output_tokens": 5,
    });
    expect(heard).toEqual([`00-${callersTrace}-${chat?.spanId}-01`]);
  });

  it("end a question that fails with its code", async () => {
    start();
    await expect(ask()).rejects.toMatchObject({ code: "no_results" });
    const question = tracer.spans.find(({ name }) => name === "question");
    expect(question).toMatchObject({ ends: 1, errorCode: "no_results" });
  });

  it("link a batch of texts to every other document that is in it", async () => {
    start();
    await Promise.all(["1", "2", "3", "4", "5", "6"].map((id) => publish(id, "")));
    const embeds = tracer.spans.filter(({ name }) => name === "embed").map(({ spanId }) => spanId);
    const batches = tracer.spans.filter(({ name }) => name === "embed batch");
    const named = batches.flatMap(({ parentId = "", links }) => [parentId, ...links]);
    expect(named.sort()).toEqual(embeds.sort());
  });

  it.each(["", "nonsense", `${caller}-more`, caller.toUpperCase(), ["a", "b"], 7])(
    "begin anew where what came with a request is no context: %j",
    async (traceparent) => {
      start();
      await publish("doc-gamma", traceparent);
      const [root] = tracer.spans;
      expect(root).toMatchObject({ name: "publish", parentId: undefined });
      expect(tracer.tree(root?.traceId ?? "")).toContain("document < publish");
    },
  );

  it("hold no text, question or id of a document (I10)", async () => {
    start();
    await publish("doc-delta");
    await ask();
    const said = JSON.stringify(tracer.spans.map(({ attributes }) => attributes));
    for (const word of [...secret.split(" ").filter((each) => each.length > 4), "doc-delta"]) {
      expect(said).not.toContain(word);
    }
  });
});
