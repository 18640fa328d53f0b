/**
 * The log, checked by its identity monitor: every call passes it first, and endless reads end when
 * the log is refused. A holder of leases loses them then, so what serves under a lease stops by its
 * own rules.
 */

import { FreshetError } from "../../contract/errors.ts";
import type { Epoch, Partition } from "../../contract/ids.ts";
import { type Around, mapCalls } from "../../runtime/map-calls.ts";
import type { LeaseStore } from "../lease-port.ts";
import type { Log } from "../port.ts";
import type { LogIdentityMonitor } from "./identity-monitor.ts";

/** The same log for what serves; `checkIdentity` and `close` pass unchecked. */
export function guardedLog<Guarded extends Log>(
  log: Guarded,
  monitor: LogIdentityMonitor,
): Guarded {
  const { docs, chunks, manifests, attempts, tokens, deadLetters, lives, erasure, feedback } = log;
  const { privacy, generations } = log;
  const checked = checkedBy(monitor);
  return {
    ...log,
    nowMs: checked(() => log.nowMs()),
    docs: mapCalls(docs, checked, {
      read: (options) =>
        endless(monitor, options.signal, (signal) => docs.read({ ...options, signal })),
      messageIds: (options) => whileTrusted(monitor, () => docs.messageIds(options)),
      newest: (partition) => whileTrusted(monitor, () => docs.newest(partition)),
    }),
    chunks: mapCalls(chunks, checked, {
      read: (range) => whileTrusted(monitor, () => chunks.read(range)),
      headers: (range) => whileTrusted(monitor, () => chunks.headers(range)),
    }),
    manifests: mapCalls(manifests, checked, {
      watch: (signal) => endless(monitor, signal, (until) => manifests.watch(until)),
    }),
    leases: guardedLeases(log.leases, monitor),
    attempts: mapCalls(attempts, checked, {}),
    tokens: mapCalls(tokens, checked, {}),
    lives: mapCalls(lives, checked, {
      all: () => whileTrusted(monitor, () => lives.all()),
      watch: (signal) => endless(monitor, signal, (until) => lives.watch(until)),
    }),
    generations: mapCalls(generations, checked, {
      all: () => whileTrusted(monitor, () => generations.all()),
      watch: (signal) => endless(monitor, signal, (until) => generations.watch(until)),
    }),
    privacy: mapCalls(privacy, checked, {
      all: () => whileTrusted(monitor, () => privacy.all()),
    }),
    feedback: mapCalls(feedback, checked, {}),
    erasure: mapCalls(erasure, checked, {}),
    deadLetters: mapCalls(deadLetters, checked, {}),
  };
}

/** LG4: a lease from before a refusal is not renewed, even if the log is right again by then. */
function guardedLeases(leases: LeaseStore, monitor: LogIdentityMonitor): LeaseStore {
  const held = new Map<Partition, { readonly epoch: Epoch; readonly trust: AbortSignal }>();
  const checked = checkedBy(monitor);
  return mapCalls(leases, checked, {
    acquire: checked(async (partition, node, start) => {
      const { trust } = monitor;
      const lease = await leases.acquire(partition, node, start);
      if (lease !== null) held.set(partition, { epoch: lease.epoch, trust });
      return lease;
    }),
    async renew(lease, node) {
      const under = held.get(lease.partition);
      if (under?.epoch !== lease.epoch || under.trust.aborted) return null;
      await monitor.pass();
      const renewed = await leases.renew(lease, node);
      return under.trust.aborted ? null : renewed;
    },
    // Unchecked: giving back what a wrong log does not know is harmless, and no other process does
    // it.
    release: (lease, node) => leases.release(lease, node),
    withdraw: (name, revision) => leases.withdraw(name, revision),
  });
}

const checkedBy =
  (monitor: LogIdentityMonitor): Around =>
  (call) =>
  async (...parameters) => {
    await monitor.pass();
    try {
      return await call(...parameters);
    } catch (thrown) {
      if (thrown instanceof FreshetError) monitor.suspect(thrown);
      throw thrown;
    }
  };

/** Ends with log_identity when the log is refused, however long nothing has come. */
async function* endless<Item>(
  monitor: LogIdentityMonitor,
  signal: AbortSignal,
  read: (signal: AbortSignal) => AsyncIterable<Item>,
): AsyncGenerator<Item> {
  await monitor.pass();
  const { trust } = monitor;
  yield* whileTrusted(monitor, () => read(AbortSignal.any([signal, trust])));
  trust.throwIfAborted();
}

async function* whileTrusted<Item>(
  monitor: LogIdentityMonitor,
  read: () => AsyncIterable<Item>,
): AsyncGenerator<Item> {
  await monitor.pass();
  const { trust } = monitor;
  try {
    for await (const item of read()) {
      trust.throwIfAborted();
      yield item;
    }
  } catch (thrown) {
    if (thrown instanceof FreshetError) monitor.suspect(thrown);
    throw thrown;
  }
}
