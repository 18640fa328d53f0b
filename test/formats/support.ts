/** Files as a test writes them, and what a reader makes of them. */

import { kindOf } from "../../src/ingest/formats/kinds.ts";
import type {
  CorpusDocument,
  FileReader,
  Part,
  SkipReason,
} from "../../src/ingest/formats/port.ts";

export interface ReadFile {
  readonly documents: readonly CorpusDocument[];
  readonly skipped: readonly SkipReason[];
}

/** @throws Error for a name of no kind that is read */
export async function readNamed(
  reader: FileReader,
  name: string,
  content: string | Uint8Array,
): Promise<ReadFile> {
  const kind = kindOf(name);
  if (kind === undefined) throw new Error(`${name} is no file that is read`);
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const parts = await reader.documentsOf({ id: name, source: `/files/${name}`, kind }, bytes);
  return split(parts);
}

function split(parts: readonly Part[]): ReadFile {
  return {
    documents: parts.flatMap((part) => ("document" in part ? [part.document] : [])),
    skipped: parts.flatMap((part) => ("skipped" in part ? [part.skipped] : [])),
  };
}
