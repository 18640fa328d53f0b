/** A change that loses its compare-and-set is made again, from what is there now. */

import { FreshetError } from "../contract/errors.ts";

/** Each loss means that another change was stored. */
const attemptsMax = 8;

/**
 * `attempt` reads, decides and writes; undefined when another write came between.
 * @throws FreshetError log_unavailable (`contended`: all attempts lost), and what `attempt` throws
 */
export async function untilStored<Result>(
  contended: string,
  attempt: () => Promise<Result | undefined>,
): Promise<Result> {
  for (let made = 1; made <= attemptsMax; made += 1) {
    const result = await attempt();
    if (result !== undefined) return result;
  }
  throw new FreshetError("log_unavailable", contended);
}
