/** Sources for people. Pure: values to lines. */

import type {
  Mapped,
  SourceDefinition,
  SourceLetter,
  SourceProgress,
  SourceState,
} from "../../contract/source.ts";
import { table } from "../print.ts";

export interface Listed {
  readonly source: SourceDefinition;
  readonly state: SourceState | null;
  readonly progress: SourceProgress | null;
}

/** What programs read: no expression, because it is a page long (`show` has it). */
export function listedJson({ source, state, progress }: Listed): object {
  const { expression: _, generation: __, ...shown } = source;
  return {
    ...shown,
    sequence: progress?.sequence ?? null,
    lag: progress?.lag ?? null,
    ...(state?.counts ?? {}),
    node: state?.node ?? null,
    trouble: state?.trouble ?? null,
  };
}

export function listLines(listed: readonly Listed[]): readonly string[] {
  if (listed.length === 0) return ["no sources: freshet source add --help"];
  return [
    ...table(listed.map(row)),
    ...listed.flatMap(({ source, state }) =>
      state?.trouble === undefined ? [] : [`${source.name}: waits: ${state.trouble}`],
    ),
  ];
}

function row({ source, state, progress }: Listed): Readonly<Record<string, string>> {
  const { name, tenant, input, preset = "own" } = source;
  const number = (value: number | undefined): string => (value === undefined ? "-" : String(value));
  const counts = state?.counts;
  return {
    ...{ name, tenant, mapper: preset, reads: readsOf(input) },
    sequence: number(progress?.sequence),
    lag: number(progress?.lag),
    operations: number(counts?.operations),
    mapped: number(counts?.mapped),
    skipped: number(counts?.skipped),
    failed: number(counts?.failed),
  };
}

function readsOf(input: SourceDefinition["input"]): string {
  if (input.kind === "stream") return input.subject ?? `stream ${input.stream}`;
  return input.signature === undefined ? "webhook" : `webhook (${input.signature.kind})`;
}

export function showLines(listed: Listed, letters: readonly SourceLetter[]): readonly string[] {
  const { source, state, progress } = listed;
  const facts = {
    source: source.name,
    tenant: source.tenant,
    reads: JSON.stringify(source.input),
    mapper: source.preset ?? "own expression",
    options: JSON.stringify(source.options),
    added: new Date(source.createdAtMs).toISOString(),
    ...(progress === null ? {} : { sequence: progress.sequence, lag: progress.lag }),
    ...(state === null ? {} : { node: state.node, ...state.counts, skippedByReason: undefined }),
    ...(state?.trouble === undefined ? {} : { waits: state.trouble }),
  };
  const reasons = Object.entries(state?.counts.skippedByReason ?? {});
  return [
    ...Object.entries(facts).flatMap(([name, fact]) =>
      fact === undefined ? [] : [`${name}: ${fact}`],
    ),
    ...reasons.map(([reason, count]) => `skipped: ${count} × ${reason}`),
    ...letters.map(letterLine),
  ];
}

function letterLine({ sequence, delivery, atMs, message }: SourceLetter): string {
  const where = delivery === undefined ? `sequence ${sequence}` : `delivery ${delivery}`;
  return `failed: ${where}, ${new Date(atMs).toISOString()}: ${message}`;
}

export function mappedLines(mapped: Mapped): readonly string[] {
  switch (mapped.kind) {
    case "operations":
      return mapped.operations.map(({ payload }) => payload);
    case "skipped":
      return [`skipped: ${mapped.reason}`];
    case "failed":
      return [`failed: ${mapped.message}`];
  }
}
