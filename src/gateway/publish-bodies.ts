/**
 * What bodies of publish requests may hold of a node: places and bytes, in shares of the tenants,
 * and time.
 *
 *   BO1  a request has its place and its bytes before its body is read; one that finds none is
 *        refused at once;
 *   BO2  of an NDJSON body the line that is read is counted from the start, lines in flight by
 *        their own bytes: the reader waits for room, so the socket does;
 *   BO3  a body that trickles is cut: only time spent waiting for the caller counts, never our own;
 *   BO4  what comes without a key is of no tenant: all of it together is one party, so whoever
 *        names a tenant's source takes no room from that tenant. Within it one name that is asked
 *        for leaves room to the others, whether there is such a source or not.
 */

import type { FastifyReply, FastifyRequest } from "fastify";
import { FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Clock } from "../runtime/clock.ts";
import { late, waitAtMost } from "../runtime/deadline.ts";
import { FairShares, type Share } from "../runtime/fair-shares.ts";
import { whenClosed } from "./caller.ts";

/** Takes room for a line in flight; undefined when the signal aborts first. */
export type LineRoom = (bytes: number, signal: AbortSignal) => Promise<Share | undefined>;

export interface BodyOnItsWay {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** What the route takes. */
  readonly bytesMax: number;
}

/** No tenant has an empty name. */
const keyless = "" as TenantId;

interface Pools {
  readonly places: FairShares;
  readonly bytes: FairShares;
}

/** @throws FreshetError overloaded */
function hold({ places, bytes }: Pools, party: string, amount: number): () => void {
  const place = places.tryTake(party);
  const held = place && bytes.tryTake(party, Math.max(1, amount));
  if (held === undefined) {
    place?.release();
    throw new FreshetError("overloaded", "too many publishes at once");
  }
  return () => {
    place?.release();
    held.release();
  };
}

export class PublishBodies {
  readonly #places = new FairShares({ total: limits.httpPublishesInFlightMax });
  readonly #bytes = new FairShares({ total: limits.httpBodyBytesMax, timesFree: 1 / 2 });
  /** A pool of its own: a request that holds its line must not keep lines in flight from ending. */
  readonly #lines = new FairShares({ total: limits.httpBodyBytesMax, timesFree: 1 / 2 });

  /** BO4: as much as one party may have, of which one name has half. */
  readonly #keyless = {
    places: new FairShares({ total: limits.httpPublishesInFlightMax / 2 }),
    bytes: new FairShares({ total: limits.httpBodyBytesMax / 3 }),
  };

  /** BO1: from before the body is read until the reply is out. @throws FreshetError overloaded */
  admit(tenant: TenantId, { request, reply, bytesMax }: BodyOnItsWay): void {
    whenClosed(reply.raw, this.hold(tenant, heldBytes(request, bytesMax)));
  }

  /** BO1, BO4. @param name as it was asked for @throws FreshetError overloaded */
  admitKeyless(name: string, { request, reply, bytesMax }: BodyOnItsWay): void {
    const bytes = heldBytes(request, bytesMax);
    const leave = hold(this.#keyless, name, bytes);
    whenClosed(reply.raw, leave);
    whenClosed(reply.raw, this.hold(keyless, bytes));
  }

  /** A body of so many bytes, until what is returned is called. @throws FreshetError overloaded */
  hold(tenant: TenantId, amount: number): () => void {
    return hold({ places: this.#places, bytes: this.#bytes }, tenant, amount);
  }

  /** BO2. */
  lineRoom(tenant: TenantId): LineRoom {
    return async (amount, signal) => {
      const share = await this.#lines.take(tenant, { amount: Math.max(1, amount), signal });
      return typeof share === "object" ? share : undefined;
    };
  }
}

/**
 * What a body may have of memory before it is read. A declared length is what the framework
 * enforces; without one, and for NDJSON, it is the most that a body has.
 */
export function heldBytes({ headers }: FastifyRequest, max: number): number {
  const declared = Number(headers["content-length"] ?? Number.NaN);
  return Number.isFinite(declared) ? Math.min(Math.max(1, declared), max) : max;
}

export interface BodyBounds {
  readonly bytesPerSecondMin: number;
  readonly rateMs: number;
}

/** The raw body, up to the bound of an NDJSON request, and no slower than it may be (BO3). */
export async function* boundedBody(
  body: AsyncIterable<Uint8Array>,
  { bytesPerSecondMin, rateMs }: BodyBounds,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  const leastBytes = (bytesPerSecondMin * rateMs) / 1000;
  let bytes = 0;
  let waitedMs = 0;
  let broughtBytes = 0;
  let reading = chunks.next();
  let isReading = true;
  try {
    for (;;) {
      const begunMs = clock.monotonicMs();
      const next = await waitAtMost(clock, Math.max(0, rateMs - waitedMs), reading);
      waitedMs += clock.monotonicMs() - begunMs;
      if (next !== late && next.done === true) return;
      broughtBytes += next === late ? 0 : next.value.length;
      if (next === late || waitedMs >= rateMs) {
        if (broughtBytes < leastBytes) throw tooSlow(bytesPerSecondMin);
        waitedMs = 0;
        broughtBytes = 0;
      }
      if (next === late) continue;
      isReading = false;
      bytes += next.value.length;
      if (bytes > limits.httpNdjsonBytesMax) throw tooLong();
      yield next.value;
      reading = chunks.next();
      isReading = true;
    }
  } finally {
    // It lets go of the body: what is left can be read out. A read that never ends is not waited
    // for.
    if (!isReading) await chunks.return?.();
  }
}

function tooSlow(bytesPerSecondMin: number): FreshetError {
  const says = `the body brings less than ${bytesPerSecondMin} bytes a second`;
  return new FreshetError("request_timeout", says);
}

function tooLong(): FreshetError {
  const says = `at most ${limits.httpNdjsonBytesMax} bytes in a request`;
  return new FreshetError("document_too_large", says);
}

/** Of a body that was published, so that it is an operation. */
export function isDelete(body: unknown): boolean {
  return typeof body === "object" && body !== null && "op" in body && body.op === "delete";
}
