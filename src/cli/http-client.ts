/**
 * The engine's HTTP API as the command line uses it. Every failure is one line that says what to
 * do.
 */

import { setTimeout } from "node:timers/promises";
import type * as Undici from "undici";
import { z } from "zod";
import { isLoopback } from "../config/links.ts";
import { errorFromBody, FreshetError } from "../contract/errors.ts";
import type { StoredEvent } from "../contract/events.ts";
import { feedbackPageSchema, type StoredFeedback } from "../contract/feedback.ts";
import type { DocumentId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { TlsFiles } from "../contract/links.ts";
import {
  type Answer,
  type AnswerEvent,
  answerSchema,
  coverageSchema,
  sourceSchema,
} from "../contract/query.ts";
import { type TenantUsage, tenantUsageSchema } from "../contract/quota.ts";
import type { EngineStatus } from "../contract/service.ts";
import {
  documentPageSchema,
  documentStateSchema,
  engineStatusSchema,
  storedEventSchema,
} from "../contract/service-schemas.ts";
import { loadedLater } from "../runtime/loaded-later.ts";
import { readTlsFiles } from "../runtime/tls-files.ts";
import { explainUrl } from "../runtime/tls-probe.ts";
import type { Addresses } from "./addresses.ts";
import { readEvents } from "./event-reader.ts";
import { CliError, usageError } from "./exit.ts";
import { startCommand } from "./run-file.ts";

const undici = loadedLater<typeof Undici>("undici");

export interface Engine {
  ask(question: object, signal: AbortSignal): Promise<Answer>;
  /** The same, with each event as it comes. */
  askStreamed(
    question: object,
    options: { readonly signal: AbortSignal; readonly onEvent: (event: AnswerEvent) => void },
  ): Promise<Answer>;
  status(signal: AbortSignal): Promise<EngineStatus>;
  /**
   * From operation `from` on, or from now; opened again whenever the stream ends. Where "now" is
   * comes first, so that nothing is missed between it and the first event.
   */
  events(options: {
    readonly from: number | undefined;
    readonly onPosition?: ((seq: number) => void) | undefined;
    readonly signal: AbortSignal;
  }): AsyncIterable<StoredEvent>;
  usage(signal: AbortSignal): Promise<TenantUsage>;
  /** All of it, oldest first. */
  feedback(signal: AbortSignal): AsyncIterable<StoredFeedback>;
  /** Every document of the tenant; what changes meanwhile may be missed, or come twice. */
  documents(signal: AbortSignal): AsyncIterable<DocumentId>;
  /** Whether a question can find the document. */
  isVisible(id: string, signal: AbortSignal): Promise<boolean>;
}

export function connectEngine(addresses: Addresses, tenant: string): Engine {
  const headers: Record<string, string> = { "x-tenant": tenant };
  const { key, tls } = addresses.api ?? { key: undefined, tls: undefined };
  if (key !== undefined) {
    refuseOpenWire(addresses.http);
    headers["authorization"] = `Bearer ${key()}`;
  }
  const fetchOver = tls === undefined ? fetch : fetchWith(tls);
  const send = async (path: string, init: RequestInit): Promise<Response> => {
    const response = await reach({ url: addresses.http, tls }, () =>
      fetchOver(addresses.http + path, {
        ...init,
        headers: { ...headers, ...init.headers },
        redirect: "manual",
      }),
    );
    if (!response.ok) throw await problemOf(response);
    return response;
  };
  const post = (question: object, signal: AbortSignal) =>
    send("/answer", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(question),
      signal,
    });
  return {
    ask: async (question, signal) =>
      answerSchema.parse(await (await post(question, signal)).json()),
    async askStreamed(question, { signal, onEvent }) {
      const { body } = await post({ ...question, stream: true }, signal);
      return reach({ url: addresses.http, tls }, () =>
        readAnswer(body ?? new ReadableStream(), onEvent),
      );
    },
    async *documents(signal) {
      let after = "";
      for (;;) {
        const response = await send(`/v1/documents?limit=${limits.documentPageMax}${after}`, {
          signal,
        });
        const { documents, next } = documentPageSchema.parse(await response.json());
        for (const { id } of documents) yield id as DocumentId;
        if (next === null) return;
        after = `&after=${encodeURIComponent(next)}`;
      }
    },
    async *feedback(signal) {
      for (let after: number | null = 0; after !== null; ) {
        const path = `/v1/feedback?limit=${limits.feedbackPageMax}&after=${after}`;
        const page = feedbackPageSchema.parse(await (await send(path, { signal })).json());
        yield* page.feedback;
        after = page.next;
      }
    },
    events: (options) => followEvents(send, options),
    isVisible: async (id, signal) => {
      const response = await send(`/v1/documents/${encodeURIComponent(id)}`, { signal });
      return documentStateSchema.parse(await response.json()).status === "visible";
    },
    usage: async (signal) =>
      tenantUsageSchema.parse(await (await send("/v1/usage", { signal })).json()),
    status: async (signal) =>
      engineStatusSchema.parse(await (await send("/v1/status", { signal })).json()),
  };
}

type Send = (path: string, init: RequestInit) => Promise<Response>;

