/** What a client does with an engine, over its HTTP API: the same calls as in process, the same errors. */
import { connectEngine } from "../../src/cli/http-client.ts";
import { errorFromBody, type FreshetError } from "../../src/contract/errors.ts";
import type { PublishResult } from "../../src/contract/events.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Answer } from "../../src/contract/query.ts";
import type { DocumentState, EngineStatus } from "../../src/contract/service.ts";
import type { StoryService } from "../paths/stories.ts";

export interface Client extends StoryService {
  status(): Promise<EngineStatus>;
  /** A question as a client writes it. */
  question(tenant: TenantId, body: object): Promise<Answer>;
  /** A search; `minSeq` makes it wait for that write. */
  search(tenant: TenantId, query: string, minSeq?: number): Promise<Answer>;
}

const json = { "content-type": "application/json" };

export function httpClient(url: string): Client {
  const engine = (tenant: TenantId) =>
    connectEngine(
      {
        http: url,
        nats: "",
        temporal: { address: "", namespace: "" },
        temporalUi: undefined,
        partitions: 0,
        dataDir: "",
      },
      tenant,
    );
  // What is asked again is searched again: these tests watch how. Kept results have tests of their
  // own.
  const question: Client["question"] = (tenant, body) =>
    engine(tenant).ask({ cache: false, ...body }, new AbortController().signal);
  return {
    documentTextBytesMax: limits.documentTextBytesMax,
    ask: ({ tenant, question: asked, signal, onEvent }) =>
      onEvent === undefined
        ? engine(tenant).ask(asked, signal)
        : engine(tenant).askStreamed(asked, { signal, onEvent }),
    publish: async (tenant, { payload }) =>
      (await send(`${url}/v1/documents`, {
        method: "POST",
        headers: { ...json, "x-tenant": tenant },
        body: new TextDecoder().decode(payload),
      })) as PublishResult,
    document: async ({ tenant }, id) =>
      (await send(`${url}/v1/documents/${encodeURIComponent(id)}`, {
        headers: { "x-tenant": tenant },
      })) as DocumentState,
    status: async () => (await send(`${url}/v1/status`, {})) as EngineStatus,
    question,
    search: (tenant, query, minSeq) =>
      question(tenant, {
        ...{ query, mode: "search" },
        ...(minSeq === undefined ? {} : { min_seq: minSeq, wait_ms: limits.waitMsMax }),
      }),
  };
}

async function send(url: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(url, init);
  const body: unknown = await response.json();
  if (!response.ok) throw errorOf(body);
  return body;
}

function errorOf(problem: unknown): FreshetError | Error {
  const { code, detail, details } = problem as Readonly<Record<string, unknown>>;
  const error = errorFromBody({ error: { code, message: detail, details } });
  return error ?? new Error(`no problem details: ${JSON.stringify(problem)}`);
}

/** Texts of documents that the engine has embedded in this life. */
export async function embeddedTexts(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const sum = /^freshet_embed_batch_texts_sum\{lane="ingest"\} (\d+)/m.exec(metrics)?.[1];
  return Number(sum ?? 0);
}

/** What a request answers when it is refused. */
export async function refusal(
  work: Promise<unknown>,
): Promise<{ readonly code: string; readonly details: unknown }> {
  try {
    await work;
    return { code: "none", details: undefined };
  } catch (thrown) {
    const { code, details } = thrown as FreshetError;
    if (typeof code !== "string") throw thrown;
    return { code, details };
  }
}
