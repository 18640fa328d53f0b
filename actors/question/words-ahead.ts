/**
 * Cold's list by words, asked for while the question is embedded: it needs no vector, so a question
 * waits for the two one beside the other, not one after the other.
 *
 *   QW1  a list is begun under the watermark that the view has adopted by then, and whoever uses it
 *        masks by that one: it is as old as that, and what hot has dropped since shows as a drop
 *        (Q2);
 *   QW2  only where the vector is made for this question, and cold will be asked;
 *   QW3  what comes to nothing costs nothing: the search asks for its list itself;
 *   QW4  few at once, of which no tenant has all (I9, I11): where many wait for the embedder,
 *        nothing is gained by it.
 */

import type { ColdShard, ColdWords, WordsQuery } from "../../src/cold/port.ts";
import type { Position } from "../../src/contract/ids.ts";
import { settled } from "../../src/runtime/deadline.ts";
import type { FairShares } from "../../src/runtime/fair-shares.ts";
import type { Directory, TenantEntry } from "../directory/directory.ts";

/** A list that was begun. */
export interface BegunWords {
  readonly entry: TenantEntry;
  /** QW1. */
  readonly watermark: Position;
  /** Never rejects. */
  readonly list: Promise<ColdWords | undefined>;
  /** Once, when the question has no use for it any more. */
  end(): void;
}

interface WordsAheadOptions {
  readonly directory: Pick<Directory, "tenant">;
  readonly cold: Pick<ColdShard, "words">;
  readonly shares: FairShares;
}

export class WordsAhead {
  readonly #options: WordsAheadOptions;

  constructor(options: WordsAheadOptions) {
    this.#options = options;
  }

  /** Undefined where cold will not be asked, or where there is no room. */
  begin(query: WordsQuery & { readonly signal: AbortSignal }): BegunWords | undefined {
    const { directory, cold, shares } = this.#options;
    const entry = directory.tenant(query.tenant);
    if (entry === undefined) return undefined;
    const { state, isResident, watermark } = entry.status;
    if (state !== "ready" || isResident || watermark === 0) return undefined;
    const share = shares.tryTake(query.tenant);
    if (share === undefined) return undefined;
    const over = new AbortController();
    const leave = (): void => over.abort(settled);
    query.signal.addEventListener("abort", leave, { once: true });
    const ended = (): void => query.signal.removeEventListener("abort", leave);
    const list = cold.words({ ...query, signal: over.signal }).catch(() => undefined);
    return {
      entry,
      watermark: watermark as Position,
      list: list.finally(ended),
      end: () => {
        leave();
        share.release();
      },
    };
  }
}
