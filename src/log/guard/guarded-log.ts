/**
 * The log behind its guard: every call passes it first, and endless reads end when the log is refused. A holder of
 * leases loses them then, so whatever serves under a lease stops by its own rules.
 */

import { FreshetError } from "../../contract/errors.ts";
import type { Epoch, Partition } from "../../contract/ids.ts";
import type { ChunksLog, DocsLog, LeaseStore, Log, ManifestStore } from "../port.ts";
import type { LogIdentityMonitor } from "./identity-monitor.ts";

/** The same log, for whoever serves; `checkIdentity` and `close` are not guarded. */
export function guardedLog<Guarded extends Log>(log: Guarded, guard: LogIdentityMonitor): Guarded {
  return {
    ...log,
    nowMs: passing(guard, () => log.nowMs()),
    docs: guardedDocs(log.docs, guard),
    chunks: guardedChunks(log.chunks, guard),
    manifests: guardedManifests(log.manifests, guard),
    leases: guardedLeases(log.leases, guard),
    attempts: {
      get: passing(guard, (tenant) => log.attempts.get(tenant)),
      put: passing(guard, (tenant, attempts) => log.attempts.put(tenant, attempts)),
    },
    deadLetters: {
      publish: passing(guard, (letter) => log.deadLetters.publish(letter)),
      list: passing(guard, (tenant, max, after) => log.deadLetters.list(tenant, max, after)),
      get: passing(guard, (tenant, version) => log.deadLetters.get(tenant, version)),
      last: passing(guard, (tenant) => log.deadLetters.last(tenant)),
      trim: passing(guard, (tenant) => log.deadLetters.trim(tenant)),
      purgeBefore: passing(guard, (atMs) => log.deadLetters.purgeBefore(atMs)),
      owed: passing(guard, (tenant) => log.deadLetters.owed(tenant)),
      owe: passing(guard, (tenant, owed) => log.deadLetters.owe(tenant, owed)),
    },
  };
}

function guardedDocs(docs: DocsLog, guard: LogIdentityMonitor): DocsLog {
  return {
    publish: passing(guard, (message) => docs.publish(message)),
    read: (options) =>
      endless(guard, options.signal, (signal) => docs.read({ ...options, signal })),
    readTenant: passing(guard, (options) => docs.readTenant(options)),
    messageIds: (options) => trusted(guard, () => docs.messageIds(options)),
    lastVersion: passing(guard, (tenant) => docs.lastVersion(tenant)),
    nextVersion: passing(guard, (above) => docs.nextVersion(above)),
    lastSequence: passing(guard, () => docs.lastSequence()),
    tenants: passing(guard, (partition) => docs.tenants(partition)),
    firstSince: passing(guard, (atMs) => docs.firstSince(atMs)),
    purge: passing(guard, (below) => docs.purge(below)),
  };
}

function guardedChunks(chunks: ChunksLog, guard: LogIdentityMonitor): ChunksLog {
  return {
    append: passing(guard, (record, expectedLast) => chunks.append(record, expectedLast)),
    last: passing(guard, (tenant) => chunks.last(tenant)),
    first: passing(guard, (tenant) => chunks.first(tenant)),
    read: (range) => trusted(guard, () => chunks.read(range)),
    headers: (range) => trusted(guard, () => chunks.headers(range)),
    tenants: passing(guard, (partition) => chunks.tenants(partition)),
    tenantCount: passing(guard, () => chunks.tenantCount()),
    firstSince: passing(guard, (atMs) => chunks.firstSince(atMs)),
    purge: passing(guard, (below) => chunks.purge(below)),
  };
}

function guardedManifests(manifests: ManifestStore, guard: LogIdentityMonitor): ManifestStore {
  return {
    get: passing(guard, (tenant) => manifests.get(tenant)),
    commit: passing(guard, (tenant, manifest, expected) =>
      manifests.commit(tenant, manifest, expected),
    ),
    putPiece: passing(guard, (tenant, bytes) => manifests.putPiece(tenant, bytes)),
    getPiece: passing(guard, (tenant, digest) => manifests.getPiece(tenant, digest)),
    lastPiece: passing(guard, () => manifests.lastPiece()),
    sweepPieces: passing(guard, (tenant, keep) => manifests.sweepPieces(tenant, keep)),
    tenants: passing(guard, () => manifests.tenants()),
    watch: (signal) => endless(guard, signal, (until) => manifests.watch(until)),
  };
}

/** LG4: a lease of before a refusal is not renewed, also if the log is right again by the time it is asked. */
function guardedLeases(leases: LeaseStore, guard: LogIdentityMonitor): LeaseStore {
  const held = new Map<Partition, { readonly epoch: Epoch; readonly trust: AbortSignal }>();
  return {
    acquire: passing(guard, async (partition, node, start) => {
      const { trust } = guard;
      const lease = await leases.acquire(partition, node, start);
      if (lease !== null) held.set(partition, { epoch: lease.epoch, trust });
      return lease;
    }),
    async renew(lease, node) {
      const under = held.get(lease.partition);
      if (under?.epoch !== lease.epoch || under.trust.aborted) return null;
      await guard.pass();
      const renewed = await leases.renew(lease, node);
      return under.trust.aborted ? null : renewed;
    },
    // Not guarded: giving back what a wrong log does not know is harmless, and nobody else takes it.
    release: (lease, node) => leases.release(lease, node),
    holder: passing(guard, (partition) => leases.holder(partition)),
    epochOf: passing(guard, (partition) => leases.epochOf(partition)),
    announce: passing(guard, (name) => leases.announce(name)),
    withdraw: (name, revision) => leases.withdraw(name, revision),
    snapshot: passing(guard, () => leases.snapshot()),
  };
}

function passing<Parameters extends readonly unknown[], Result>(
  guard: LogIdentityMonitor,
  call: (...parameters: Parameters) => Promise<Result>,
): (...parameters: Parameters) => Promise<Result> {
  return async (...parameters) => {
    await guard.pass();
    try {
      return await call(...parameters);
    } catch (thrown) {
      if (thrown instanceof FreshetError) guard.suspect(thrown);
      throw thrown;
    }
  };
}

/** Ends with log_identity when the log is refused, however long nothing has come. */
async function* endless<Item>(
  guard: LogIdentityMonitor,
  signal: AbortSignal,
  read: (signal: AbortSignal) => AsyncIterable<Item>,
): AsyncGenerator<Item> {
  await guard.pass();
  const { trust } = guard;
  yield* trusted(guard, () => read(AbortSignal.any([signal, trust])));
  trust.throwIfAborted();
}

async function* trusted<Item>(
  guard: LogIdentityMonitor,
  read: () => AsyncIterable<Item>,
): AsyncGenerator<Item> {
  await guard.pass();
  const { trust } = guard;
  try {
    for await (const item of read()) {
      trust.throwIfAborted();
      yield item;
    }
  } catch (thrown) {
    if (thrown instanceof FreshetError) guard.suspect(thrown);
    throw thrown;
  }
}
