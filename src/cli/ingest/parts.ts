/** What one file of a corpus holds: documents, and what of it could not be read. */

import type { FileHandle } from "node:fs/promises";
import { limits } from "../../contract/limits.ts";
import { lineDocument } from "../../ingest/formats/json.ts";
import type {
  CorpusDocument,
  CorpusFile,
  FileKind,
  FileReader,
} from "../../ingest/formats/port.ts";
import type { SkipReason } from "./problems.ts";
import { FileProblem, linesOf, openPlain, readBounded } from "./read-file.ts";
import { type FileInfo, fileInfo, problemOf } from "./walk.ts";

export interface FoundFile extends CorpusFile {
  readonly path: Buffer;
  readonly info: FileInfo;
  readonly followLinks: boolean;
}

export type ReadPart =
  | { readonly document: CorpusDocument; readonly line?: number | undefined }
  | {
      readonly skipped: SkipReason;
      readonly line?: number | undefined;
      readonly detail?: string | undefined;
    };

/** Files whose documents say their ids themselves, instead of being named after the file. */
export function namesItsDocuments(kind: FileKind): boolean {
  return kind === "json" || kind === "ndjson";
}

export async function* partsOf(file: FoundFile, reader: FileReader): AsyncGenerator<ReadPart> {
  try {
    const handle = await openPlain(file.path, file.followLinks);
    try {
      const before = await stampOf(handle);
      if (file.kind === "ndjson") {
        yield* linesAsParts(handle.createReadStream({ autoClose: false }));
        yield* changeSince(before, handle);
      } else {
        const bytes = await readBounded(handle, limits.ingestFileBytesMax);
        yield* changeSince(before, handle);
        yield* await reader.documentsOf(file, bytes);
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    yield failed(error, file);
  }
}

/**
 * Of a file that somebody writes a part was read, or parts of two versions: a program that writes
 * line by line leaves only whole lines, so nothing else would tell.
 */
async function* changeSince(before: string, handle: FileHandle): AsyncGenerator<ReadPart> {
  if ((await stampOf(handle)) !== before) yield { skipped: "changed" };
}

async function stampOf(handle: FileHandle): Promise<string> {
  return fileInfo(await handle.stat({ bigint: true })).stamp;
}

function failed(error: unknown, file: FoundFile): ReadPart {
  if (error instanceof FileProblem) return { skipped: error.reason, detail: error.message };
  // Only the system's errors have a code: the rest is a reader that broke on this content.
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) return { skipped: "broken" };
  const { reason, detail } = problemOf(error, file.path, undefined);
  return { skipped: reason, detail };
}

export async function* linesAsParts(
  stream: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<ReadPart> {
  let count = 0;
  for await (const line of linesOf(stream, limits.docsMessageBytesMax)) {
    count += 1;
    const part: ReadPart = "problem" in line ? { skipped: line.problem } : lineDocument(line.text);
    yield { ...part, line: line.number };
  }
  if (count === 0) yield { skipped: "empty" };
}
