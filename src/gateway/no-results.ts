/** For forms in which a search without a hit is a reply and no error. */

import { FreshetError } from "../contract/errors.ts";
import type { Answer } from "../contract/query.ts";

/** @throws FreshetError what the question ends with, other than that nothing matches */
export async function unlessNothing<Instead>(
  answering: Promise<Answer>,
  instead: Instead,
): Promise<Answer | Instead> {
  try {
    return await answering;
  } catch (thrown) {
    if (thrown instanceof FreshetError && thrown.code === "no_results") return instead;
    throw thrown;
  }
}
