/**
 * Folders and files to documents, lazily: one file is in memory at a time.
 *
 * Owns: what the files of one run are called, that each id comes from one file, and what was left
 * out. A failure concerns one file; the run ends for none.
 */

import { lstatSync, statSync } from "node:fs";
import { join } from "node:path";
import { isDocumentId } from "../../contract/ids.ts";
import { withoutEnd } from "../../contract/without-end.ts";
import { kindOf } from "../../ingest/formats/kinds.ts";
import { extensionOf, wayFor } from "../../ingest/formats/other-kinds.ts";
import type { CorpusDocument, FileKind, FileReader } from "../../ingest/formats/port.ts";
import { openFileReader } from "../../ingest/formats/reader.ts";
import { systemClock } from "../../runtime/clock.ts";
import { usageError } from "../exit.ts";
import type { FileMemory } from "./file-memory.ts";
import {
  type FoundFile,
  linesAsParts,
  namesItsDocuments,
  partsOf,
  type ReadPart,
} from "./parts.ts";
import { type Problem, Problems, type SkipReason, shownPath } from "./problems.ts";
import { asId, nameRoots, type Root } from "./roots.ts";
import { Selection, type SelectionOptions } from "./selection.ts";
import { type FileInfo, fileInfo, walk } from "./walk.ts";

export interface CorpusOptions extends SelectionOptions {
  /** Only files of these kinds; all that can be read unless given. */
  readonly kinds?: readonly FileKind[] | undefined;
  readonly maxDocuments?: number | undefined;
  /** An estimate, four bytes each: it chooses how much to read, and nothing depends on it. */
  readonly maxTokens?: number | undefined;
  /** `smallest`: short files first, so that a bound gives many documents. Otherwise by path. */
  readonly order?: "smallest" | "path" | undefined;
  /** In front of every id that comes from a path. */
  readonly prefix?: string | undefined;
  readonly followLinks?: boolean | undefined;
  /** Reads the files; one with the default settings unless given. */
  readonly reader?: FileReader | undefined;
  /** Files that need not be read again. */
  readonly memory?: FileMemory | undefined;
}

export interface Corpus {
  /** Documents in order; each iteration reads the files again. */
  readonly documents: AsyncIterable<CorpusDocument>;
  /** Files that will be read: what a progress bar can promise. */
  readonly files: number;
  /** Grows while `documents` is read; files of other types are counted from the start. */
  readonly skipped: ReadonlyMap<SkipReason, number>;
  readonly problems: Problems;
  /** A document that the engine would refuse joins the problems, with its place. */
  readonly refused: (document: CorpusDocument, why: Refusal) => void;
  /** Left out by globs and ignore files; a folder counts once. */
  readonly excluded: number;
  /** What the source holds, once `documents` was read. */
  readonly contents: Contents;
  /** Every folder that was listed. */
  readonly folders: readonly Buffer[];
  readonly roots: readonly Root[];
  /** Whether a file of this id will be read, whatever it holds. */
  readonly isFound: (id: string) => boolean;
  readonly found: readonly FoundFile[];
  /** When the search for files began, by the clock of this machine. */
  readonly begunMs: number;
}

export interface Refusal {
  readonly reason: SkipReason;
  readonly detail: string;
}

/** Which documents the files hold, as far as they could be read. */
export interface Contents {
  readonly ids: ReadonlyMap<string, unknown>;
  /** Ids of files, and beginnings of ids of folders, that are there but could not be read. */
  readonly unread: readonly string[];
  /** Files of documents with ids of their own, and folders, that could not be read whole. */
  readonly unknown: readonly string[];
}

const bytesPerToken = 4;

/** @throws CliError usage when the path is not there */
export async function readCorpus(path: string, options: CorpusOptions = {}): Promise<Corpus> {
  return readCorpora([path], options);
}

/** Several roots as one corpus. @throws CliError usage when one is not there */
export async function readCorpora(
  paths: readonly string[],
  options: CorpusOptions = {},
): Promise<Corpus> {
  const roots = nameRoots(paths, { isFolder, prefix: options.prefix });
  const reading = new CorpusReading(options);
  for (const root of roots) await reading.find(root);
  return reading.corpus(roots);
}

/** NDJSON from a stream, such as standard input. */
export function readStream(stream: AsyncIterable<Uint8Array | string>): Corpus {
  const reading = new CorpusReading({});
  return reading.streamed(stream);
}

function isFolder(path: string): boolean {
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined) throw usageError(`there is no ${shownPath(path)}`);
  return info.isDirectory();
}

