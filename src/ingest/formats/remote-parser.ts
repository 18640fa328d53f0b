/**
 * A parser on another machine, for files without text: docling-serve's API. It answers Markdown.
 *
 * Never throws, and never follows a redirect: the key and the file are for the place that was
 * configured. One that is busy (429, 503) is asked again, at most `remoteParserAttemptsMax` times
 * within the time of one file. Whatever else goes wrong leaves the file out, with a reason that
 * says what to look at and holds nothing of the file.
 */

import type * as Undici from "undici";
import type { Agent, FormData, Response } from "undici";
import { z } from "zod";
import { limits } from "../../contract/limits.ts";
import type { Secret, TlsFiles } from "../../contract/links.ts";
import { retryAfterMsOf } from "../../contract/retry-after.ts";
import { withoutEnd } from "../../contract/without-end.ts";
import { backoffMs } from "../../runtime/backoff.ts";
import { systemClock } from "../../runtime/clock.ts";
import { loadedLater } from "../../runtime/loaded-later.ts";
import { readTlsFiles } from "../../runtime/tls-files.ts";
import { explainUrl } from "../../runtime/tls-probe.ts";
import { firstHeading } from "../../text/markdown.ts";
import type { ConvertedPart } from "./convert.ts";
import type { CorpusFile } from "./port.ts";

const undici = loadedLater<typeof Undici>("undici");

export interface RemoteParser {
  /** Never throws: a parser that does not answer is a reason to leave the file out. */
  parse(file: CorpusFile, bytes: Uint8Array): Promise<readonly ConvertedPart[]>;
}

const replySchema = z.object({
  status: z.string(),
  document: z.object({ md_content: z.string().nullish(), text_content: z.string().nullish() }),
});

export interface RemoteParserOptions {
  readonly url: string;
  readonly apiKey?: Secret | undefined;
  readonly tls?: TlsFiles | undefined;
  readonly timeoutMs?: number | undefined;
  /** Hears once why no file can be read: a mistake of TLS, with what to set. */
  readonly warn?: ((line: string) => void) | undefined;
}

export function createDoclingParser(options: RemoteParserOptions): RemoteParser {
  const { url, apiKey, tls, timeoutMs = limits.remoteParserMs } = options;
  const agent = tls === undefined ? undefined : agentOf(tls);
  let { warn } = options;
  const where = `the parser at ${new URL(url).origin}`;
  const endpoint = `${withoutEnd(url, "/")}/v1/convert/file`;
  const ask = (file: CorpusFile, bytes: Uint8Array, signal: AbortSignal) =>
    undici().fetch(endpoint, {
      method: "POST",
      headers: apiKey === undefined ? {} : { "X-Api-Key": apiKey() },
      body: formOf(file, bytes),
      redirect: "manual",
      signal,
      ...(agent === undefined ? {} : { dispatcher: agent }),
    });
  return {
    async parse(file, bytes) {
      const late = AbortSignal.timeout(timeoutMs);
      try {
        const reply = await patiently(() => ask(file, bytes, late), late);
        return [await partOf(reply)];
      } catch (thrown) {
        if (late.aborted) return leftOut(`no answer within ${timeoutMs / 1_000} s`);
        const link = { where, tls, settings: "FRESHET_PARSER_TLS" };
        const why = await explainUrl(thrown, { ...link, url, timeoutMs: limits.tlsProbeMs });
        if (why !== undefined) warn?.(why);
        warn = undefined;
        return leftOut(codeOf(thrown) ?? "the connection broke off");
      }
    },
  };
}

/** The reply, once it is not that the parser is busy; the last one where it stays so. */
async function patiently(ask: () => Promise<Response>, late: AbortSignal): Promise<Response> {
  const bounds = {
    backoffMinMs: limits.remoteParserRetryMinMs,
    backoffMaxMs: limits.remoteParserRetryMaxMs,
  };
  for (let failures = 0; ; failures += 1) {
    const reply = await ask();
    const isBusy = reply.status === 429 || reply.status === 503;
    if (!isBusy || failures + 1 >= limits.remoteParserAttemptsMax) return reply;
    const askedMs = retryAfterMsOf(reply.headers.get("retry-after"), systemClock.nowMs()) ?? 0;
    if (askedMs > limits.remoteParserRetryMaxMs) return reply;
    await reply.body?.cancel();
    await systemClock.sleep(Math.max(askedMs, backoffMs(bounds, failures)), late);
    late.throwIfAborted();
  }
}

async function partOf(reply: Response): Promise<ConvertedPart> {
  const { status } = reply;
  if (status !== 200) {
    await reply.body?.cancel();
    return { skipped: "parser", detail: sentenceOf(status) };
  }
  const read = replySchema.safeParse(jsonOf(await boundedText(reply)));
  if (!read.success) {
    return {
      skipped: "parser",
      detail: "what answers is no docling-serve: check FRESHET_PARSER_URL",
    };
  }
  const { status: outcome, document } = read.data;
  // `partial_success` has what could be read.
  if (!outcome.endsWith("success")) {
    return { skipped: "parser", detail: "it could not read this file" };
  }
  const text = document.md_content ?? document.text_content ?? "";
  return text.trim() === "" ? { skipped: "empty" } : { title: firstHeading(text), text };
}

function sentenceOf(status: number): string {
  if (status >= 300 && status < 400) {
    return `it redirects (${status}), which is not followed: set FRESHET_PARSER_URL to the place itself`;
  }
  switch (status) {
    case 401:
    case 403:
      return `it refuses access (${status}): check FRESHET_PARSER_API_KEY`;
    case 404:
    case 405:
      return `it knows no such route (${status}): check FRESHET_PARSER_URL`;
    case 413:
      return "the file is longer than it takes (413)";
    case 429:
    case 503:
      return `it is busy (${status}): run again later`;
    default:
      return `it answers with status ${status}`;
  }
}

function leftOut(detail: string): readonly ConvertedPart[] {
  return [{ skipped: "parser", detail }];
}

/** `ECONNREFUSED`, never a message: fetch puts the reason below its own error. */
function codeOf(thrown: unknown): string | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const code: unknown = "code" in error ? error.code : undefined;
    if (typeof code === "string" && /^[A-Z0-9_]{1,64}$/.test(code)) return code;
  }
  return undefined;
}

/** Each new connection reads the files, so that they may be replaced. */
function agentOf(tls: TlsFiles): Agent {
  return new (undici().Agent)({
    connect: (options, callback) => undici().buildConnector(readTlsFiles(tls))(options, callback),
  });
}

function formOf({ id }: CorpusFile, bytes: Uint8Array): FormData {
  const form = new (undici().FormData)();
  form.set("files", new Blob([new Uint8Array(bytes)]), id.split("/").at(-1) ?? id);
  form.set("to_formats", "md");
  // Pictures would come as text.
  form.set("image_export_mode", "placeholder");
  form.set("do_ocr", "true");
  return form;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws Error when the answer is longer than a book */
async function boundedText(reply: {
  readonly body: AsyncIterable<unknown> | null;
}): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of reply.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > limits.remoteParserBytesMax) throw new Error("the answer is too long");
  }
  return text + decoder.decode();
}
