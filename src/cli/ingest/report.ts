/** What an import says at its end, to people and to programs. Pure. */

import { limits } from "../../contract/limits.ts";
import { wayFor } from "../../ingest/formats/other-kinds.ts";
import type { Corpus } from "./corpus.ts";
import type { IngestSummary } from "./ingest.ts";
import type { MirrorPlan } from "./mirror.ts";
import { isOfOtherKind, type Problem, shownPath } from "./problems.ts";

export interface IngestReport extends Omit<IngestSummary, "skipped" | "mirror"> {
  /** Present when nothing was done: the counts are what would be. */
  readonly dry_run?: true;
  readonly skipped: number;
  readonly skipped_by_reason: Readonly<Record<string, number>>;
  /** Of those with the reason `type`, by the end of their name. */
  readonly skipped_types?: Readonly<Record<string, number>>;
  /** The first of each reason. */
  readonly problems: readonly Problem[];
  /** By globs and ignore files. */
  readonly excluded: number;
  readonly mirror?: MirrorReport | undefined;
}

export interface MirrorReport extends Omit<MirrorPlan, "deletes"> {
  readonly deletes: number;
  /** The first of them. */
  readonly delete_ids: readonly string[];
}

export function reportOf(summary: IngestSummary, corpus: Corpus, dryRun: boolean): IngestReport {
  const { problems, excluded } = corpus;
  const { mirror, ...counts } = summary;
  return {
    ...(dryRun ? { dry_run: true } : {}),
    ...counts,
    skipped: problems.total,
    skipped_by_reason: Object.fromEntries(problems.counts),
    ...(problems.types.size === 0 ? {} : { skipped_types: Object.fromEntries(problems.types) }),
    problems: problems.shown,
    excluded,
    ...(mirror === undefined ? {} : { mirror: mirrorReport(mirror) }),
  };
}

function mirrorReport({ deletes, ...plan }: MirrorPlan): MirrorReport {
  const shown = deletes.slice(0, limits.ingestDeletesShownMax);
  return { ...plan, deletes: deletes.length, delete_ids: shown };
}

export function reportLines(
  report: IngestReport,
  waited: boolean,
): { readonly results: readonly string[]; readonly notes: readonly string[] } {
  const { documents, visible, rejected, unchanged, skipped, seconds, mirror, excluded } = report;
  const isDry = report.dry_run === true;
  const seen = waited && !isDry ? `${visible} visible, ${rejected} rejected, ` : "";
  const verb = isDry ? "would be published" : "published";
  const left = `${skipped} skipped${excluded === 0 ? "" : `, ${excluded} excluded`}`;
  const result = `${documents} documents ${verb}, ${seen}${unchanged} unchanged, ${left} in ${seconds.toFixed(1)} s`;
  const reasons = Object.entries(report.skipped_by_reason).map(([why, n]) => `${why} ${n}`);
  return {
    results: mirror === undefined ? [result] : [result, ...mirrorLines(mirror, isDry)],
    notes: [
      ...(reasons.length === 0 ? [] : [`skipped: ${reasons.join(", ")}`]),
      ...typeLines(report.skipped_types ?? {}),
      ...report.problems.filter((problem) => !isOfOtherKind(problem)).map(problemLine),
    ],
  };
}

/** A folder holds a thousand files of one kind: each kind is a line, with what can be done. */
function typeLines(types: Readonly<Record<string, number>>): readonly string[] {
  const all = Object.entries(types);
  const more = all.length - limits.ingestTypesShownMax;
  return [
    ...all.slice(0, limits.ingestTypesShownMax).map(([type, count]) => {
      const way = wayFor(type);
      return `  type: ${shownPath(type)} ${count}${way === undefined ? "" : ` (${way})`}`;
    }),
    ...(more > 0 ? [`  type: and ${more} other kinds`] : []),
  ];
}

function mirrorLines(
  { deletes, delete_ids, live, kept, unnamed, refused }: MirrorReport,
  isDry: boolean,
): readonly string[] {
  const more = deletes - delete_ids.length;
  return [
    `${deletes} of ${live} documents ${isDry ? "would be deleted" : "deleted"}${kept === 0 ? "" : `, ${kept} kept`}`,
    ...(isDry ? delete_ids.map((id) => `  - ${shownPath(id)}`) : []),
    ...(isDry && more > 0 ? [`  - and ${more} more`] : []),
    ...(isDry && refused !== undefined ? [`would delete nothing: ${refused}`] : []),
    ...(unnamed === 0
      ? []
      : [`${unnamed} documents of the tenant are older than the names in the log: left alone`]),
  ];
}

function problemLine({ file, reason, line, detail }: Problem): string {
  const at = line === undefined ? "" : `:${line}`;
  const because = detail === undefined ? "" : ` (${detail})`;
  return `  ${reason}: ${shownPath(file)}${at}${because}`;
}