async function* followEvents(
  send: Send,
  { from, onPosition, signal }: Parameters<Engine["events"]>[0],
): AsyncGenerator<StoredEvent> {
  let path = from === undefined ? "/v1/events" : `/v1/events?from_seq=${from}`;
  const headers: Record<string, string> = {};
  let hasBegun = false;
  for (let failures = 0; ; ) {
    try {
      const { body } = await send(path, { headers, signal });
      hasBegun = true;
      for await (const { event, id, data } of readEvents(body ?? new ReadableStream())) {
        if (event === "failed") break;
        if (event !== "position") yield storedEventSchema.parse(data);
        else onPosition?.(Number(id));
        failures = 0;
        path = "/v1/events";
        if (id !== undefined) headers["last-event-id"] = id;
      }
    } catch (thrown) {
      // Where there is no engine, a person hears of it at once.
      if (signal.aborted || !hasBegun || failures >= limits.eventsRetriesMax) throw thrown;
      if (thrown instanceof FreshetError && !thrown.retryable) throw thrown;
    }
    failures += 1;
    await setTimeout(limits.retryAfterMs, undefined, { signal });
  }
}

/** A key that goes over the network in clear belongs to everybody on the way. */
export function refuseOpenWire(address: string): void {
  const { protocol, hostname } = new URL(address);
  if (protocol === "https:" || isLoopback(hostname.replace(/^\[(.*)\]$/, "$1"))) return;
  throw usageError(
    `the API key is sent to https:// addresses and to this machine only, not to ${address}`,
  );
}

/**
 * One request; a redirect is its answer. It says nothing of what went wrong but what the client
 * throws.
 */
export function askUrl(
  url: string,
  {
    tls,
    headers,
    body,
    signal,
  }: {
    readonly tls: TlsFiles | undefined;
    readonly headers: Record<string, string>;
    /** To post; undefined: a GET. */
    readonly body?: string | undefined;
    readonly signal: AbortSignal;
  },
): Promise<Response> {
  const fetchOver = tls === undefined ? fetch : fetchWith(tls);
  return fetchOver(url, {
    ...{ headers, signal, redirect: "manual" },
    ...(body === undefined ? {} : { method: "POST", body }),
  });
}

/** Node's own fetch takes no certificates. */
function fetchWith(tls: TlsFiles): typeof fetch {
  const { Agent, buildConnector, fetch: fetchFrom } = undici();
  const dispatcher = new Agent({
    connect: (options, callback) => buildConnector(readTlsFiles(tls))(options, callback),
  });
  return (async (url: string, init: object) =>
    await fetchFrom(url, { ...init, dispatcher })) as unknown as typeof fetch;
}

const retrievalSchema = z.object({ sources: z.array(sourceSchema), coverage: coverageSchema });
const deltaSchema = z.object({ text: z.string() });
/** What is read of a problem document; its code is judged by `errorFromBody`. */
const problemSchema = z.object({
  code: z.string(),
  detail: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});

async function readAnswer(
  body: ReadableStream<Uint8Array>,
  onEvent: (event: AnswerEvent) => void,
): Promise<Answer> {
  for await (const { event, data } of readEvents(body)) {
    if (event === "retrieval") onEvent({ type: "retrieval", ...retrievalSchema.parse(data) });
    if (event === "delta") onEvent({ type: "delta", ...deltaSchema.parse(data) });
    if (event === "error") throw errorFromBody(data) ?? new FreshetError("internal");
    if (event === "done") return answerSchema.parse(data);
  }
  throw new CliError("the engine ended the answer early: look at its log");
}

/** A redirect is not followed: it would make a GET of a question, and carry it to another place. */
async function problemOf(response: Response): Promise<Error> {
  const { status, headers } = response;
  if (status >= 300 && status < 400) {
    await response.body?.cancel();
    const to = URL.parse(headers.get("location") ?? "", response.url)?.origin;
    const where = to === undefined ? "" : ` to ${to}`;
    return new CliError(
      `what answers at ${new URL(response.url).origin} redirects${where}: name the engine itself with --url`,
    );
  }
  const problem = problemSchema.safeParse(await response.json().catch(() => undefined));
  if (problem.success) {
    const { code, detail: message, details } = problem.data;
    const error = errorFromBody({ error: { code, message, details } });
    if (error !== undefined) return error;
  }
  return new CliError(
    `what answers at ${response.url} is no Freshet engine (status ${response.status})`,
  );
}

interface Reached {
  readonly url: string;
  readonly tls: TlsFiles | undefined;
}

async function reach<T>({ url, tls }: Reached, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    // fetch says only that it failed; a refused connection means that nothing runs there.
    if (!(cause instanceof TypeError)) throw cause;
    const link = { where: `the engine at ${url}`, tls, settings: "FRESHET_API_TLS" };
    const why = await explainUrl(cause, { ...link, url, timeoutMs: limits.tlsProbeMs });
    const isPlain = url.startsWith("http:");
    if (why !== undefined) throw new CliError(isPlain ? `${why} (https://)` : why, { cause });
    throw new CliError(`no engine answers at ${url}: start it with ${startCommand}`, { cause });
  }
}
