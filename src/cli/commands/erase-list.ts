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
  const input = file === "-" ? Readable.from(stdin) : createReadStream(file);
  let number = 0;
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      // Editors of Windows begin a file with a mark, which is in no id.
      const plain = number === 1 ? line.replace(/^\ufeff/, "") : line;
      if (plain === "") continue;
      ids.add(idIn(plain, number));
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
 * The line itself is not repeated: an id may be what has to go. One in another charset would name
 * a document that is not there, and the receipt would say that nothing of it is left.
 */
function idIn(line: string, number: number): DocumentId {
  if (line.includes("\ufffd")) {
    throw usageError(`line ${number} is no UTF-8 (JSON may name an id that holds \\ufffd itself)`);
  }
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
