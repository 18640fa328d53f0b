/**
 * Generations in a chaos run: an operator who takes one tenant through builds, cut-overs and
 * rollbacks, one step at a time, whenever the nemesis says; and which generation answered when.
 */

import type { TenantGenerations } from "../../src/contract/generation.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { GenerationStore } from "../../src/log/generation-port.ts";
import { otherModel } from "../support/other-model.ts";
import type { ReembedCli } from "../support/reembed-cli.ts";
import type { Observation } from "./check-answer.ts";
import type { History } from "./history.ts";

const ownModel = "all-MiniLM-L6-v2";
/** The build of some dozen documents is not over before something fails. */
const textsPerS = "20";

/** Pure: what the operator does next. */
export function nextStep(record: TenantGenerations, nth: number): readonly string[] {
  switch (record.state) {
    case "single": {
      // By name it is a model beside the engines' own, of the same vectors.
      const model = record.active.model === otherModel ? ownModel : otherModel;
      return ["start", "--model", model, "--rate", textsPerS];
    }
    case "building":
    case "joining": {
      if (nth % 6 === 0) return ["abandon"];
      if (nth % 6 === 1) return ["pause"];
      return ["resume", "--rate", textsPerS];
    }
    case "fed": {
      if (record.cut?.isRolledBack === false) return nth % 3 === 0 ? ["finish"] : ["rollback"];
      return nth % 5 === 0 ? ["abandon"] : ["cut-over", "--force"];
    }
  }
}

/** One step; what is refused or does not get through is an operator's life, and is noted. */
export async function takeStep(
  parts: {
    readonly tenant: TenantId;
    readonly generations: Pick<GenerationStore, "get">;
    readonly cli: ReembedCli;
    readonly history: Pick<History, "note">;
    readonly say: (line: string) => void;
  },
  nth: number,
): Promise<boolean> {
  const { tenant, generations, cli, history, say } = parts;
  const found = await generations.get(tenant).catch(() => undefined);
  if (found === undefined) return false;
  const [action = "", ...flags] = nextStep(found.generations, nth);
  const { code, out, err } = await cli(action, ...flags);
  const said = (code === 0 ? out : err).trim().split("\n", 1)[0];
  history.note({ generations: tenant, action, code, said });
  say(`  generations: ${action} (${code}) ${said}`);
  return code === 0;
}

/** A node that was cut off, slept or is slow to load has heard of a cut-over by then. */
const heardMs = 60_000;

/** Which generation answers, as the record says, and until when another one did. */
export class AnsweringGenerations {
  readonly #store: Pick<GenerationStore, "all">;
  readonly #active = new Map<string, number>();
  readonly #lastMs = new Map<string, number>();
  #unjudged: Observation[] = [];

  constructor(store: Pick<GenerationStore, "all">) {
    this.#store = store;
  }

  activeOf(tenant: TenantId): number {
    return this.#active.get(tenant) ?? 1;
  }

  observe(observation: Observation): void {
    if (observation.result.kind === "found") this.#unjudged.push(observation);
  }

  /** What is wrong with the replies that had come before the record was read, one line each. */
  async judge(nowMs: () => number): Promise<readonly string[]> {
    const atMs = nowMs();
    for await (const { tenant, generations } of this.#store.all()) {
      const { number } = generations.active;
      this.#active.set(tenant, number);
      this.#lastMs.set(`${tenant}~${number}`, atMs);
    }
    const judged = this.#unjudged.filter((one) => one.atMs <= atMs);
    this.#unjudged = this.#unjudged.filter((one) => one.atMs > atMs);
    return judged.flatMap((one) => this.#wrongIn(one));
  }

  #wrongIn({ tenant, bucket, node, generation = 1, atMs }: Observation): readonly string[] {
    const active = this.#active.get(tenant) ?? 1;
    if (generation === active) return [];
    const lastMs = this.#lastMs.get(`${tenant}~${generation}`);
    // Of one that was never in a record before: its cut-over and its end lie between two looks.
    if (lastMs === undefined || atMs - lastMs <= heardMs) return [];
    const since = Math.round((atMs - lastMs) / 1000);
    return [
      `${tenant}/${bucket} by ${node} at ${atMs}: generation ${generation} answered, ${active} has for ${since} s`,
    ];
  }
}
