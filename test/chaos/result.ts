/** What a run says in the end; the JSON of `npm run chaos -- --json`. */

import type { Violation } from "./history.ts";
import type { ObjectivesResult } from "./objectives.ts";

export interface ChaosResult {
  readonly seed: number;
  readonly nodes: number;
  readonly natsServers: number;
  readonly weaviates: number;
  readonly tenants: number;
  readonly seconds: number;
  readonly operations: {
    readonly total: number;
    readonly acked: number;
    readonly refused: number;
    readonly unknown: number;
  };
  readonly questions: { readonly total: number; readonly checked: number };
  /** By kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Of the plan's list, so many had their turn; the rest came too late. */
  readonly faultsBegun: number;
  /** Planned, but their place was taken or they were not reached. */
  readonly faultsSkipped: number;
  /** Kinds that this machine does not permit. */
  readonly notPermitted: readonly string[];
  readonly rests: number;
  /** With `--observe`. */
  readonly objectives?: ObjectivesResult | undefined;
  readonly violations: readonly Violation[];
}

export function resultText(result: ChaosResult): string {
  const { operations, questions, faults, violations, seed, seconds } = result;
  const servers = `${result.natsServers} nats-servers, ${result.weaviates} Weaviates`;
  const { total, ...kinds } = faults;
  const byKind = Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`);
  return [
    `seed ${seed}, ${seconds} s, ${result.nodes} nodes, ${servers}, ${result.tenants} tenants`,
    `operations  ${operations.total}: ${operations.acked} acked, ${operations.refused} refused, ${operations.unknown} unknown`,
    `questions   ${questions.total}, ${questions.checked} replies checked`,
    `faults      ${total ?? 0}: ${byKind.join(", ")}`,
    ...(result.notPermitted.length > 0
      ? [`not permitted here: ${result.notPermitted.join(", ")}`]
      : []),
    ...(result.objectives === undefined ? [] : objectiveLines(result.objectives)),
    `violations  ${violations.length}`,
    ...violations.slice(0, 20).map(({ kind, detail }) => `  ${kind}: ${detail}`),
  ].join("\n");
}

function objectiveLines({ judged, samples }: ObjectivesResult): readonly string[] {
  const seen = Object.entries(samples).map(
    ([objective, { good, bad, unknown }]) =>
      `objective   ${objective}: ${good} good, ${bad} bad, ${unknown} unknown`,
  );
  const alerts = Object.entries(judged).map(
    ([alert, { firing, silent, fired }]) =>
      `alert       ${alert}: fired at ${fired} moments; it should at ${firing}, and be silent at ${silent}`,
  );
  return [...seen, ...alerts];
}