class CorpusReading {
  readonly #options: CorpusOptions;
  readonly #problems = new Problems();
  readonly #files: FoundFile[] = [];
  readonly #folders: Buffer[] = [];
  /** Which file a document comes from, so that no second one replaces it. */
  readonly #owners = new Map<string, string>();
  /** Where a document that somebody still holds was read. */
  readonly #places = new WeakMap<CorpusDocument, Pick<Problem, "file" | "line">>();
  readonly #unread: string[] = [];
  readonly #unknown: string[] = [];
  readonly #begunMs = systemClock.nowMs();
  #excluded = 0;

  constructor(options: CorpusOptions) {
    this.#options = options;
  }

  async find(root: Root): Promise<void> {
    const path = Buffer.from(root.absolute);
    if (!isFolder(root.given)) {
      const info = statSync(path, { bigint: true });
      if (!info.isFile()) {
        this.#leaveOut(root, { path, reason: "special", name: "" });
        return;
      }
      // A link that was named is meant.
      const isLink = lstatSync(path).isSymbolicLink();
      this.#found(root, { path, name: "", followLinks: isLink, info: fileInfo(info) });
      return;
    }
    const { followLinks = false } = this.#options;
    const selection = new Selection(this.#options);
    for await (const entry of walk(path, { selection, followLinks })) {
      switch (entry.kind) {
        case "file":
          this.#found(root, { ...entry, followLinks });
          break;
        case "folder":
          this.#folders.push(entry.path);
          break;
        case "excluded":
          this.#excluded += 1;
          break;
        case "problem":
          this.#leaveOut(root, entry);
          break;
      }
    }
  }

  corpus(roots: readonly Root[]): Corpus {
    const files = choose(this.#files, this.#options);
    return this.#made(files.length, roots, () => this.#readFiles(files));
  }

  streamed(stream: AsyncIterable<Uint8Array | string>): Corpus {
    const read = async function* (this: CorpusReading): AsyncGenerator<CorpusDocument> {
      for await (const part of linesAsParts(stream)) {
        const document = this.#taken(part, "-");
        if (document !== undefined) yield document;
      }
    };
    return this.#made(1, [], read.bind(this));
  }

  #made(
    files: number,
    roots: readonly Root[],
    documents: () => AsyncGenerator<CorpusDocument>,
  ): Corpus {
    let found: ReadonlySet<string> | undefined;
    return {
      files,
      roots,
      isFound: (id) => {
        found ??= new Set(this.#files.map((file) => file.id));
        return found.has(id);
      },
      begunMs: this.#begunMs,
      documents: { [Symbol.asyncIterator]: documents },
      skipped: this.#problems.counts,
      problems: this.#problems,
      refused: (document, why) => this.#refused(document, why),
      excluded: this.#excluded,
      contents: { ids: this.#owners, unread: this.#unread, unknown: this.#unknown },
      folders: this.#folders,
      found: this.#files,
    };
  }

  /** Files may hold thousands of documents: the id says which one it is. */
  #refused(document: CorpusDocument, { reason, detail }: Refusal): void {
    const { id } = document;
    const { file = "-", line } = this.#places.get(document) ?? {};
    const name = typeof id === "string" && !file.endsWith(id) ? `${shownPath(id)}: ` : "";
    this.#problems.add({ file, line, reason, detail: `${name}${detail}` });
  }

  #found(
    root: Root,
    entry: {
      readonly path: Buffer;
      readonly name: string;
      readonly info: FileInfo;
      readonly followLinks: boolean;
    },
  ): void {
    const { path, name, info, followLinks } = entry;
    const kind = kindOf(name === "" ? root.absolute : name);
    const { kinds } = this.#options;
    if (kind === undefined || (kinds !== undefined && !kinds.includes(kind))) {
      const detail = kind === undefined ? wayFor(extensionOf(root.name + name)) : undefined;
      return this.#leaveOut(root, { path, reason: "type", name, detail });
    }
    const id = asId(root.name + name);
    if (!isDocumentId(id) && !namesItsDocuments(kind)) {
      const detail = "a document id is 1-512 bytes without control characters";
      return this.#leaveOut(root, { path, reason: "name", name, detail });
    }
    const source = name === "" ? root.given : join(root.given, name);
    this.#files.push({ path, id, source, kind, info, followLinks });
  }

  #leaveOut(
    root: Root,
    {
      path,
      reason,
      name,
      detail,
      isLink,
    }: {
      readonly path: Buffer;
      readonly reason: SkipReason;
      readonly name: string | undefined;
      readonly detail?: string | undefined;
      readonly isLink?: true | undefined;
    },
  ): void {
    this.#problems.add({ file: shownIn(root, path), reason, detail });
    if (reason !== "unreadable" && reason !== "vanished" && isLink !== true) return;
    const id = asId(root.name + (name === "/" ? "" : (name ?? "")));
    const kind = kindOf(name ?? "");
    this.#unread.push(id);
    // Whether it led to a file or to a folder cannot be seen any more.
    if (isLink === true) this.#unread.push(`${id}/`);
    // A folder may hold files whose documents have ids of their own. Not so a link that leads
    // nowhere: most are left over, and would hold up every mirror.
    const isFolder = name?.endsWith("/") === true || (isLink === true && reason !== "link");
    if (isFolder || (kind !== undefined && namesItsDocuments(kind))) {
      this.#unknown.push(shownIn(root, path));
    }
  }

