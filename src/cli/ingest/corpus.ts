/** Folders and files to documents, lazily: one file is in memory at a time. */

import { open, readdir, readFile, stat } from "node:fs/promises";
import { basename, join, relative, resolve, sep } from "node:path";
import { limits } from "../../contract/limits.ts";
import { lineDocument } from "../../formats/json.ts";
import { kindOf } from "../../formats/kinds.ts";
import type {
  CorpusDocument,
  CorpusFile,
  FileKind,
  FileReader,
  Part,
  SkipReason,
} from "../../formats/port.ts";
import { openFileReader } from "../../formats/reader.ts";
import { usageError } from "../exit.ts";

export interface CorpusOptions {
  /** Only files of these kinds; all that can be read unless given. */
  readonly kinds?: readonly FileKind[] | undefined;
  readonly maxDocuments?: number | undefined;
  /** An estimate, four bytes each: it chooses how much to read, and nothing depends on it. */
  readonly maxTokens?: number | undefined;
  /** `smallest`: short files first, so that a bound gives many documents. Otherwise by path. */
  readonly order?: "smallest" | "path" | undefined;
  /** Reads the files; one with the default settings unless given. */
  readonly reader?: FileReader | undefined;
}

export interface Corpus {
  /** Documents in order; each iteration reads the files again. */
  readonly documents: AsyncIterable<CorpusDocument>;
  /** Files that will be read: what a progress bar can promise. */
  readonly files: number;
  /** Grows while `documents` is read; files of other types are counted from the start. */
  readonly skipped: Map<SkipReason, number>;
}

interface FoundFile extends CorpusFile {
  readonly path: string;
  readonly bytes: number;
}

/** NDJSON may be long and is read by line; every other file is one value in memory. */
const wholeFileBytesMax = limits.httpNdjsonBytesMax;
const bytesPerToken = 4;

/** @throws CliError usage when the path is not there */
export async function readCorpus(path: string, options: CorpusOptions = {}): Promise<Corpus> {
  const skipped = new Map<SkipReason, number>();
  const skip = (reason: SkipReason, by = 1) => skipped.set(reason, (skipped.get(reason) ?? 0) + by);
  const { files, others } = await findFiles(path);
  if (others > 0) skip("type", others);
  const { kinds } = options;
  const wanted = kinds === undefined ? files : files.filter(({ kind }) => kinds.includes(kind));
  if (wanted.length < files.length) skip("type", files.length - wanted.length);
  const ordered = choose(wanted, options);
  return {
    files: ordered.length,
    skipped,
    documents: { [Symbol.asyncIterator]: () => readFiles(ordered, options, skip) },
  };
}

/** NDJSON from a stream, such as standard input. */
export function readStream(stream: AsyncIterable<Uint8Array | string>): Corpus {
  const skipped = new Map<SkipReason, number>();
  async function* documents(): AsyncGenerator<CorpusDocument> {
    for await (const line of linesOf(stream)) {
      const part = lineDocument(line);
      if ("document" in part) yield part.document;
      else skipped.set(part.skipped, (skipped.get(part.skipped) ?? 0) + 1);
    }
  }
  return { files: 1, skipped, documents: { [Symbol.asyncIterator]: documents } };
}

async function findFiles(root: string): Promise<{ files: FoundFile[]; others: number }> {
  const info = await stat(root).catch(() => undefined);
  if (info === undefined) throw usageError(`there is no ${root}`);
  const absolute = resolve(root);
  if (!info.isDirectory()) {
    const file = foundFile(absolute, { root, id: basename(absolute), bytes: info.size });
    return file === undefined ? { files: [], others: 1 } : { files: [file], others: 0 };
  }
  const files: FoundFile[] = [];
  let others = 0;
  for await (const path of walk(absolute)) {
    const id = relative(absolute, path).split(sep).join("/");
    const { size: bytes } = await stat(path);
    const file = foundFile(path, { root: join(root, id), id, bytes });
    if (file === undefined) others += 1;
    else files.push(file);
  }
  return { files, others };
}

function foundFile(
  path: string,
  { root, id, bytes }: { root: string; id: string; bytes: number },
): FoundFile | undefined {
  const kind = kindOf(path);
  return kind === undefined ? undefined : { path, source: root, id, kind, bytes };
}

/**
 * Symbolic links are not followed: they may lead in circles. Hidden folders are tools' business.
 */
async function* walk(folder: string): AsyncGenerator<string> {
  const inModules = folder.split(sep).includes("node_modules");
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith(".")) continue;
    if (entry.isFile()) yield path;
    if (entry.isDirectory() && (inModules || entry.name !== "node_modules")) yield* walk(path);
  }
}

function choose(files: readonly FoundFile[], options: CorpusOptions): readonly FoundFile[] {
  const { order, maxDocuments = Number.POSITIVE_INFINITY } = options;
  if (order !== "smallest") return files;
  const sorted = files.toSorted((a, b) => a.bytes - b.bytes || (a.id < b.id ? -1 : 1));
  // Files with nothing in them would only use up the bound.
  return sorted.filter(({ bytes }) => bytes > 0).slice(0, maxDocuments);
}

async function* readFiles(
  files: readonly FoundFile[],
  options: CorpusOptions,
  skip: (reason: SkipReason) => void,
): AsyncGenerator<CorpusDocument> {
  const { maxDocuments = Number.POSITIVE_INFINITY, maxTokens = Number.POSITIVE_INFINITY } = options;
  const { reader = openFileReader() } = options;
  let documents = 0;
  let tokens = 0;
  for (const file of files) {
    for await (const part of partsOf(file, reader)) {
      if (documents >= maxDocuments || tokens >= maxTokens) return;
      if ("skipped" in part) {
        skip(part.skipped);
        continue;
      }
      documents += 1;
      const { text } = part.document;
      tokens += typeof text === "string" ? text.length / bytesPerToken : 0;
      yield part.document;
    }
  }
}

async function* partsOf(file: FoundFile, reader: FileReader): AsyncGenerator<Part> {
  if (file.kind === "ndjson") {
    const handle = await open(file.path);
    for await (const line of linesOf(handle.createReadStream())) yield lineDocument(line);
  } else if (file.bytes > wholeFileBytesMax) {
    yield { skipped: "size" };
  } else {
    yield* await reader.documentsOf(file, await readFile(file.path));
  }
}

async function* linesOf(stream: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    rest += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield line;
  }
  if (rest.trim() !== "") yield rest;
}
