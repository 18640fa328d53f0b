/**
 * Manifest watcher: tells tenant views of committed merges.
 *
 * Owns: the watch on manifests. Never: decides what a manifest means (the tenant view does).
 * Receives: nothing. Sends: manifest, to the view of the tenant, if this node serves it.
 *
 *   W1  a commit is seen without a call to this node: the log is the only channel (I7);
 *   W2  a watch that breaks is opened again; the current manifests come first, so no commit is
 *       missed;
 *   W3  a view that takes nothing delays no other: only its newest manifest waits for it (I9).
 */

import type { TenantId } from "../src/contract/ids.ts";
import type { Logger } from "../src/contract/observation.ts";
import type { ManifestStore, StoredManifest } from "../src/log/port.ts";
import type { ActorContext, Behaviour } from "../src/runtime/actor.ts";
import type { Directory } from "./directory/directory.ts";
import { type RecordWatch, watchRecords } from "./watch-records.ts";

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

function watchAll(
  { manifests, directory, ...options }: ManifestWatcherOptions,
  context: ActorContext<never>,
): Promise<void> {
  const deliveries = new Deliveries(directory, context);
  const watch: RecordWatch<StoredManifest & { readonly tenant: TenantId }> = {
    ...options,
    records: "manifests",
    watch: (signal) => manifests.watch(signal),
    heard: (stored) => deliveries.deliver(stored.tenant, stored),
  };
  return watchRecords(watch, context);
}

/** W3: per tenant at most one delivery that waits for room, and the newest manifest after it. */
class Deliveries {
  readonly #directory: Directory;
  readonly #context: ActorContext<never>;
  /** The newest manifest of each tenant that has a delivery under way. */
  readonly #waiting = new Map<TenantId, StoredManifest>();

  constructor(directory: Directory, context: ActorContext<never>) {
    this.#directory = directory;
    this.#context = context;
  }

  deliver(tenant: TenantId, stored: StoredManifest): void {
    const isBusy = this.#waiting.has(tenant);
    this.#waiting.set(tenant, stored);
    if (!isBusy) this.#context.task(() => this.#deliverAll(tenant));
  }

  async #deliverAll(tenant: TenantId): Promise<void> {
    const { signal } = this.#context;
    for (;;) {
      const stored = this.#waiting.get(tenant);
      const view = this.#directory.tenant(tenant)?.view;
      if (stored === undefined || view === undefined || signal.aborted) break;
      const isIn = await view.put({ type: "manifest", stored }, signal);
      // A view that ended meanwhile may have read its manifest before this one: its successor gets
      // it.
      const isThere = this.#directory.tenant(tenant)?.view === view;
      if (isThere && (!isIn || this.#waiting.get(tenant) === stored)) break;
    }
    this.#waiting.delete(tenant);
  }
}
