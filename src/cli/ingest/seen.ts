/**
 * What this machine published before: for each document the digest of what was sent and the version
 * that it became. A memory of the publisher only: whether a document is unchanged is decided by the
 * version that the log has now (tenant-state.ts), and losing this file costs work, never
 * correctness.
 *
 * A journal: a line is written before a document is sent for the first time and after each receipt,
 * so that a run that is killed leaves behind what it did. It is written anew, short, when a run
 * ends well.
 *
 *   JN1  the digest and version of an entry belong to one publish whose receipt was read;
 *   JN2  it belongs to one log: sequences of another incarnation, or past its end, mean another log
 *        or one that lost its tail, and then nothing counts as published;
 *   JN3  several runs of one tenant may have it open: each adds its lines to the file that is
 *        there, and writes anew what it finds there with its own changes on top.
 */

import { createHash } from "node:crypto";
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { incarnationOf, type TenantId, type Version } from "../../contract/ids.ts";
import { makeFolder } from "../../runtime/make-folder.ts";

const format = 2;
const headSchema = z.object({ format: z.literal(format), deployment: z.string() });
const lineSchema = z.object({
  id: z.string(),
  /** Absent where nothing is known but that the document came from here. */
  digest: z.string().optional(),
  version: z.int().min(0).optional(),
  /** The document was refused or taken away. */
  gone: z.literal(true).optional(),
});

export interface SeenEntry {
  /** Of the content that was sent; undefined until a receipt came. */
  readonly digest?: string | undefined;
  /** Undefined when the publish may have been taken for a repetition of an earlier one. */
  readonly version?: Version | undefined;
}

/** Tells logs apart: a memory of one says nothing of another. */
export interface SeenLog {
  readonly deployment: string;
  /** Asked when the memory was read: another run may write of what it publishes meanwhile. */
  readonly lastSequence: () => Promise<number>;
}

export function seenPath(dataDir: string, tenant: TenantId): string {
  return join(dataDir, `ingested-${tenant}.ndjson`);
}

export class Seen {
  readonly #path: string | undefined;
  readonly #deployment: string;
  readonly #entries: Map<string, SeenEntry>;
  /** Of this run; null for what is gone. */
  readonly #changes = new Map<string, SeenEntry | null>();
  #file: number | undefined;

  private constructor(
    path: string | undefined,
    deployment: string,
    entries: Map<string, SeenEntry>,
  ) {
    this.#path = path;
    this.#deployment = deployment;
    this.#entries = entries;
  }

  /** Without a path nothing is remembered beyond the run. */
  static async open(path: string | undefined, log: SeenLog): Promise<Seen> {
    const entries = await entriesOf(path, log);
    const seen = new Seen(path, log.deployment, entries ?? new Map<string, SeenEntry>());
    // What does not belong to this log, or is no journal, is not appended to.
    if (path !== undefined && entries === undefined) seen.#rewrite();
    return seen;
  }

  /** What a run would find; it changes nothing on disk. */
  static async peek(path: string | undefined, log: SeenLog): Promise<Seen> {
    const entries = await entriesOf(path, log);
    return new Seen(undefined, log.deployment, entries ?? new Map<string, SeenEntry>());
  }

