/**
 * The memory log and the memory cold shard with a slot before them: every call that another process
 * could feel is answered by the history.
 */

import type { MemoryCold } from "../../src/cold/memory.ts";
import type { ColdShard } from "../../src/cold/port.ts";
import type { Position, Version } from "../../src/contract/ids.ts";
import type { ChunkRecord } from "../../src/contract/record.ts";
import { judgeAppend } from "../../src/log/append-outcome.ts";
import type { MemoryLog } from "../../src/log/memory/log.ts";
import type { AppendOutcome, ChunksRange, Log, StoredMessageId } from "../../src/log/port.ts";
import { acme } from "../actors/kit.ts";
import type { Slot } from "./slot.ts";

export function slottedLog(log: MemoryLog, slot: Slot): MemoryLog {
  const code = "log_unavailable";
  const call = <Value>(name: string, perform: () => Promise<Value>): Promise<Value> =>
    slot.call({ name, code, perform });
  /** The history answers the read once; it then runs through, as a range that was prefetched. */
  async function* range<Item>(
    name: string,
    asked: ChunksRange,
    read: (range: ChunksRange) => AsyncIterable<Item>,
  ): AsyncGenerator<Item> {
    const items: Item[] = [];
    const shorten = (records: number): void => log.hooks.readNextLate(records);
    const perform = async (): Promise<void> => {
      for await (const item of read({ ...asked, signal: undefined })) items.push(item);
    };
    await slot.call({ name, code, perform, shorten });
    for (const item of items) {
      asked.signal?.throwIfAborted();
      yield item;
    }
  }
  const { docs, chunks, manifests, deadLetters, leases } = log;
  /**
   * DOCS may be answered by a copy that lags, or by a leader that is none any more: without its
   * newest operations.
   */
  const told = <Value>(name: string, perform: (end: number) => Promise<Value>): Promise<Value> => {
    let missing = 0;
    const shorten = (operations: number): void => {
      missing = operations;
    };
    const known = async (): Promise<Value> => {
      if (missing === 0) return perform(Number.POSITIVE_INFINITY);
      const all = await docs.readTenant({ tenant: acme, after: 0 as Version, max: 1_000 });
      return perform(all.at(-1 - missing)?.version ?? 0);
    };
    return slot.call({ name, code, perform: known, shorten });
  };
  return {
    ...log,
    docs: over(docs, {
      readTenant: (options) =>
        told("readTenant", async (end) =>
          (await docs.readTenant(options)).filter(({ version }) => version <= end),
        ),
      nextVersion: (above) =>
        told("nextVersion", async (end) => {
          const next = await docs.nextVersion(above);
          return next <= end ? next : (0 as Version);
        }),
      lastVersion: (tenant) =>
        told("lastVersion", async (end) => {
          return Math.min(await docs.lastVersion(tenant), end) as Version;
        }),
      async *messageIds(options) {
        const ids: StoredMessageId[] = [];
        await call("messageIds", async () => {
          for await (const id of docs.messageIds({ ...options, signal: undefined })) ids.push(id);
        });
        yield* ids;
      },
      lastSequence: () => call("lastSequence", () => docs.lastSequence()),
    }),
    chunks: over(chunks, {
      append: (record, expectedLast) =>
        slot.call({
          name: "append",
          code,
          perform: () => chunks.append(record, expectedLast),
          readBack: () => judged(log, record, expectedLast),
        }),
      last: (tenant) => call("last", () => chunks.last(tenant)),
      first: (tenant) => call("first", () => chunks.first(tenant)),
      read: (asked) => range("read", asked, (all) => chunks.read(all)),
      headers: (asked) => range("headers", asked, (all) => chunks.headers(all)),
    }),
    manifests: over(manifests, {
      get: (tenant) => call("manifest", () => manifests.get(tenant)),
      commit: (tenant, manifest, revision) =>
        call("commit", () => manifests.commit(tenant, manifest, revision)),
      putPiece: (tenant, bytes) => call("putPiece", () => manifests.putPiece(tenant, bytes)),
      getPiece: (tenant, digest) => call("getPiece", () => manifests.getPiece(tenant, digest)),
      lastPiece: () => call("lastPiece", () => manifests.lastPiece()),
      sweepPieces: (tenant, sweep) =>
        call("sweepPieces", () => manifests.sweepPieces(tenant, sweep)),
    }),
    leases: over(leases, {
      epochOf: (partition) => call("epochOf", () => leases.epochOf(partition)),
    }),
    deadLetters: over(deadLetters, {
      publish: (letter) => call("deadLetter", () => deadLetters.publish(letter)),
      owed: (tenant) => call("owed", () => deadLetters.owed(tenant)),
      owe: (tenant, owed) => call("owe", () => deadLetters.owe(tenant, owed)),
    }),
  };
}

/**
 * The target with some methods replaced; the others, also those that come later, answer at once.
 */
export function over<Port extends object>(target: Port, replaced: Partial<Port>): Port {
  return new Proxy(target, {
    get(object, key) {
      const own: unknown = Reflect.get(replaced, key) ?? Reflect.get(object, key, object);
      return typeof own === "function" && !(key in replaced) ? own.bind(object) : own;
    },
  });
}

/**
 * What src/log/nats/chunks.ts does about a missing acknowledgement; a retry is left to the caller,
 * who stalls.
 */
async function judged(
  { chunks }: Pick<Log, "chunks">,
  record: ChunkRecord,
  expectedLast: Position,
): Promise<AppendOutcome> {
  const verdict = judgeAppend(record, expectedLast, await chunks.last(record.tenant));
  return verdict.kind === "retry" ? chunks.append(record, expectedLast) : verdict;
}

export function slottedCold(cold: MemoryCold, slot: Slot): ColdShard {
  const code = "cold_unavailable";
  const call = <Value>(
    name: string,
    perform: () => Promise<Value>,
    half?: () => Promise<unknown>,
  ): Promise<Value> => slot.call({ name, code, perform, half });
  return over<ColdShard>(cold, {
    ensureTenant: (tenant) => call("ensureTenant", () => cold.ensureTenant(tenant)),
    upsert: (tenant, objects) =>
      call(
        "upsert",
        () => cold.upsert(tenant, objects),
        () => cold.upsert(tenant, objects.slice(0, objects.length >> 1)),
      ),
    rewrite: (tenant, objects) =>
      call(
        "rewrite",
        () => cold.rewrite(tenant, objects),
        () => cold.rewrite(tenant, objects.slice(0, objects.length >> 1)),
      ),
    stored: (tenant, ids) => call("stored", () => cold.stored(tenant, ids)),
    walk: (tenant, page) => call("walk", () => cold.walk(tenant, page)),
    versions: (tenant, ids) => call("versions", () => cold.versions(tenant, ids)),
    staleIds: (tenant, document) => call("staleIds", () => cold.staleIds(tenant, document)),
    deleteIds: (tenant, ids) =>
      call(
        "deleteIds",
        () => cold.deleteIds(tenant, ids),
        () => cold.deleteIds(tenant, ids.slice(0, ids.length >> 1)),
      ),
    search: (query) => call("search", () => cold.search({ ...query, signal: undefined })),
    writeMarker: (tenant, marker) => call("writeMarker", () => cold.writeMarker(tenant, marker)),
    readMarker: (tenant) => call("readMarker", () => cold.readMarker(tenant)),
  });
}
