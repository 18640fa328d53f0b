/**
 * What cold will never take, as opposed to what it cannot take now. The difference decides what
 * becomes of a document: an outage is waited for, a refusal ends in a dead letter, and its
 * neighbours merge.
 */

import { FreshetError } from "../contract/errors.ts";

/** All other objects of the same call have been written. */
export class RefusedObjectsError extends FreshetError {
  readonly ids: readonly string[];

  constructor(ids: readonly string[], cause?: unknown) {
    super("cold_refused", "the cold shard refused some objects for good", {
      details: { objects: ids.length },
      cause,
    });
    this.ids = ids;
  }
}

/** Of one object that a reply names: `unclear` when its words are not known to us. */
export type Verdict = "refused" | "outage" | "unclear";

export interface FailedObject {
  /** Place in the page that was sent. */
  readonly index: number;
  readonly verdict: Verdict;
  readonly message: string;
}

export type PageReply =
  | { readonly kind: "answered"; readonly failed: readonly FailedObject[] }
  /** The request as a whole was refused for what it says: it does not say for which object. */
  | { readonly kind: "refused"; readonly cause: unknown };

export interface NarrowOptions<Item> {
  readonly send: (page: readonly Item[]) => Promise<PageReply>;
  /** Sends of unclear objects, each with a neighbour that passes, and the pause before each. */
  readonly attemptsMax: number;
  readonly pause: () => Promise<void>;
}

/**
 * Writes a page and returns the items that are refused for good; all others are written.
 *
 *   NA1  a request that is refused as a whole is halved, so that one item never stops its
 *        neighbours;
 *   NA2  an unclear failure counts as a refusal only beside a neighbour that passes, again and
 *        again: an outage of everything is never taken for the fault of one;
 *   NA3  an outage of any item ends the page: the caller repeats it, and writing twice is writing
 *        once.
 *
 * @throws FreshetError cold_unavailable
 */
export async function writeNarrowed<Item>(
  page: readonly Item[],
  options: NarrowOptions<Item>,
): Promise<readonly Item[]> {
  if (page.length === 0) return [];
  const reply = await options.send(page);
  if (reply.kind === "refused") {
    if (page.length === 1) return page;
    const middle = page.length >> 1;
    const left = await writeNarrowed(page.slice(0, middle), options);
    const right = await writeNarrowed(page.slice(middle), options);
    return [...left, ...right];
  }
  return judged(page, reply.failed, options);
}

async function judged<Item>(
  page: readonly Item[],
  failed: readonly FailedObject[],
  options: NarrowOptions<Item>,
): Promise<readonly Item[]> {
  throwOutage(failed);
  const itemsOf = (verdict: Verdict): readonly Item[] =>
    failed.flatMap((each) =>
      each.verdict === verdict ? page.slice(each.index, each.index + 1) : [],
    );
  const indexes = new Set(failed.map(({ index }) => index));
  const passed = page.filter((_, index) => !indexes.has(index));
  const [neighbour] = passed;
  const unclear = itemsOf("unclear");
  if (unclear.length === 0) return itemsOf("refused");
  if (neighbour === undefined) throw outage(`no object passed: ${failed[0]?.message}`);
  const stubborn = await confirmed(unclear, neighbour, options);
  return [...itemsOf("refused"), ...stubborn];
}

/** NA2. What of `unclear` fails at every attempt, beside a neighbour that passes. */
async function confirmed<Item>(
  unclear: readonly Item[],
  neighbour: Item,
  { send, attemptsMax, pause }: NarrowOptions<Item>,
): Promise<readonly Item[]> {
  let left = unclear;
  for (let attempt = 1; attempt <= attemptsMax && left.length > 0; attempt += 1) {
    await pause();
    const reply = await send([neighbour, ...left]);
    if (reply.kind === "refused") throw outage("a request was refused that had passed in parts");
    throwOutage(reply.failed);
    const indexes = new Set(reply.failed.map(({ index }) => index - 1));
    if (indexes.has(-1)) throw outage("an object that had passed failed");
    left = left.filter((_, index) => indexes.has(index));
  }
  return left;
}

/** NA3. */
function throwOutage(failed: readonly FailedObject[]): void {
  const first = failed.find(({ verdict }) => verdict === "outage");
  if (first !== undefined) throw outage(first.message, failed.length);
}

function outage(why: string, objects?: number): FreshetError {
  return new FreshetError("cold_unavailable", "weaviate did not take some objects", {
    ...(objects === undefined ? {} : { details: { objects } }),
    cause: new Error(why),
  });
}
