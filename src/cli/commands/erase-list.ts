/**
 * The ids of documents that are erased together: a line each, as it is, or as JSON. A line that
 * begins with `{` or `"` is JSON.
 */

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { type DocumentId, isDocumentId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { usageError } from "../exit.ts";
import type { Terminal } from "../terminal.ts";

/** In their order, each once; empty lines count for nothing. @throws CliError */
export async function readIds(
  file: string,
  { stdin }: Pick<Terminal, "stdin">,
): Promise<readonly DocumentId[]> {
  const ids = new Set<DocumentId>();
  const input = Readable.from(decoded(file === "-" ? stdin : createReadStream(file)));
  let number = 0;
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      if (line === "") continue;
      ids.add(idIn(line, number));
      if (ids.size > limits.eraseListMax) {
        throw usageError(`these are more than ${limits.eraseListMax} ids: erase them in parts`);
      }
    }
  } catch (thrown) {
    if (thrown instanceof Error && "syscall" in thrown) throw usageError(`${file} cannot be read`);
    throw thrown;
  }
  if (ids.size === 0) throw usageError("the list names no document");
  return [...ids];
}

/**
 * UTF-8 alone, without the mark that some editors begin a file with: an id that was read as another
 * one would be erased in vain, and nobody would hear of it.
 */
async function* decoded(parts: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const read = (part?: Uint8Array): string => {
    try {
      return decoder.decode(part, { stream: part !== undefined });
    } catch {
      throw usageError("the list is not UTF-8");
    }
  };
  for await (const part of parts) yield read(typeof part === "string" ? Buffer.from(part) : part);
  yield read();
}

/** The line itself is not repeated: an id may be what has to go. */
function idIn(line: string, number: number): DocumentId {
  const id = line.startsWith("{") || line.startsWith('"') ? idOfJson(line) : line;
  if (typeof id === "string" && isDocumentId(id)) return id;
  throw usageError(
    `line ${number} is no id (1-512 bytes without control characters), nor JSON of one`,
  );
}

function idOfJson(line: string): unknown {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null) return value;
    return "id" in value ? value.id : undefined;
  } catch {
    return undefined;
  }
}
