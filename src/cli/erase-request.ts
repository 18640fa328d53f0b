/** Asks for erases of documents, one or many, and for those again that another erase was before. */

import type { Deletes } from "../contract/erase.ts";
import { FreshetError } from "../contract/errors.ts";
import type { DocumentId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { type EraseLog, type EraseRequest, publishDeletes } from "../log/guard/erase-deletes.ts";
import { systemClock } from "../runtime/clock.ts";
import { forEachAtMost } from "../runtime/for-each.ts";

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
