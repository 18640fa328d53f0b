/**
 * Life watcher: tells partitions which of their tenants were put to sleep, suspended, erased or
 * taken back.
 *
 * Owns: the watch on those records. Never: starts or ends a tenant (its partition does).
 * Receives: nothing. Sends: life, to the partition of the tenant.
 *
 *   LF1  a change is seen without a call to this node: the log is the only channel;
 *   LF2  what this node keeps for questions of a tenant is forgotten when its documents are erased.
 */

import type { TenantId } from "../src/contract/ids.ts";
import type { Logger } from "../src/contract/observation.ts";
import { isErased } from "../src/contract/tenant-life.ts";
import type { LifeStore, NamedLife } from "../src/log/life-port.ts";
import type { TenantLives } from "../src/log/lives.ts";
import type { ActorContext, Behaviour } from "../src/runtime/actor.ts";
import type { Mailbox } from "../src/runtime/mailbox.ts";
import type { LifeMessage } from "./messages.ts";
import { type RecordWatch, watchRecords } from "./watch-records.ts";

export interface LifeWatcherOptions {
  readonly store: Pick<LifeStore, "watch">;
  readonly lives: TenantLives;
  readonly partitionOf: (tenant: TenantId) => Pick<Mailbox<LifeMessage>, "put"> | undefined;
  readonly forget: (tenant: TenantId) => void;
  readonly retryMs: number;
  readonly logger: Logger;
}

export function lifeWatcherActor(
  options: LifeWatcherOptions,
): (context: ActorContext<never>) => Behaviour<never> {
  return (context) => ({
    start: () => context.task(() => watchAll(options, context)),
    receive: () => {},
  });
}

function watchAll(
  { store, lives, partitionOf, forget, ...options }: LifeWatcherOptions,
  context: ActorContext<never>,
): Promise<void> {
  const watch: RecordWatch<NamedLife> = {
    ...options,
    records: "tenants' lives",
    watch: (signal) => store.watch(signal),
    heard: async ({ tenant, life, revision }, signal) => {
      if (!lives.heard(tenant, life, revision)) return;
      if (isErased(life) || (life.state === "active" && life.forgetAtMs !== undefined)) {
        forget(tenant);
      }
      await partitionOf(tenant)?.put({ type: "life", tenant }, signal);
    },
  };
  return watchRecords(watch, context);
}
