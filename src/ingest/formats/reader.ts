/** The reader of files: text is read here, everything else by a library in a process of its own. */

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { isDocumentId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { cutText } from "../../contract/well-formed.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import { otherContent } from "./content-signs.ts";
import { Conversion } from "./conversion.ts";
import { type ConvertedPart, isConverted, Unreadable } from "./convert.ts";
import { convertFile } from "./converters.ts";
import { timestampOf } from "./dates.ts";
import { decodeText } from "./decode.ts";
import { documentMetadata } from "./document-metadata.ts";
import { jsonParts, ndjsonParts } from "./json.ts";
import type { CorpusFile, FileKind, FileReader, Part } from "./port.ts";
import { createDoclingParser, type RemoteParserOptions } from "./remote-parser.ts";
import { splitText } from "./split.ts";

/** Kinds that our own code reads in time linear in the file: few of them need a process. */
const readHere: ReadonlySet<FileKind> = new Set([
  "markdown",
  "mdx",
  "asciidoc",
  "rst",
  "subtitles",
]);

/** Plain text is copied; of the others a large one may need more memory than an import has. */
export function isReadHere(kind: FileKind, bytes: number): boolean {
  return kind === "text" || (readHere.has(kind) && bytes <= limits.readHereBytesMax);
}

export interface FileReaderOptions {
  readonly clock?: Clock | undefined;
  /** Reads what has no text layer. */
  readonly parser?: RemoteParserOptions | undefined;
  /** Bytes of text of one document; a longer file becomes several. */
  readonly documentTextBytesMax?: number | undefined;
}

export function openFileReader(options: FileReaderOptions = {}): FileReader {
  const { clock = systemClock, parser } = options;
  const remote = parser === undefined ? undefined : createDoclingParser(parser);
  const { documentTextBytesMax = limits.documentTextBytesMax } = options;
  const conversion = new Conversion({
    fork: forkConverter,
    clock,
    limits: {
      readyMs: limits.conversionReadyMs,
      deadlineMs: limits.conversionDeadlineMs,
      attemptsMax: limits.conversionAttemptsMax,
    },
  });
  return {
    async documentsOf(file, bytes) {
      const { kind } = file;
      if (kind === "json" || kind === "ndjson") return operations(kind, bytes);
      const request = { kind, bytes };
      const parts = isReadHere(kind, bytes.length)
        ? await convertFile(request)
        : await conversion.convert(request);
      // Files that are attached to a scan follow it.
      const [pages, ...others] = parts;
      const isScan =
        kind === "pdf" && pages !== undefined && !isConverted(pages) && pages.skipped === "scan";
      const read =
        isScan && remote !== undefined ? [...(await remote.parse(file, bytes)), ...others] : parts;
      return documents(file, read, documentTextBytesMax);
    },
    close: () => conversion.close(),
  };
}

function forkConverter() {
  return fork(fileURLToPath(new URL("./convert-worker.ts", import.meta.url)), {
    serialization: "advanced",
    execArgv: [
      // What a file makes a library do, it can not do to this machine: no writing, no programs.
      "--permission",
      "--allow-fs-read=*",
      "--allow-worker",
      `--max-old-space-size=${limits.conversionHeapMiBMax}`,
    ],
    // What a library that dies has to say is not for the one who imports.
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
}

function operations(kind: "json" | "ndjson", bytes: Uint8Array): readonly Part[] {
  try {
    const text = decodeText(bytes);
    return kind === "json" ? jsonParts(text) : ndjsonParts(text);
  } catch (error) {
    if (error instanceof Unreadable) {
      const detail = otherContent(kind, bytes) ?? error.detail;
      return [{ skipped: error.reason, detail }];
    }
    throw error;
  }
}

/** Each gets an id of its own: that of the file, of a part of it, of a piece of a long text. */
function documents(
  file: CorpusFile,
  parts: readonly ConvertedPart[],
  textBytesMax: number,
): readonly Part[] {
  const ids = new IdsOfFile(file.id);
  const name = file.id.split("/").at(-1) ?? file.id;
  return parts.flatMap((part): readonly Part[] => {
    if (!isConverted(part)) return [part];
    const pieces = splitText(part.text, textBytesMax);
    if (pieces.length === 0) return [{ skipped: "empty" }];
    const timestamp = timestampOf(part.date);
    return pieces.map((text, index) => {
      const metadata = documentMetadata(part.metadata ?? {}, { index, count: pieces.length });
      return {
        document: {
          id: ids.next(part.part),
          text,
          title: cutText(shownTitle(part.title, name), titleCharsMax),
          source: file.source,
          ...(timestamp === undefined ? {} : { timestamp }),
          ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
        },
      };
    });
  });
}

const titleCharsMax = 300;

function shownTitle(title: string | undefined, name: string): string {
  const line = title?.replace(/\s+/g, " ").trim() ?? "";
  return line === "" ? name : line;
}

/** The first document is called as its file: most files have no other. */
class IdsOfFile {
  readonly #file: string;
  readonly #given = new Set<string>();

  constructor(file: string) {
    this.#file = file;
  }

  next(part: string | undefined): string {
    const number = this.#given.size + 1;
    const plain = number === 1 ? this.#file : `${this.#file}#${number}`;
    const named = part === undefined ? plain : `${this.#file}#${part}`;
    const id = !this.#given.has(named) && isDocumentId(named) ? named : `${named}#${number}`;
    const chosen = isDocumentId(id) ? id : plain;
    this.#given.add(chosen);
    return chosen;
  }
}
