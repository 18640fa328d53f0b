/**
 * A parser on another machine, for files without text: docling-serve's API. It answers Markdown.
 */

import { z } from "zod";
import { limits } from "../../contract/limits.ts";
import { firstHeading } from "../../text/markdown.ts";
import type { ConvertedPart } from "./convert.ts";
import type { CorpusFile } from "./port.ts";

export interface RemoteParser {
  /** Never throws: a parser that does not answer is a reason to leave the file out. */
  parse(file: CorpusFile, bytes: Uint8Array): Promise<readonly ConvertedPart[]>;
}

const replySchema = z.object({
  status: z.string(),
  document: z.object({ md_content: z.string().nullish(), text_content: z.string().nullish() }),
});

export function createDoclingParser(options: {
  readonly url: string;
  readonly apiKey?: string | undefined;
  readonly timeoutMs?: number | undefined;
}): RemoteParser {
  const { url, apiKey, timeoutMs = limits.remoteParserMs } = options;
  const endpoint = `${url.replace(/\/+$/, "")}/v1/convert/file`;
  return {
    async parse(file, bytes) {
      try {
        const reply = await fetch(endpoint, {
          method: "POST",
          headers: apiKey === undefined ? {} : { "X-Api-Key": apiKey },
          body: formOf(file, bytes),
          signal: AbortSignal.timeout(timeoutMs),
        });
        if (!reply.ok) return [{ skipped: "parser" }];
        const { status, document } = replySchema.parse(JSON.parse(await boundedText(reply)));
        const text = document.md_content ?? document.text_content ?? "";
        // `partial_success` has what could be read.
        if (!status.endsWith("success")) return [{ skipped: "parser" }];
        return text.trim() === "" ? [{ skipped: "empty" }] : [{ title: firstHeading(text), text }];
      } catch {
        return [{ skipped: "parser" }];
      }
    },
  };
}

function formOf({ id }: CorpusFile, bytes: Uint8Array): FormData {
  const form = new FormData();
  form.set("files", new Blob([new Uint8Array(bytes)]), id.split("/").at(-1) ?? id);
  form.set("to_formats", "md");
  // Pictures would come as text.
  form.set("image_export_mode", "placeholder");
  form.set("do_ocr", "true");
  return form;
}

/** @throws Error when the answer is longer than a book */
async function boundedText(reply: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of reply.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > limits.remoteParserBytesMax) throw new Error("the answer is too long");
  }
  return text + decoder.decode();
}
