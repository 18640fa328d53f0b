/** Files that come with another: those of a mail, and those within a PDF. */

import { limits } from "../../contract/limits.ts";
import { type Converted, type ConvertedPart, isConverted } from "./convert.ts";
import type { FileKind } from "./port.ts";

/** Reads an attachment as the file that it is; `depth` counts mails within mails. */
export type ReadAttachment = (
  file: { readonly kind: FileKind; readonly bytes: Uint8Array },
  depth: number,
) => Promise<readonly ConvertedPart[]>;

export interface AttachedContext {
  readonly depth: number;
  readonly readAttachment: ReadAttachment;
}

export interface AttachedFile {
  readonly name: string;
  /** How it is called where it is left out. */
  readonly shownName: string;
  readonly kind: FileKind | undefined;
  readonly bytes: () => Uint8Array | Promise<Uint8Array>;
}

/** Operations of a publisher, not documents: what comes so may not delete anything. */
const neverAttached: ReadonlySet<FileKind> = new Set(["json", "ndjson"]);

export async function attachedParts(
  files: readonly AttachedFile[],
  { depth, readAttachment }: AttachedContext,
): Promise<readonly ConvertedPart[]> {
  const parts: ConvertedPart[] = [];
  for (const [index, { name, shownName, kind, bytes }] of files.entries()) {
    const detail = `its attachment ${JSON.stringify(shownName)}`;
    if (kind === undefined || neverAttached.has(kind)) {
      parts.push({ skipped: "type", detail });
    } else if (index >= limits.attachmentsMax || depth >= limits.attachmentDepthMax) {
      parts.push({ skipped: "size", detail });
    } else {
      const read = await readAttachment({ kind, bytes: await bytes() }, depth + 1);
      parts.push(
        ...read.map((part) => {
          if (isConverted(part)) return named(part, name);
          const why = part.detail === undefined ? detail : `${detail}: ${part.detail}`;
          return { ...part, detail: why };
        }),
      );
    }
  }
  return parts;
}

function named(document: Converted, name: string): Converted {
  const { part, title, metadata = {} } = document;
  return {
    ...document,
    title: title ?? name,
    part: part === undefined ? name : `${name}/${part}`,
    metadata: { ...metadata, attachment: name },
  };
}
