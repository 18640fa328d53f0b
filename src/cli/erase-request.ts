/**
 * Asks for an erase of documents: publishes their deletes, and holds them until the erase itself
 * does. What is refused has a code: the documents may be deleted then, and are not erased.
 */

import { type Deletes, eraseMarkerId } from "../contract/erase.ts";
import { FreshetError } from "../contract/errors.ts";
import type { DocumentId, TenantId, Version } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { checkServed } from "../contract/tenant-life.ts";
import { hasRoomToHold } from "../contract/tenant-privacy.ts";
import { hold } from "../log/holds.ts";
import type { Log } from "../log/port.ts";
import { systemClock } from "../runtime/clock.ts";
import { forEachAtMost } from "../runtime/for-each.ts";

export type EraseLog = Pick<Log, "docs" | "lives" | "privacy">;

export interface EraseRequest {
  readonly tenant: TenantId;
  /** At most `limits.eraseDocumentsMax`; one that is named twice counts once. */
  readonly ids: readonly DocumentId[];
}

/**
 * @throws FreshetError overloaded (so many are under way: later), invalid_request, tenant_erased,
 *   tenant_suspended, log_unavailable
 */
export async function publishDeletes(
  { docs, lives, privacy }: EraseLog,
  { tenant, ids }: EraseRequest,
): Promise<Deletes> {
  const documents = new Set(ids);
  if (documents.size === 0 || documents.size > limits.eraseDocumentsMax) {
    const told = `an erase is of 1 to ${limits.eraseDocumentsMax} documents: send the rest apart`;
    throw new FreshetError("invalid_request", told);
  }
  checkServed((await lives.get(tenant)).life);
  if (!hasRoomToHold((await privacy.get(tenant)).privacy, documents.size)) {
    throw new FreshetError("overloaded", "so many erases of this tenant are under way: ask later");
  }
  const publish = async (id: string): Promise<Version> => {
    const payload = new TextEncoder().encode(JSON.stringify({ id, op: "delete" }));
    return (await docs.publish({ tenant, payload })).seq;
  };
  const found: Version[] = [];
  await forEachAtMost(documents, limits.erasePublishesMax, async (id) => {
    found.push(await publish(id));
  });
  const versions = found.sort((one, other) => one - other);
  // The end of the chain is never removed: it must not name a document.
  const through = await publish(eraseMarkerId);
  if ((await hold(privacy, { tenant, versions })) !== undefined) return { versions, through };
  const told = "the documents are deleted, and not erased: so many erases are under way. Ask later";
  throw new FreshetError("overloaded", told);
}

/**
 * Once more where another erase took a delete before it was held.
 * @throws FreshetError as `publishDeletes`, and what `run` throws
 */
export async function eraseBy<Result>(
  log: EraseLog,
  request: EraseRequest,
  run: (deletes: Deletes) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    const deletes = await publishDeletes(log, request);
    try {
      return await run(deletes);
    } catch (thrown) {
      const isTaken = thrown instanceof FreshetError && thrown.code === "not_found";
      if (!isTaken || attempt >= limits.eraseAttemptsMax) throw thrown;
    }
  }
}

export interface PartsRequest extends EraseRequest {
  /** What has begun by then goes on; nothing more begins. */
  readonly signal: AbortSignal;
}

/**
 * As many documents as wanted, in parts, several at once; one waits for room where other erases of
 * the tenant are under way.
 * @throws FreshetError as `eraseBy`, and the signal's reason
 */
export async function eraseInParts<Result>(
  log: EraseLog,
  { tenant, ids, signal }: PartsRequest,
  {
    run,
    ended,
  }: {
    readonly run: (deletes: Deletes) => Promise<Result>;
    /** Each part at once: what has ended is not lost with what has not. */
    readonly ended: (result: Result, documents: number) => void;
  },
): Promise<void> {
  const parts: (readonly DocumentId[])[] = [];
  for (let at = 0; at < ids.length; at += limits.eraseDocumentsMax) {
    parts.push(ids.slice(at, at + limits.eraseDocumentsMax));
  }
  const part = async (some: readonly DocumentId[]): Promise<Result> => {
    for (;;) {
      signal.throwIfAborted();
      try {
        return await eraseBy(log, { tenant, ids: some }, run);
      } catch (thrown) {
        if (!(thrown instanceof FreshetError) || thrown.code !== "overloaded") throw thrown;
        await systemClock.sleep(limits.eraseLookEveryMs, signal);
      }
    }
  };
  await forEachAtMost(parts, limits.erasesOfListMax, async (some) => {
    ended(await part(some), some.length);
  });
}
