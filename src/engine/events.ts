/**
 * A tenant's events as the log tells them: CHUNKS says of each operation what became of it, so the
 * stream of events is a view of CHUNKS and has no store of its own (ops/decisions/0057).
 *
 * Owns one reader's cursor. Never writes, and never reads a body: headers say it all.
 * Receives the log and the tenant's state at its owner; sends pages of events, oldest first.
 *
 *   EO1  each operation after the cursor comes once, in the order of versions, whatever fails
 *        between: records that were appended are decided, and an unbroken chain has no gap (L3);
 *   EO2  an event leaves after the tenant's owner answers with what it says, so a question that is
 *        asked then sees it;
 *   EO3  where the log does not hold all that came after the cursor, the reader gets
 *        events_expired instead of a stream with a hole;
 *   EO4  a position from outside that the log has not come to is refused: what comes until then
 *        would be left out without a word;
 *   EO5  a reader stays with the generation that answered when it came, for as long as that one is
 *        fed. Then it reads on in the one that answers, where it had come to.
 */

import { FreshetError, toFreshetError } from "../contract/errors.ts";
import type { DocumentStatus, StoredEvent } from "../contract/events.ts";
import { fedGenerations, type Generation } from "../contract/generation.ts";
import {
  type DocumentId,
  generationName,
  nextAfter,
  noPosition,
  noVersion,
  type Position,
  position,
  type TenantId,
  type Version,
} from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { RecordHeader } from "../contract/record.ts";
import type { DocumentState } from "../contract/service.ts";
import type { ChunksLog, DocsLog, EventSink, Log } from "../log/port.ts";
import { backoffMs } from "../runtime/backoff.ts";
import type { Clock } from "../runtime/clock.ts";

/** The generation whose records tell a tenant's events, and from where on they tell all. */
interface Told {
  readonly name: TenantId;
  readonly beginsAt: Version;
}

export interface EventsOptions {
  readonly chunks: Pick<ChunksLog, "first" | "last" | "headers">;
  /** `current` while it is fed (EO5); else the one that answers. */
  readonly readFrom: (tenant: TenantId, current?: TenantId) => Promise<Told>;
  readonly notices: Pick<EventSink, "listen">;
  /** The document at the tenant's owner. @throws FreshetError not_ready while there is none */
  readonly stateOf: (tenant: TenantId, id: DocumentId) => Promise<DocumentState>;
  readonly clock: Clock;
  /** Where positions come from outside (EO4). */
  readonly docs?: Pick<DocsLog, "lastSequence"> | undefined;
}

interface EventsRequest {
  readonly tenant: TenantId;
  readonly after: Version | undefined;
  readonly signal: AbortSignal;
}

/** @throws FreshetError events_expired, invalid_request, log_unavailable, the signal's reason */
export async function* eventsAfter(
  options: EventsOptions,
  request: EventsRequest,
): AsyncGenerator<readonly StoredEvent[]> {
  const { tenant: of, signal } = request;
  const bell = listen(options, of);
  try {
    let told = await options.readFrom(of);
    await checkPosition(options, { ...request, tenant: told.name });
    // What the reader has.
    let seen = request.after ?? (await options.chunks.last(told.name))?.version ?? noVersion;
    let cursor = await startOf(options.chunks, told, seen);
    let isIdle = false;
    yield [];
    for (;;) {
      const { name: tenant } = told;
      const last = await options.chunks.last(tenant);
      if (last === null || last.position <= cursor) {
        // One that was waited for in vain may not be fed any more.
        if (isIdle) told = await options.readFrom(of, tenant);
        isIdle = told.name === tenant;
        if (isIdle) await bell.wait(signal);
        else cursor = await startOf(options.chunks, told, seen);
        continue;
      }
      isIdle = false;
      try {
        for await (const page of pagesOf(options.chunks, {
          ...{ tenant, after: cursor, to: last.position, signal },
        })) {
          cursor = page.end;
          // A tombstone repeats a version, as a fence does, and is no operation.
          const headers = page.headers.filter(({ version }) => version > seen);
          seen = headers.at(-1)?.version ?? seen;
          if (headers.length === 0) continue;
          await untilShown(options, { tenant: of, signal, headers });
          yield headers.map(eventOf);
        }
      } catch (thrown) {
        // The records of one that was given up are removed, also under a reader that is slow.
        const now = isTorn(thrown) ? await options.readFrom(of, tenant) : told;
        if (now.name === tenant) throw thrown;
        told = now;
        cursor = await startOf(options.chunks, told, seen);
      }
    }
  } finally {
    bell.close();
  }
}

const isTorn = (thrown: unknown): boolean =>
  thrown instanceof FreshetError &&
  (thrown.code === "broken_chain" || thrown.code === "events_expired");

/** A receipt is a position, too: its operation may be decided later, but DOCS holds it. */
async function checkPosition(
  { chunks, docs }: EventsOptions,
  { tenant, after }: EventsRequest,
): Promise<void> {
  if (docs === undefined || after === undefined) return;
  const last = await chunks.last(tenant);
  if (last !== null && after <= last.version) return;
  if (after <= (await docs.lastSequence())) return;
  const says = "the log has not come to this seq: it is of another log, or of no operation";
  throw new FreshetError("invalid_request", says);
}

/** @throws FreshetError log_unavailable */
export function readFromOf({ generations }: Pick<Log, "generations">): EventsOptions["readFrom"] {
  return async (tenant, current) => {
    const { generations: record } = await generations.get(tenant);
    const named = fedGenerations(record).find((one) => nameOf(one) === current);
    const { builtTo: beginsAt } = named ?? record.active;
    return { name: nameOf(named ?? record.active), beginsAt };

    function nameOf({ number }: Generation): TenantId {
      return generationName(tenant, number);
    }
  };
}

