/** A sample as lines of a terminal. Pure. */

import { MiB } from "../../contract/limits/units.ts";
import { table } from "../print.ts";
import { type NodeRow, type Sample, type SortKey, sorted, type TenantRow } from "./sample.ts";

export interface Screen {
  readonly columns: number;
  readonly rows: number;
}

export function sampleTable(sample: Sample, key: SortKey): readonly string[] {
  const rows = sorted(sample.tenants, key).map(rowOf);
  return [
    `${sample.at.slice(11, 19)}  ${nodeLine(sample.node)}`,
    "",
    ...(rows.length === 0 ? ["no tenants yet"] : table(rows)),
  ];
}

function nodeLine(node: NodeRow): string {
  const servers = node.embed_servers;
  const parts = [
    `${rate(node.documents_per_s)} documents/s`,
    `${rate(node.questions_per_s)} questions/s`,
    `${node.tenants} tenants in ${node.partitions} partitions`,
    `${node.cpu.toFixed(2)} cores`,
    `${mib(node.resident_bytes)} MiB`,
    `${node.hot_chunks} hot chunks`,
    ...(node.merges === null ? [] : [`${node.merges} merges`]),
    ...(servers === null ? [] : [`${servers.serving} embed servers, ${servers.other} away`]),
    ...(node.embed_failures_per_s === 0 ? [] : [`${rate(node.embed_failures_per_s)} failures/s`]),
  ];
  return parts.join(" · ");
}

function rowOf(row: TenantRow): Readonly<Record<string, string>> {
  return {
    tenant: row.tenant,
    "docs/s": rate(row.documents_per_s),
    "questions/s": rate(row.questions_per_s),
    lag: String(row.lag_operations),
    "lag s": row.lag_s.toFixed(1),
    "hot chunks": String(row.hot_chunks),
    unmerged: String(row.unmerged_chunks),
    MiB: mib(row.memory_bytes),
    "dead letters": String(row.dead_letters),
    merge: row.merge ?? "-",
  };
}

const rate = (value: number): string => value.toFixed(value < 100 ? 1 : 0);
const mib = (bytes: number): string => (bytes / MiB).toFixed(1);

/** What fits is drawn over what was there: cleared first, a screen would flicker. */
export function redraw(lines: readonly string[], { columns, rows }: Screen): string {
  const room = Math.max(1, rows - 1);
  const isCut = lines.length > room;
  const shown = isCut ? lines.slice(0, room - 1) : lines;
  const all = isCut ? [...shown, `… ${lines.length - shown.length} more`] : shown;
  const cut = all.map((each) => `${each.slice(0, columns)}\u001b[K\r\n`);
  return `\u001b[H${cut.join("")}\u001b[J`;
}

/** A screen of its own, so that what was there before comes back. */
export const openScreen = "\u001b[?1049h\u001b[?25l";
export const closeScreen = "\u001b[?25h\u001b[?1049l";