  async *#readFiles(files: readonly FoundFile[]): AsyncGenerator<CorpusDocument> {
    const { maxDocuments = Number.POSITIVE_INFINITY, maxTokens = Number.POSITIVE_INFINITY } =
      this.#options;
    let documents = 0;
    let tokens = 0;
    // Another iteration reads all again, so nothing is a collision with the one before.
    this.#owners.clear();
    const { reader = openFileReader() } = this.#options;
    for (const file of files) {
      for await (const document of this.#readFile(file, reader)) {
        if (documents >= maxDocuments || tokens >= maxTokens) return;
        documents += 1;
        const { text } = document;
        tokens += typeof text === "string" ? text.length / bytesPerToken : 0;
        yield document;
      }
    }
  }

  async *#readFile(file: FoundFile, reader: FileReader): AsyncGenerator<CorpusDocument> {
    const { memory } = this.#options;
    const known = memory?.idsOf(file.path, file.info);
    // The version that the log has of an id is that of the file that came first.
    if (known?.every((id) => !this.#owners.has(id)) === true) {
      for (const id of known) this.#owners.set(id, file.source);
      return;
    }
    const ids: string[] = [];
    let isWhole = true;
    for await (const part of partsOf(file, reader)) {
      const document = this.#taken(part, file.source);
      if (document === undefined) {
        if ("skipped" in part && part.skipped === "repeated") continue;
        isWhole = false;
        this.#keepUnread(file, part);
        continue;
      }
      if (typeof document["id"] === "string") ids.push(document["id"]);
      yield document;
    }
    this.#unread.push(...(memory?.onItsWay(file.path, file.info, ids) ?? []));
    if (isWhole) memory?.remember(file.path, file.info, ids);
    else memory?.readAgain(file.path);
  }

  /** What could not be read may be there all the same: its documents stay. */
  #keepUnread(file: FoundFile, part: ReadPart): void {
    if (!("skipped" in part) || part.skipped === "empty") return;
    if (namesItsDocuments(file.kind)) this.#unknown.push(file.source);
    else this.#unread.push(file.id);
  }

  /** The document if it is the first file's with this id. */
  #taken(part: ReadPart, source: string): CorpusDocument | undefined {
    if ("skipped" in part) {
      const { skipped: reason, line, detail } = part;
      this.#problems.add({ file: source, reason, line, detail } satisfies Problem);
      return undefined;
    }
    const { document, line } = part;
    const { id } = document;
    this.#places.set(document, { file: source, line });
    if (typeof id !== "string") return document;
    const owner = this.#owners.get(id);
    if (owner !== undefined && owner !== source) {
      const detail = `${shownPath(owner)} has the id ${shownPath(id)}, too`;
      this.#problems.add({ file: source, reason: "collision", line, detail });
      return undefined;
    }
    // Within one file of operations a later line may take a document away, or bring it back.
    if (document["op"] === "delete") this.#owners.delete(id);
    else this.#owners.set(id, source);
    return document;
  }
}

function choose(files: readonly FoundFile[], options: CorpusOptions): readonly FoundFile[] {
  const { order, maxDocuments = Number.POSITIVE_INFINITY } = options;
  if (order !== "smallest") return files;
  const sorted = files.toSorted((a, b) => a.info.bytes - b.info.bytes || (a.id < b.id ? -1 : 1));
  // Files with nothing in them would only use up the bound.
  return sorted.filter(({ info }) => info.bytes > 0).slice(0, maxDocuments);
}

function shownIn(root: Root, path: Buffer): string {
  const below = path.subarray(Buffer.byteLength(root.absolute));
  return shownPath(Buffer.concat([Buffer.from(withoutEnd(root.given, "/")), below]));
}
