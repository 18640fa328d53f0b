/**
 * Manifest watcher: tells shards of committed merges.
 *
 * Owns: the watch on manifests. Never: decides what a manifest means (the shard does).
 * Receives: nothing. Sends: manifest, to the shard of the tenant, if this node serves it.
 *
 *   W1  a commit is seen without anybody calling this node: the log is the only channel (I7);
 *   W2  a watch that breaks is opened again; the current manifests come first, so no commit is missed.
 */

import { toFreshetError } from "../src/contract/errors.ts";
import type { ActorContext, Behaviour } from "../src/kernel/actor.ts";
import type { ManifestStore } from "../src/log/port.ts";
import type { Logger } from "../src/observe/port.ts";
import type { Directory } from "./directory.ts";

export interface ManifestWatcherOptions {
  readonly manifests: Pick<ManifestStore, "watch">;
  readonly directory: Directory;
  readonly retryMs: number;
  readonly logger: Logger;
}

export function manifestWatcherActor(
  options: ManifestWatcherOptions,
): (context: ActorContext<never>) => Behaviour<never> {
  return (context) => ({
    start: () => context.task(() => watchAll(options, context)),
    receive: () => {},
  });
}

async function watchAll(
  { manifests, directory, retryMs, logger }: ManifestWatcherOptions,
  { signal, clock }: ActorContext<never>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const stored of manifests.watch(signal)) {
        await directory.tenant(stored.tenant)?.shard.put({ type: "manifest", stored }, signal);
      }
    } catch (thrown) {
      logger.warn({ code: toFreshetError(thrown).code }, "the watch on manifests broke");
    }
    await clock.sleep(retryMs, signal);
  }
}
