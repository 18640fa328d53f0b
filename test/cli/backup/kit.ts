/** A log of a few messages for tests of backups: what its servers would say, and hold. */

import type { BackupStore } from "../../../src/cli/backup/store.ts";
import { Parts } from "../../../src/cli/backup/store.ts";
import { createMemoryCold, type MemoryCold } from "../../../src/cold/memory.ts";
import { objectCopies } from "../../../src/cold/object-copies.ts";
import type { ObjectCopies } from "../../../src/compose/backup.ts";
import type { CopiedMessage } from "../../../src/contract/backup.ts";
import type { StreamCopies, StreamHead } from "../../../src/log/backup-port.ts";
import { ArchiveReader, encodeEntry, type NewEntry } from "../../../src/log/wire/archive.ts";

interface HeldStream extends StreamHead {
  readonly held: readonly CopiedMessage[];
}

/** Streams of a NATS, in memory. */
export class MemoryStreams implements StreamCopies {
  readonly version = "2.15.1";
  readonly streams = new Map<string, HeldStream>();
  mark: string | null = null;
  engines = 0;
  restores = 0;
  /** Called before each change; a test makes it fail. */
  onChange: () => void = () => {};

  add(name: string, entries: readonly NewEntry[], lastSeq = entries.at(-1)?.seq ?? 0): void {
    const held = entries.flatMap((entry) => new ArchiveReader(true).push(encodeEntry(entry)));
    const firstSeq = entries[0]?.seq ?? lastSeq + 1;
    const state = { messages: held.length, bytes: 100 * held.length, firstSeq, lastSeq };
    this.streams.set(name, { name, config: { name }, ...state, held });
  }

  async names() {
    return [...this.streams.keys()].sort();
  }

  async describe(name: string) {
    return this.streams.get(name) ?? null;
  }

  async read(name: string) {
    const stream = this.streams.get(name);
    if (stream === undefined) return null;
    const content = (async function* () {
      yield* stream.held;
    })();
    return { ...stream, content };
  }

  async write({ config, entries, ...state }: Parameters<StreamCopies["write"]>[0]) {
    const name = String(config["name"]);
    if (this.streams.has(name)) throw new Error(`stream ${name} is there`);
    this.onChange();
    const held: CopiedMessage[] = [];
    // What a call leaves that fails on the way is there.
    this.streams.set(name, { name, config, ...state, held });
    for await (const bytes of entries) held.push(...new ArchiveReader(true).push(bytes));
    this.onChange();
  }

  async remove(name: string) {
    this.streams.delete(name);
  }

  async enginesThere() {
    return this.engines;
  }

  async otherRestores() {
    return this.restores;
  }

  async restoring() {
    return this.mark;
  }

  async setRestoring(id: string | null) {
    this.onChange();
    this.mark = id;
  }

  async close() {}

  /** Subjects, sequences and bodies, by stream. */
  content(): Readonly<Record<string, readonly string[]>> {
    return Object.fromEntries(
      [...this.streams].map(([name, { held }]) => [
        name,
        held.map(({ subject, seq, body }) => `${seq} ${subject} ${Buffer.from(body)}`),
      ]),
    );
  }
}

/** A store in memory; a put after so many of them fails. */
export class MemoryStore implements BackupStore {
  readonly where = "memory";
  readonly files = new Map<string, Uint8Array>();
  putsLeft = Number.POSITIVE_INFINITY;

  async has(name: string) {
    return this.files.has(name);
  }

  async put(name: string, bytes: Uint8Array) {
    if (this.putsLeft <= 0) throw new Error("killed");
    this.putsLeft -= 1;
    this.files.set(name, bytes);
  }

  async get(name: string) {
    return this.files.get(name) ?? null;
  }

  async list(prefix: string) {
    return [...this.files.keys()].filter((name) => name.startsWith(prefix));
  }

  async freeBytes() {
    return undefined;
  }
}

export interface ColdKit {
  readonly cold: MemoryCold;
  readonly objects: ObjectCopies;
}

export function coldKit(): ColdKit {
  const cold = createMemoryCold();
  return { cold, objects: objectCopies(cold) };
}

export const silentProgress = { say() {}, expect() {}, step() {}, add() {}, objects() {} };

export const partsOf = (store: BackupStore): Parts => new Parts(store);
