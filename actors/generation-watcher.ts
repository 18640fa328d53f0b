/**
 * Generation watcher: tells partitions which of their tenants have another generation, or answer
 * from another one.
 *
 * Owns: the watch on those records. Never: starts or ends a tenant (its partition does).
 * Receives: nothing. Sends: life, to the partition of the tenant.
 *
 *   GW1  a change is seen without a call to this node: the log is the only channel.
 */

import type { TenantId } from "../src/contract/ids.ts";
import type { Logger } from "../src/contract/observation.ts";
import type { GenerationStore, NamedGenerations } from "../src/log/generation-port.ts";
import type { KnownGenerations } from "../src/log/generations.ts";
import type { ActorContext, Behaviour } from "../src/runtime/actor.ts";
import type { Mailbox } from "../src/runtime/mailbox.ts";
import type { LifeMessage } from "./messages.ts";
import { type RecordWatch, watchRecords } from "./watch-records.ts";

export interface GenerationWatcherOptions {
  readonly store: Pick<GenerationStore, "watch">;
  readonly generations: KnownGenerations;
  readonly partitionOf: (tenant: TenantId) => Pick<Mailbox<LifeMessage>, "put"> | undefined;
  readonly retryMs: number;
  readonly logger: Logger;
}

export function generationWatcherActor(
  options: GenerationWatcherOptions,
): (context: ActorContext<never>) => Behaviour<never> {
  return (context) => ({
    start: () => context.task(() => watchAll(options, context)),
    receive: () => {},
  });
}

function watchAll(
  { store, generations, partitionOf, ...options }: GenerationWatcherOptions,
  context: ActorContext<never>,
): Promise<void> {
  const watch: RecordWatch<NamedGenerations> = {
    ...options,
    records: "generations",
    watch: (signal) => store.watch(signal),
    heard: async ({ tenant, generations: record, revision }, signal) => {
      if (!generations.heard(tenant, record, revision)) return;
      await partitionOf(tenant)?.put({ type: "life", tenant }, signal);
    },
  };
  return watchRecords(watch, context);
}
