/** What an import needs of the log: where to publish, and the notices of what became of it. */

import type { DocumentEvent } from "../../contract/events.ts";
import type { TenantId } from "../../contract/ids.ts";
import type { DocsLog } from "../../log/port.ts";
import type { StateLog } from "./tenant-state.ts";

export interface EventFeed {
  /** Resolves once no event can be missed any more; the function it gives ends the subscription. */
  subscribe(tenant: TenantId, onEvent: (event: DocumentEvent) => void): Promise<() => void>;
}

export interface IngestLog extends StateLog {
  readonly docs: Pick<DocsLog, "publish" | "lastSequence" | "readTenant" | "open">;
  /** Which log it is. */
  readonly deployment: string;
  readonly events: EventFeed;
}

/** The part of a NATS connection that is used, so that this file needs no vendor. */
export interface Subscriber {
  subscribe(
    subject: string,
    options: {
      callback: (error: Error | null, message: { json<T>(): T }) => void;
    },
  ): { unsubscribe(): void };
  flush(): Promise<void>;
}

export function eventFeed(connection: Subscriber): EventFeed {
  return {
    async subscribe(tenant, onEvent) {
      const subscription = connection.subscribe(`events.${tenant}`, {
        callback: (error, message) => {
          if (error === null) onEvent(message.json<DocumentEvent>());
        },
      });
      await connection.flush();
      return () => subscription.unsubscribe();
    },
  };
}
