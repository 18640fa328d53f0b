/**
 * Generation watcher: tells partitions which of their tenants have another generation, or answer
 * from another one.
 *
 * Owns: the watch on those records. Never: starts or ends a tenant (its partition does).
 * Receives: nothing. Sends: life, to the partition of the tenant.
 *
 *   GW1  a change is seen without a call to this node: the log is the only channel.
 */

import { toFreshetError } from "../src/contract/errors.ts";
import type { TenantId } from "../src/contract/ids.ts";
import type { Logger } from "../src/contract/observation.ts";
import type { GenerationStore } from "../src/log/generation-port.ts";
import type { KnownGenerations } from "../src/log/generations.ts";
import type { ActorContext, Behaviour } from "../src/runtime/actor.ts";
import type { Mailbox } from "../src/runtime/mailbox.ts";
import type { LifeMessage } from "./messages.ts";

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

async function watchAll(
  { store, generations, partitionOf, retryMs, logger }: GenerationWatcherOptions,
  { signal, clock }: ActorContext<never>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const { tenant, generations: record, revision } of store.watch(signal)) {
        if (!generations.heard(tenant, record, revision)) continue;
        await partitionOf(tenant)?.put({ type: "life", tenant }, signal);
      }
    } catch (thrown) {
      logger.warn({ code: toFreshetError(thrown).code }, "the watch on generations broke");
    }
    await clock.sleep(retryMs, signal);
  }
}
