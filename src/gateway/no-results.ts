/**
 * For forms in which a search without a hit is a reply and no error. What such an error says of how
 * much was looked at goes into the reply: nothing found among some is not nothing there (I12).
 */

import { FreshetError } from "../contract/errors.ts";
import { type Answer, type Coverage, coverageSchema } from "../contract/query.ts";

export interface Nothing {
  /** Only where it does not mean that nothing matches: documents that do may have been missed. */
  readonly doubt: string | undefined;
  readonly visible_seq: number | undefined;
  readonly coverage: Coverage | undefined;
}

/** @throws FreshetError what the question ends with, other than that nothing matches */
export async function unlessNothing<Instead>(
  answering: Promise<Answer>,
  instead: (nothing: Nothing) => Instead,
): Promise<Answer | Instead> {
  try {
    return await answering;
  } catch (thrown) {
    if (!(thrown instanceof FreshetError) || thrown.code !== "no_results") throw thrown;
    return instead(nothingOf(thrown));
  }
}

function nothingOf({ message, details = {} }: FreshetError): Nothing {
  const { coverage, visible_seq } = details;
  // Memory was searched whole, or it would be another error; no model was asked.
  const told = coverageSchema.safeParse({ hot: "complete", cold: coverage, llm: "none" }).data;
  return {
    doubt: told?.cold === "partial" ? message : undefined,
    visible_seq: typeof visible_seq === "number" ? visible_seq : undefined,
    coverage: told,
  };
}
