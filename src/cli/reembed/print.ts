/** What is said of a tenant's generations. Pure. */

import {
  type Comparison,
  type Generation,
  type GenerationPhase,
  phaseOf,
  type TenantGenerations,
} from "../../contract/generation.ts";
import type { TenantId } from "../../contract/ids.ts";
import type { ReembedProgress } from "../../contract/reembed.ts";
import type { ReembedOutcome } from "../../merges/port.ts";

export interface ReembedState {
  readonly tenant: TenantId;
  readonly phase: GenerationPhase;
  readonly active: Pick<Generation, "number" | "model">;
  readonly other?: Pick<Generation, "number" | "model"> | undefined;
  readonly build?: ReembedProgress | undefined;
  /** The workflow of a build that ended otherwise than it should have. */
  readonly failed?: string | undefined;
  /** Why it has failed, or why the step in hand has to be tried again. */
  readonly why?: string | undefined;
  readonly compared?: Comparison | undefined;
  readonly cut?: { readonly at: number; readonly atMs: number } | undefined;
  /** Given up, and not removed yet. */
  readonly released: readonly number[];
}

interface Known {
  readonly tenant: TenantId;
  readonly generations: TenantGenerations;
  readonly progress?: ReembedProgress | null | undefined;
  readonly outcome?: ReembedOutcome | null | undefined;
}

export function stateOf({ tenant, generations, progress, outcome }: Known): ReembedState {
  const { active, released } = generations;
  const shown = ({ number, model }: Generation) => ({ number, model });
  const isBuilding = generations.state === "building" || generations.state === "joining";
  const isOfThis = generations.state !== "single" && progress?.number === generations.other.number;
  const isStarting = generations.state === "single" && outcome?.status === "RUNNING";
  return {
    ...{ tenant, phase: phaseOf(generations), active: shown(active), released },
    ...(generations.state === "single" ? {} : { other: shown(generations.other) }),
    ...(progress && (isOfThis || isStarting) ? { build: progress } : {}),
    ...(isBuilding && outcome !== undefined && outcome?.status !== "RUNNING"
      ? { failed: outcome?.status ?? "forgotten", why: outcome?.why }
      : {}),
    ...(generations.state === "single" && outcome?.status === "FAILED"
      ? { failed: outcome.status, why: outcome.why }
      : {}),
    ...(outcome?.status === "RUNNING" && outcome.why !== undefined ? { why: outcome.why } : {}),
    ...(generations.state !== "fed" ? {} : { compared: generations.compared }),
    ...(generations.state !== "fed" || generations.cut === undefined
      ? {}
      : { cut: { at: generations.cut.at, atMs: generations.cut.atMs } }),
  };
}

export function linesOf(state: ReembedState): readonly string[] {
  const { tenant, phase, active, other, build, failed, why, compared, cut, released } = state;
  const lines = [`${tenant}: ${phase}; ${named(active)} answers`];
  if (other !== undefined) lines.push(`${named(other)} stands beside it`);
  if (build !== undefined) lines.push(buildLine(build));
  if (failed !== undefined) {
    const way = `freshet reembed start --tenant ${tenant} goes on, or abandon gives it up`;
    const reason = why === undefined ? "" : ` (${why})`;
    lines.push(`its workflow is ${failed.toLowerCase()}${reason}: ${way}`);
  } else if (why !== undefined) {
    lines.push(`its last step failed and is tried again: ${why}; abandon gives it up`);
  }
  if (compared !== undefined) lines.push(...comparisonLines(compared));
  if (cut !== undefined) {
    lines.push(`since sequence ${cut.at} (${new Date(cut.atMs).toISOString()})`);
  }
  if (released.length > 0) lines.push(`being removed: generation ${released.join(", ")}`);
  return lines;
}

function named({ number, model }: Pick<Generation, "number" | "model">): string {
  return `generation ${number} (${model ?? "the engines' own model"})`;
}

function buildLine({ phase, done, total, texts, textsPerS, why }: ReembedProgress): string {
  const part = total === 0 ? "" : `${done} of ${total} documents and changes, `;
  const reason = why === undefined ? "" : `: ${why}`;
  return `build ${phase}${reason}: ${part}${texts} texts, at most ${textsPerS} a second`;
}

export function comparisonLines(compared: Comparison): readonly string[] {
  const { questions, k, overlap, ndcg, p50Ms, p99Ms } = compared;
  const pair = ([now, then]: readonly [number, number], digits: number) =>
    `${now.toFixed(digits)} now, ${then.toFixed(digits)} by the other`;
  return [
    `compared by ${questions} questions: overlap@${k} ${overlap.toFixed(3)}`,
    ...(ndcg === undefined ? [] : [`  nDCG@${k}: ${pair(ndcg, 3)}`]),
    `  p50 ms: ${pair(p50Ms, 1)}`,
    `  p99 ms: ${pair(p99Ms, 1)}`,
  ];
}
