/**
 * Changes of one tenant's documents, for agents that listen (`subscriptions/listen`).
 *
 * Owns one reader of the tenant's event stream while anybody listens, however many they are.
 * Never carries an event of another tenant: each tenant has a bus of its own.
 * Receives the tenant's events, sends `resource_updated` with the document's URI.
 *
 *   MN1  a listener hears of each change after the reader began, also across a log that was away:
 *        it continues after the newest event that it has seen.
 */

import type { ServerEvent, ServerEventBus } from "@modelcontextprotocol/server";
import { toFreshetError } from "../../contract/errors.ts";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Handler } from "../handler.ts";
import { documentUri } from "./documents.ts";

export interface EventBusOptions {
  readonly handler: Pick<Handler, "events" | "lastVersion">;
  readonly clock: Clock;
  readonly tenant: TenantId;
}

export class TenantEventBus implements ServerEventBus {
  readonly #options: EventBusOptions;
  readonly #listeners = new Set<(event: ServerEvent) => void>();
  #reading: AbortController | undefined;

  constructor(options: EventBusOptions) {
    this.#options = options;
  }

  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }

  publish(event: ServerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  subscribe(listener: (event: ServerEvent) => void): () => void {
    this.#listeners.add(listener);
    if (this.#reading === undefined) {
      this.#reading = new AbortController();
      void this.#read(this.#reading.signal);
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.isHeard) return;
      this.#reading?.abort();
      this.#reading = undefined;
    };
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { handler, clock, tenant } = this.#options;
    let after: string | undefined;
    /** Where the first reading began, for one that ended before it brought an event. */
    let begunAt: string | undefined;
    while (!signal.aborted) {
      try {
        begunAt ??= String(await handler.lastVersion(tenant));
        for await (const page of handler.events({ tenant }, { after, signal })) {
          for (const { id, seq, status } of page) {
            after = String(seq);
            if (id === null || (status !== "visible" && status !== "deleted")) continue;
            this.publish({ kind: "resource_updated", uri: documentUri(tenant, id) });
          }
        }
      } catch (thrown) {
        // What the log does not hold any more is three days old: from now on is soon enough.
        const isExpired = toFreshetError(thrown).code === "events_expired";
        if (isExpired) [after, begunAt] = [undefined, undefined];
        else after ??= begunAt;
      }
      await clock.sleep(limits.eventsPollMs, signal);
    }
  }
}
