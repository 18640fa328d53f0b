/**
 * Cold's list by words, asked for while the question is embedded: it needs no vector, so a question
 * waits for the two one beside the other, not one after the other.
 *
 *   QB1  a list is begun under the watermark that the view has adopted by then, and whoever uses it
 *        masks by that one: it is as old as that, and what hot has dropped since shows as a drop
 *        (Q2);
 *   QB2  only where the vector is made for this question, and cold will be asked;
 *   QB3  what comes to nothing costs nothing: the search asks for its list itself;
 *   QB4  few at once, of which no tenant has all (I9, I11): where many wait for the embedder,
 *        nothing is gained by it.
 */

import type { ColdShard, ColdWords, WordsQuery } from "../../src/cold/port.ts";
import type { Position } from "../../src/contract/ids.ts";
import type { Question } from "../../src/contract/query.ts";
import { settled } from "../../src/runtime/deadline.ts";
import type { FairShares } from "../../src/runtime/fair-shares.ts";
import type { Directory, TenantEntry } from "../directory/directory.ts";

/** A list that was begun. */
export interface BegunWords {
  readonly entry: TenantEntry;
  /** QB1. */
  readonly watermark: Position;
  /** Never rejects. */
  readonly list: Promise<ColdWords | undefined>;
  /** Once, when the question has no use for it any more. */
  end(): void;
}

interface WordsAheadOptions {
  readonly directory: Pick<Directory, "tenant">;
  readonly cold: Pick<ColdShard, "words">;
  /** As a search asks for. */
  readonly candidates: number;
  readonly shares: FairShares;
}

interface Asked extends Omit<WordsQuery, "limit" | "traceparent"> {
  readonly question: Pick<Question, "as_of">;
  readonly signal: AbortSignal;
}

export class WordsAhead {
  readonly #options: WordsAheadOptions;

  constructor(options: WordsAheadOptions) {
    this.#options = options;
  }

  /** Undefined where cold will not be asked, or where there is no room. */
  begin(asked: Asked, traceparent: string | undefined): BegunWords | undefined {
    const { directory, cold, shares, candidates: limit } = this.#options;
    const { tenant, text, filter, access, hasSparse, question, signal } = asked;
    const entry = directory.tenant(tenant);
    if (entry === undefined || question.as_of !== undefined) return undefined;
    const { state, isResident, watermark } = entry.status;
    if (state !== "ready" || isResident || watermark === 0) return undefined;
    const share = shares.tryTake(tenant);
    if (share === undefined) return undefined;
    const over = new AbortController();
    const leave = (): void => over.abort(settled);
    signal.addEventListener("abort", leave, { once: true });
    const ended = (): void => signal.removeEventListener("abort", leave);
    const query = { tenant, text, filter, access, hasSparse, limit, traceparent };
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