/**
 * The position after which to read: from there on the chain holds every later operation.
 * @throws FreshetError events_expired, log_unavailable
 */
async function startOf(
  chunks: EventsOptions["chunks"],
  { name: tenant, beginsAt }: Told,
  after: Version,
): Promise<Position> {
  // Who reads from sequence 0 on is at -1.
  if (Math.max(after, noVersion) < beginsAt) throw expired(nextAfter(beginsAt));
  const first = await chunks.first(tenant);
  if (first === null) return noPosition;
  if (first.version > after) {
    // What was purged before it may hold operations that the reader has not seen.
    if (first.previous !== noPosition && first.version > after + 1) throw expired(first.version);
    return first.previous;
  }
  return await lastUpTo(chunks, first, after);
}

/**
 * The position of the tenant's last record with a version up to `after`, by halving: versions grow
 * with positions, and a log of days is not read from its beginning for each reader that comes back.
 */
async function lastUpTo(
  chunks: EventsOptions["chunks"],
  first: RecordHeader,
  after: Version,
): Promise<Position> {
  const last = await chunks.last(first.tenant);
  if (last === null || last.version <= after) return last?.position ?? noPosition;
  let low = first.position;
  let high = last.position;
  // `low` is a record up to `after`; every record from `high` on is above it.
  while (low < high - 1) {
    const middle = position(low + Math.ceil((high - low) / 2));
    const found = await chunks.first(first.tenant, middle);
    if (found === null || found.position >= high || found.version > after) high = middle;
    else low = found.position;
  }
  return low;
}

interface Page {
  readonly headers: readonly RecordHeader[];
  /** Position of the last record that was read, also one that is no event. */
  readonly end: Position;
}

async function* pagesOf(
  chunks: EventsOptions["chunks"],
  range: Parameters<ChunksLog["headers"]>[0],
): AsyncGenerator<Page> {
  let headers: RecordHeader[] = [];
  let end = range.after;
  try {
    for await (const header of chunks.headers(range)) {
      end = header.position;
      if (header.kind !== "fence") headers.push(header);
      if (headers.length < limits.eventsPageMax) continue;
      yield { headers, end };
      headers = [];
    }
  } catch (thrown) {
    throw await reasonOf(chunks, { ...range, after: end }, thrown);
  }
  yield { headers, end };
}

/** A reader that is slower than retention finds its chain broken: it has lost events (EO3). */
async function reasonOf(
  chunks: EventsOptions["chunks"],
  { tenant, after }: { readonly tenant: TenantId; readonly after: Position },
  thrown: unknown,
): Promise<unknown> {
  if (!(thrown instanceof FreshetError) || thrown.code !== "broken_chain") return thrown;
  const first = await chunks.first(tenant);
  return first !== null && first.previous > after ? expired(first.version) : thrown;
}

function expired(version: Version): FreshetError {
  return new FreshetError("events_expired", undefined, {
    details: { oldest_seq: version },
  });
}

/** EO2. A page's last document is enough: its owner applies in order. */
async function untilShown(
  { stateOf, clock }: EventsOptions,
  { tenant, signal, headers }: Pick<EventsRequest, "tenant" | "signal"> & Pick<Page, "headers">,
): Promise<void> {
  const shown = headers.findLast(({ kind }) => kind === "upsert" || kind === "delete");
  if (shown === undefined || shown.documentId === null) return;
  const { documentId, version } = shown;
  for (let attempt = 0; ; attempt += 1) {
    signal.throwIfAborted();
    const seq = await stateOf(tenant, documentId).then(seqOf, belowAllWhilePassing);
    if (seq >= version) return;
    await clock.sleep(backoffMs(pauses, attempt), signal);
  }
}

const pauses = { backoffMinMs: limits.ownerPollMs, backoffMaxMs: limits.eventsPollMs };

function seqOf(state: DocumentState): number {
  return state.status === "visible" ? state.seq : state.visible_seq;
}

/** While a tenant moves between nodes nobody shows anything of it. */
function belowAllWhilePassing(thrown: unknown): number {
  if (toFreshetError(thrown).retryable) return -1;
  throw thrown;
}

const statuses = {
  upsert: "visible",
  delete: "deleted",
  reject: "rejected",
  duplicate: "superseded",
} as const satisfies Record<Exclude<RecordHeader["kind"], "fence">, DocumentStatus>;

function eventOf(header: RecordHeader): StoredEvent {
  const { kind, documentId, version, atMs, reason, message, expiresAtMs } = header;
  if (kind === "fence") throw new FreshetError("internal", "a fence is no event");
  const wasOver = expiresAtMs !== undefined && expiresAtMs <= atMs;
  return {
    id: documentId,
    seq: version,
    // A document that had expired before it could be shown was never visible.
    status: wasOver ? "deleted" : statuses[kind],
    ...(reason === undefined ? {} : { reason, message }),
    at: new Date(atMs).toISOString(),
  };
}

/** Rings with the tenant's notices; as those may be lost, also after a while. */
function listen({ notices, clock }: EventsOptions, tenant: TenantId) {
  let rung = false;
  let wake: (() => void) | undefined;
  const close = notices.listen(tenant, () => {
    rung = true;
    wake?.();
  });
  return {
    close,
    async wait(signal: AbortSignal): Promise<void> {
      signal.throwIfAborted();
      const waiting = new AbortController();
      const ring = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (!rung) {
        const until = AbortSignal.any([signal, waiting.signal]);
        const late = clock.sleep(limits.eventsPollMs, until).catch(() => undefined);
        await Promise.race([ring, late]);
      }
      waiting.abort();
      rung = false;
      wake = undefined;
      signal.throwIfAborted();
    },
  };
}
