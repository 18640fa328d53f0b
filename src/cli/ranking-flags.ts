/** `--rank-by` and what else a question may say of its ranking, as the API takes it. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { rankBySchema, rankingFields } from "../contract/ranking.ts";

export interface RankingFlags {
  readonly rankBy?: string | undefined;
  readonly minCosine?: number | undefined;
  readonly diversity?: number | undefined;
  readonly context?: string | undefined;
  /** False with `--no-rerank`; commander says true without it. */
  readonly rerank?: boolean | undefined;
  /** The same of `--decline` and `--no-decline`; undefined without either. */
  readonly decline?: boolean | undefined;
  readonly explain?: boolean | undefined;
}

const contexts = rankingFields.context.unwrap().options;

export function withRanking(command: Command): Command {
  return command
    .addOption(
      new Option("--rank-by <how>", "meaning and words, or one of them").choices(
        rankBySchema.options,
      ),
    )
    .option("--min-cosine <c>", "no passage whose cosine is below it, -1 to 1", between(-1, 1))
    .option("--diversity <d>", "0: no copies; above, up to 1: also no repetition", between(0, 1))
    .addOption(new Option("--context <what>", "what is read around a passage").choices(contexts))
    .option("--no-rerank", "do not ask the reranker, where the engine has one")
    .option("--decline", "refuse when nothing found is about the question")
    .option("--no-decline", "answer whatever was found")
    .option("--explain", "say why these are the sources");
}

export function rankingOf(flags: RankingFlags) {
  const { rankBy, minCosine, diversity, context, rerank, decline, explain } = flags;
  return {
    ...{ rank_by: rankBy, min_cosine: minCosine, diversity, context, decline, explain },
    rerank: rerank === false ? false : undefined,
  };
}

function between(least: number, most: number): (value: string) => number {
  return (value) => {
    const number = value.trim() === "" ? Number.NaN : Number(value);
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`a number from ${least} to ${most}`);
  };
}