  get(id: string): SeenEntry | undefined {
    return this.#entries.get(id);
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  ids(): Iterable<string> {
    return this.#entries.keys();
  }

  /** Before the first publish of a document: from now on it is known to come from here. */
  intend(id: string): void {
    if (!this.#entries.has(id)) this.#put(id, {});
  }

  put(id: string, entry: SeenEntry): void {
    this.#put(id, entry);
  }

  /** Refused, or taken away: what is sent next is new. */
  forget(id: string): void {
    if (!this.#entries.delete(id)) return;
    this.#changes.set(id, null);
    this.#append({ id, gone: true });
  }

  /** Ends the journal; also after a failure. */
  close(): void {
    if (this.#file === undefined) return;
    closeSync(this.#file);
    this.#file = undefined;
    this.#rewrite(readJournal(this.#path as string, this.#deployment)?.entries);
  }

  #put(id: string, entry: SeenEntry): void {
    this.#entries.set(id, entry);
    this.#changes.set(id, entry);
    this.#append({ id, ...entry });
  }

  #append(line: z.infer<typeof lineSchema>): void {
    if (this.#path === undefined) return;
    // Another run has put its own in the place of this file (JN3).
    if (this.#file !== undefined && fstatSync(this.#file).nlink === 0) {
      closeSync(this.#file);
      this.#file = undefined;
    }
    if (this.#file === undefined) {
      this.#file = openSync(this.#path, "a", 0o600);
      // A run that was killed may have left half a line: what follows is not to be lost with it.
      writeSync(this.#file, "\n");
    }
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  /** @param found what the file holds now */
  #rewrite(found?: ReadonlyMap<string, SeenEntry>): void {
    const path = this.#path as string;
    makeFolder(dirname(path), 0o700);
    const draft = `${path}.${process.pid}`;
    const head = JSON.stringify({ format, deployment: this.#deployment });
    const entries = found === undefined ? this.#entries : withChanges(found, this.#changes);
    const lines = [...entries].map(([id, entry]) => JSON.stringify({ id, ...entry }));
    writeFileSync(draft, `${[head, ...lines].join("\n")}\n`, { mode: 0o600 });
    renameSync(draft, path);
  }
}

/** Of two runs that published one document the newer version counts, and what is known at all. */
function counts({ digest, version }: SeenEntry, other: SeenEntry | undefined): boolean {
  if (other === undefined) return true;
  return digest !== undefined && (version === undefined || version >= (other.version ?? 0));
}

function withChanges(
  found: ReadonlyMap<string, SeenEntry>,
  changes: ReadonlyMap<string, SeenEntry | null>,
): ReadonlyMap<string, SeenEntry> {
  const entries = new Map(found);
  for (const [id, entry] of changes) {
    if (entry === null) entries.delete(id);
    else if (counts(entry, entries.get(id))) entries.set(id, entry);
  }
  return entries;
}

/** Undefined when there is none that belongs to this log. */
async function entriesOf(
  path: string | undefined,
  { deployment, lastSequence }: SeenLog,
): Promise<Map<string, SeenEntry> | undefined> {
  const read = path === undefined ? undefined : readJournal(path, deployment);
  const last = await lastSequence();
  if (read === undefined) return undefined;
  const { entries, newest } = read;
  const isSameLog =
    newest === 0 || (incarnationOf(newest) === incarnationOf(last) && newest <= last);
  return isSameLog ? entries : undefined;
}

/** Undefined when there is none, or that of another deployment. */
function readJournal(path: string, deployment: string) {
  try {
    const [head = "", ...lines] = readFileSync(path, "utf8").split("\n");
    if (headSchema.parse(JSON.parse(head)).deployment !== deployment) return undefined;
    const entries = new Map<string, SeenEntry>();
    let newest = 0;
    for (const line of lines) {
      const { id, gone, digest, version } = parsed(line) ?? {};
      if (id === undefined) continue;
      newest = Math.max(newest, version ?? 0);
      const entry = { digest, version: version as Version | undefined };
      if (gone === true) entries.delete(id);
      else if (counts(entry, entries.get(id))) entries.set(id, entry);
    }
    return { entries, newest };
  } catch {
    return undefined;
  }
}

/** A run that was killed may have left half a line. */
function parsed(line: string): z.infer<typeof lineSchema> | undefined {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

export function digestOf(payload: Uint8Array): string {
  return createHash("sha256").update(payload).digest("base64url");
}

/**
 * The message id of a publish. It holds what was there before: going back to it is a change, not a
 * repetition.
 */
export function messageIdOf(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}
