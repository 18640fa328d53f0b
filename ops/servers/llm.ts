/** The local language model as a child process; see llm-server.ts for what it serves. */
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LlmFiles } from "../setup/ensure-tools.ts";
import { plainEnvironment, type ServerContext, startOnPorts } from "./context.ts";
import { logPath, type RunningServer, startServer } from "./supervise.ts";

export interface LlmAddress {
  /** Base URL as OpenAI clients take it, ending in /v1. */
  readonly url: string;
  readonly model: string;
  /** Undefined: it is somebody else's, and its window was set for it. */
  readonly contextTokens?: number | undefined;
}

const serverFile = fileURLToPath(new URL("./llm-server.ts", import.meta.url));
const readyTimeoutMs = 60_000;
const checkTimeoutMs = 3_000;
const graceS = 5;
/** Five chunks of 256 tokens, the instructions, the question and the answer fit twice over. */
const contextTokens = 4096;
/** More threads than this do not make a model of 135 M parameters faster. */
const threadsMax = 4;
/** Ingestion and search come first on a shared machine: an answer may take longer, they may not. */
const niceness = 10;

export async function startLlm(
  context: ServerContext,
  files: LlmFiles,
): Promise<{ server: RunningServer; address: LlmAddress }> {
  const requests = [{ name: "llm", variable: "FRESHET_LLM_PORT" }];
  const directory = join(context.dataDir, "llm");
  mkdirSync(directory, { recursive: true });
  return startOnPorts(context, requests, async (ports) => {
    const base = `http://127.0.0.1:${ports("llm")}`;
    const server = await startServer({
      name: "llm",
      program: "nice",
      parameters: [
        ...["-n", String(niceness), process.execPath, serverFile],
        ...["--module", files.module, "--gguf", files.gguf, "--model", files.model],
        ...["--port", String(ports("llm")), "--context-tokens", String(contextTokens)],
        ...["--threads", String(Math.min(threadsMax, availableParallelism()))],
      ],
      env: plainEnvironment(context.env),
      logFile: logPath(context.dataDir, "llm"),
      cwd: directory,
      readyTimeoutMs,
      graceS,
      isReady: () => isLlmReady(`${base}/v1`),
    });
    return { server, address: { url: `${base}/v1`, model: files.model, contextTokens } };
  });
}

/** True when the endpoint lists its models, which every OpenAI-compatible server does. */
export async function isLlmReady(baseUrl: string): Promise<boolean> {
  return (await firstModel(baseUrl)) !== undefined;
}

export async function firstModel(baseUrl: string): Promise<string | undefined> {
  const response = await fetch(`${baseUrl.replace(/\/$/, "")}/models`, {
    signal: AbortSignal.timeout(checkTimeoutMs),
  });
  if (!response.ok) return undefined;
  const body = (await response.json()) as { data?: { id?: unknown }[] };
  const id = body.data?.[0]?.id;
  return typeof id === "string" ? id : undefined;
}
