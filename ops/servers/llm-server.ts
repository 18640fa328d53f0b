/**
 * A small OpenAI-compatible server over the local model, in a process of its own so that its
 * memory and its crashes are not the engine's.
 *
 * Owns: one model, one generation at a time, a bounded queue before it.
 * Receives: POST /v1/chat/completions (with and without `stream`), GET /v1/models, GET /health.
 *
 * Invariants
 *  LS1 At most one generation runs; at most `queueMax` wait; the next is refused with 429.
 *  LS2 A caller who hangs up stops costing: queued requests are dropped, a running one is aborted.
 *  LS3 No answer is longer than asked for, no prompt is cut silently: one that does not fit is 400.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";
import {
  apiError,
  bodyBytesMax,
  type ChatRequest,
  type CompletionHead,
  chatRequest,
  completion,
  completionChunk,
  usageChunk,
  usageOf,
} from "./llm-api.ts";
import { type LlmEngine, loadEngine } from "./llm-engine.ts";

const queueMax = 8;
const retryAfterS = 2;
const requestTimeoutMs = 30_000;

const { values } = parseArgs({
  options: {
    module: { type: "string" },
    gguf: { type: "string" },
    model: { type: "string" },
    port: { type: "string" },
    "context-tokens": { type: "string" },
    threads: { type: "string" },
  },
});

class HttpError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const modelName = values.model ?? "local";
const contextTokens = Number(values["context-tokens"]);
const engine: LlmEngine = await loadEngine({
  module: values.module ?? "",
  gguf: values.gguf ?? "",
  contextTokens,
  threads: Number(values.threads),
});

let waiting = 0;
let turn: Promise<void> = Promise.resolve();

/** Runs `work` when all earlier requests are done (LS1). */
async function inTurn(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  // One more than the queue: the request that runs counts too.
  if (waiting > queueMax) throw new HttpError(429, "rate_limit_exceeded", "too many requests wait");
  waiting += 1;
  const mine = turn.then(async () => {
    if (!signal.aborted) await work();
  });
  turn = mine.catch(() => undefined);
  try {
    await mine;
  } finally {
    waiting -= 1;
  }
}

async function answer(body: ChatRequest, response: ServerResponse, signal: AbortSignal) {
  const promptTokens = engine.countPromptTokens(body.messages);
  if (promptTokens + body.maxTokens > contextTokens) {
    throw new HttpError(
      400,
      "context_length_exceeded",
      `prompt of ${promptTokens} and answer of ${body.maxTokens} tokens exceed ${contextTokens}`,
    );
  }
  const head: CompletionHead = {
    id: `chatcmpl-${randomUUID()}`,
    created: Math.floor(Date.now() / 1000),
    model: modelName,
  };
  const send = (data: object | "[DONE]") => {
    response.write(`data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
  };
  if (body.stream) {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    send(completionChunk(head, { role: "assistant", content: "" }));
  }
  const result = await engine.generate({
    ...body,
    signal,
    onText: (text) => {
      if (body.stream) send(completionChunk(head, { content: text }));
    },
  });
  const usage = usageOf(promptTokens, result.completionTokens);
  if (!body.stream) {
    sendJson(response, 200, completion(head, { ...result, usage }));
    return;
  }
  send(completionChunk(head, {}, result.finishReason));
  if (body.includeUsage) send(usageChunk(head, usage));
  send("[DONE]");
  response.end();
}

async function handleChat(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const caller = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) caller.abort(new Error("the caller hung up"));
  });
  const parsed = chatRequest.safeParse(parseJson(await readBody(request)));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.join(".") ?? "";
    throw new HttpError(400, "invalid_request", `${where}: ${issue?.message ?? "invalid"}`);
  }
  await inTurn(caller.signal, () => answer(parsed.data, response, caller.signal));
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const route = `${request.method ?? ""} ${(request.url ?? "").split("?", 1)[0] ?? ""}`;
  switch (route) {
    case "GET /health":
      sendJson(response, 200, { status: "ok", waiting });
      return;
    case "GET /v1/models":
      sendJson(response, 200, {
        object: "list",
        data: [{ id: modelName, object: "model", created: 0, owned_by: "local" }],
      });
      return;
    case "POST /v1/chat/completions":
      await handleChat(request, response);
      return;
    default:
      throw new HttpError(404, "not_found", `no route ${route}`);
  }
}

function sendFailure(response: ServerResponse, error: unknown): void {
  const known = error instanceof HttpError;
  if (!known && !response.destroyed) console.error("generation failed:", error);
  if (response.headersSent) {
    // The status is gone already; a cut stream without [DONE] is how the caller learns of it.
    response.destroy();
    return;
  }
  const status = known ? error.status : 500;
  if (status === 429) response.setHeader("retry-after", String(retryAfterS));
  const code = known ? error.code : "internal_error";
  sendJson(response, status, apiError(known ? error.message : "generation failed", code));
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  if (response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += (part as Buffer).length;
    if (bytes > bodyBytesMax) throw new HttpError(413, "too_large", "the body is too large");
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpError(400, "invalid_json", "the body is not JSON");
  }
}

const server = createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
  handle(request, response).catch((error: unknown) => {
    sendFailure(response, error);
  });
});
server.listen(Number(values.port), "127.0.0.1");
process.once("SIGTERM", () => {
  // Nothing here is worth waiting for: a generation in progress has no reader after this.
  process.exit(0);
});
