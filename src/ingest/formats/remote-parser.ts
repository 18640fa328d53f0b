/**
 * A parser on another machine, for files without text: docling-serve's API. It answers Markdown.
 */

import type * as Undici from "undici";
import type { Agent, FormData } from "undici";
import { z } from "zod";
import { limits } from "../../contract/limits.ts";
import type { Secret, TlsFiles } from "../../contract/links.ts";
import { withoutEnd } from "../../contract/without-end.ts";
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
  return {
    async parse(file, bytes) {
      try {
        const reply = await undici().fetch(endpoint, {
          method: "POST",
          headers: apiKey === undefined ? {} : { "X-Api-Key": apiKey() },
          body: formOf(file, bytes),
          signal: AbortSignal.timeout(timeoutMs),
          ...(agent === undefined ? {} : { dispatcher: agent }),
        });
        if (!reply.ok) return [{ skipped: "parser" }];
        const { status, document } = replySchema.parse(JSON.parse(await boundedText(reply)));
        const text = document.md_content ?? document.text_content ?? "";
        // `partial_success` has what could be read.
        if (!status.endsWith("success")) return [{ skipped: "parser" }];
        return text.trim() === "" ? [{ skipped: "empty" }] : [{ title: firstHeading(text), text }];
      } catch (thrown) {
        if (warn === undefined) return [{ skipped: "parser" }];
        const link = { where, tls, settings: "FRESHET_PARSER_TLS" };
        const why = await explainUrl(thrown, { ...link, url, timeoutMs: limits.tlsProbeMs });
        if (why !== undefined) warn?.(why);
        warn = undefined;
        return [{ skipped: "parser" }];
      }
    },
  };
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
