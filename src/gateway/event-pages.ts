/**
 * The stream of events in pages, for who asks instead of being sent to: a request waits until there
 * is something after the position that it names. The position is the `seq` of an operation.
 */

import { z } from "zod";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { storedEventSchema } from "../contract/service-schemas.ts";
import type { Handler } from "./handler.ts";

const seq = z.int().min(0);

/** Without a position: which one "from now on" is. */
export const listenSchema = z.strictObject({
  /** The newest event that the caller has. */
  after: seq.optional(),
  /** The first operation that it wants. */
  from_seq: seq.optional(),
  wait_ms: z.int().min(0).max(limits.waitMsMax).default(20_000),
});

export const pageOfEventsSchema = z.object({
  /** Oldest first; none where nothing came in time. */
  events: z.array(storedEventSchema),
  /** What the next request names as `after`. */
  after: z.int(),
});

export interface EventPageRequest {
  readonly tenant: TenantId;
  readonly body: z.infer<typeof listenSchema>;
  readonly signal: AbortSignal;
}

/** @throws FreshetError events_expired, and what the log throws */
export async function eventPageOf(
  handler: Handler,
  { tenant, body, signal }: EventPageRequest,
): Promise<z.infer<typeof pageOfEventsSchema>> {
  const { after, from_seq, wait_ms } = body;
  const start = after ?? (from_seq === undefined ? undefined : Math.max(from_seq - 1, 0));
  if (start === undefined) return { events: [], after: await handler.lastVersion(tenant) };
  // What is there already is read, however short the wait for more may be.
  const isThere = (await handler.lastVersion(tenant)) > start;
  const toReadMs = isThere ? limits.eventsReadMs : 0;
  const timeIsUp = new AbortController();
  const request = { after: String(start), signal: AbortSignal.any([signal, timeIsUp.signal]) };
  let timer: NodeJS.Timeout | undefined;
  try {
    for await (const page of handler.events({ tenant }, request)) {
      const newest = page.at(-1);
      if (newest !== undefined) return { events: [...page], after: newest.seq };
      timer ??= setTimeout(() => timeIsUp.abort(), Math.max(wait_ms, toReadMs));
    }
  } catch (thrown) {
    if (!timeIsUp.signal.aborted || signal.aborted) throw thrown;
  } finally {
    clearTimeout(timer);
  }
  signal.throwIfAborted();
  return { events: [], after: start };
}
