/**
 * Merge trigger: asks Temporal to merge a tenant, by size or under memory pressure.
 *
 * Owns: which tenants were asked for, and when. Never: merges, or blocks ingest when Temporal is
 * down.
 * Receives: unmerged (from tenant views), pressure (from tenant writers).
 * Sends: `due` signals through the merge port.
 *
 *   MT1  one request per tenant is under way at a time, and repeats are spaced by `everyMs`;
 *   MT2  a request that fails or comes too soon is made later, one for each tenant: a tenant that
 *        receives nothing more is merged all the same, after an outage of Temporal and right after
 *        its last merge.
 */

import { toFreshetError } from "../src/contract/errors.ts";
import type { TenantId } from "../src/contract/ids.ts";
import type { Logger } from "../src/contract/observation.ts";
import type { MergeClient } from "../src/merges/port.ts";
import type { ActorContext, Behaviour } from "../src/runtime/actor.ts";
import type { MergeTriggerMessage } from "./messages.ts";

export interface MergeTriggerOptions {
  readonly merges: Pick<MergeClient, "due">;
  readonly everyMs: number;
  readonly logger: Logger;
}

export function mergeTriggerActor(
  options: MergeTriggerOptions,
): (context: ActorContext<MergeTriggerMessage>) => Behaviour<MergeTriggerMessage> {
  return (context) => new MergeTriggerBehaviour(options, context);
}

class MergeTriggerBehaviour implements Behaviour<MergeTriggerMessage> {
  readonly #options: MergeTriggerOptions;
  readonly #context: ActorContext<MergeTriggerMessage>;
  /** Monotonic milliseconds before which a tenant is not asked for again. */
  readonly #quietUntilMs = new Map<TenantId, number>();
  /** Tenants whose request waits for its time: one each, so no more than there are tenants. */
  readonly #waiting = new Set<TenantId>();

  constructor(options: MergeTriggerOptions, context: ActorContext<MergeTriggerMessage>) {
    this.#options = options;
    this.#context = context;
  }

  async receive(message: MergeTriggerMessage): Promise<void> {
    const { merges, everyMs, logger } = this.#options;
    const now = this.#context.clock.monotonicMs();
    const quietMs = (this.#quietUntilMs.get(message.tenant) ?? 0) - now;
    if (quietMs > 0) return this.#askLater(message, quietMs);
    this.#forgetPast(now);
    this.#quietUntilMs.set(message.tenant, now + everyMs);
    try {
      await merges.due(message.tenant, message.type === "pressure" ? "memory" : "size");
    } catch (thrown) {
      const { code } = toFreshetError(thrown);
      logger.warn({ tenant: message.tenant, code }, "a merge could not be asked for");
      this.#askLater(message, everyMs);
    }
  }

  #askLater(message: MergeTriggerMessage, afterMs: number): void {
    const { tenant } = message;
    if (this.#waiting.has(tenant)) return;
    this.#waiting.add(tenant);
    const { clock, self, signal } = this.#context;
    this.#context.task(async () => {
      await clock.sleep(afterMs, signal);
      this.#waiting.delete(tenant);
      if (!signal.aborted) await self.put(message, signal);
    });
  }

  /** Keeps the map as small as what is quiet now. */
  #forgetPast(now: number): void {
    for (const [tenant, until] of this.#quietUntilMs) {
      if (until <= now) this.#quietUntilMs.delete(tenant);
    }
  }
}
