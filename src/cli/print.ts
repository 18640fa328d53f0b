/** Answers and tables for people. Pure: values to lines. */

import { MiB } from "../contract/limits/units.ts";
import type { QuarantinedRecord } from "../contract/quarantine.ts";
import type { Source, Timings } from "../contract/query.ts";
import { joiningLine, recoveryLine, recoveryOf } from "../contract/recovery.ts";
import type { EngineStatus } from "../contract/service.ts";
import { cutText } from "../contract/well-formed.ts";

export const mebibytes = (bytes: number): string => `${(bytes / MiB).toFixed(1)} MiB`;

/**
 * Text from documents could steer a terminal: control characters other than line feed and tab go.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}

/** `[1] Title — the source, 2026-11-29 (hot, 0.82)`, in the order that the answer cites. */
export function sourceLines(sources: readonly Source[], withText: boolean): readonly string[] {
  return sources.flatMap((source, index) => {
    const name = source.source ?? source.id;
    const title = source.title === undefined || source.title === name ? "" : `${source.title} — `;
    const dated = source.timestamp ?? source.published_at;
    const date = dated === undefined ? "" : `, ${dated.slice(0, 10)}`;
    const head = `[${index + 1}] ${title}${name}${date} (${source.shard}, ${source.score.toFixed(2)})`;
    const text = withText ? [`    ${snippet(source.text)}`] : [];
    return [head, ...text].map(printable);
  });
}

const snippetChars = 240;

function snippet(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > snippetChars ? `${cutText(line, snippetChars - 1)}…` : line;
}

export function timingLine(timings: Timings): string {
  const parts = Object.entries(timings).map(([stage, ms]) => `${stage} ${ms.toFixed(1)}`);
  return `${parts.join(" · ")} ms`;
}

export function statusLines(status: EngineStatus): readonly string[] {
  const { node, ready, refusal, partitions, services, tenants, quarantined = [] } = status;
  const recovery = recoveryOf(tenants);
  const isWhole =
    recovery.tenants_ready === recovery.tenants_total && recovery.operations_behind === 0;
  const joining = joiningLine(partitions);
  const states = Object.entries(services).map(([name, state]) => `${name} ${state}`);
  return [
    `node ${node}: ${ready ? "ready" : "not ready"}, ${partitions.owned} of ${partitions.total} partitions`,
    ...(refusal === undefined ? [] : [`log refused: ${refusal}`]),
    ...(joining === undefined ? [] : [joining]),
    ...quarantined.map(quarantineLine),
    `services: ${states.join(", ")}`,
    ...(isWhole ? [] : [recoveryLine(recovery)]),
    ...restingLines(status),
    ...(tenants.length === 0 ? ["no tenants yet"] : table(tenants.map(tenantRow))),
  ];
}

/** Counts, and by name those that somebody may wait for. */
function restingLines({ resting }: EngineStatus): readonly string[] {
  if (resting === undefined) return [];
  const { tenants, ...counts } = resting;
  const states = Object.entries(counts).filter(([, count]) => count > 0);
  const named = tenants.filter(({ state }) => state === "erasing" || state === "suspended");
  return [
    `resting: ${states.map(([state, count]) => `${count} ${state}`).join(", ")}`,
    ...named.map(({ tenant, state, since }) => {
      return `  ${tenant} is ${state} since ${new Date(since).toISOString()}`;
    }),
  ];
}

function quarantineLine({ stream, seq, subject, why }: QuarantinedRecord): string {
  return `quarantined: ${stream} ${seq} on ${subject} is ${why}: see ops/runbooks/quarantined-record.md`;
}

function tenantRow(tenant: EngineStatus["tenants"][number]): Readonly<Record<string, string>> {
  return {
    tenant: tenant.tenant,
    state: tenant.state,
    documents: String(tenant.documents),
    "hot documents": String(tenant.hot.documents),
    "hot chunks": String(tenant.hot.chunks),
    "hot MiB": (tenant.hot.bytes / 1024 / 1024).toFixed(1),
    "unmerged chunks": String(tenant.unmerged_chunks),
  };
}

/** Columns as wide as their widest cell; numbers to the right. */
export function table(rows: readonly Readonly<Record<string, string>>[]): readonly string[] {
  const names = Object.keys(rows[0] ?? {});
  const lines = [names, ...rows.map((row) => names.map((name) => row[name] ?? ""))];
  const widths = names.map((_, at) => Math.max(...lines.map((cells) => cells[at]?.length ?? 0)));
  return lines.map((cells) =>
    cells
      .map((cell, at) =>
        /^[\d.]+$/.test(cell) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
}
