/** Flags of commands that ask one standing question, again and again. */

import type { Command } from "commander";
import { limits } from "../../contract/limits.ts";
import { addClause, type FilterFlag } from "../filter-flags.ts";
import { type CommonOptions, wholeNumber } from "../options.ts";
import type { StandingQuestion } from "./as-of-hits.ts";

export interface StandingOptions extends CommonOptions {
  readonly url?: string;
  readonly from?: number;
  readonly topK?: number;
  readonly filter?: FilterFlag;
}

/** @param about what becomes of the sources, for the help */
export function withStandingQuestion(command: Command, about: string): Command {
  return command
    .argument("<question>", "the question, in quotes")
    .option("-k, --top-k <n>", `sources that are ${about}`, wholeNumber(1, limits.topKMax))
    .option("--filter <field=value>", "only documents that match; repeat for more", addClause);
}

export function standingQuestion(
  query: string,
  { topK, filter }: StandingOptions,
): StandingQuestion {
  return { query, top_k: topK, filter };
}
