/** What `freshet top` shows: values of the metrics page, and rates between two of them. Pure. */

import { limits } from "../../contract/limits.ts";

export interface Page {
  readonly atMs: number;
  /** By name and labels, as they stand on the page. */
  readonly series: readonly Series[];
}

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface TenantRow {
  readonly tenant: string;
  readonly documents_per_s: number;
  readonly questions_per_s: number;
  readonly lag_operations: number;
  /** Age of the operation that is to be applied next. */
  readonly lag_s: number;
  readonly hot_chunks: number;
  readonly unmerged_chunks: number;
  readonly memory_bytes: number;
  /** Operations that were rejected since the engine's start, each of them a dead letter. */
  readonly dead_letters: number;
  /** Phase of its merge; null while none runs, or no merge worker shows its metrics. */
  readonly merge: string | null;
}

export interface NodeRow {
  readonly documents_per_s: number;
  readonly questions_per_s: number;
  readonly tenants: number;
  readonly partitions: number;
  /** Cores in use. */
  readonly cpu: number;
  readonly resident_bytes: number;
  readonly hot_chunks: number;
  readonly merges: number | null;
  readonly embed_failures_per_s: number;
  /** Of a pool of embedding servers; null where this node embeds by itself. */
  readonly embed_servers: { readonly serving: number; readonly other: number } | null;
}

export interface Sample {
  readonly at: string;
  readonly node: NodeRow;
  readonly tenants: readonly TenantRow[];
}

export const sortKeys = {
  tenant: (row: TenantRow) => row.tenant,
  documents: (row: TenantRow) => -row.documents_per_s,
  questions: (row: TenantRow) => -row.questions_per_s,
  lag: (row: TenantRow) => -row.lag_s,
  chunks: (row: TenantRow) => -row.hot_chunks,
  memory: (row: TenantRow) => -row.memory_bytes,
  letters: (row: TenantRow) => -row.dead_letters,
} as const;
export type SortKey = keyof typeof sortKeys;

const line = /^freshet_(\w+?)(?:\{(.*)\})? (\S+)$/;
const label = /(?<!\w)(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Lines of other programs, comments and buckets are passed over. */
export function parsePage(text: string, atMs: number): Page {
  const series: Series[] = [];
  for (const each of text.slice(0, limits.topPageCharsMax).split("\n")) {
    if (each.startsWith("#") || each.includes("_bucket{")) continue;
    const [, name, labels = "", value] = line.exec(each) ?? [];
    if (name === undefined || Number.isNaN(Number(value))) continue;
    const own = [...labels.matchAll(label)].map(([, key = "", said = ""]) => [key, said] as const);
    series.push({ name, labels: Object.fromEntries(own), value: Number(value) });
  }
  return { atMs, series };
}

type Where = Readonly<Record<string, string>>;

function sum(page: Page | undefined, name: string, where: Where = {}): number {
  let total = 0;
  for (const series of page?.series ?? []) {
    if (series.name !== name) continue;
    if (Object.entries(where).every(([key, value]) => series.labels[key] === value)) {
      total += series.value;
    }
  }
  return total;
}

/** @param merges the page of a merge worker, where one is shown */
export function sampleOf(before: Page, now: Page, merges: Page | undefined): Sample {
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1_000);
  // A counter that fell was started again.
  const rate = (name: string, where: Where = {}): number =>
    Math.max(0, sum(now, name, where) - sum(before, name, where)) / seconds;
  const applied = (where: Where = {}): number =>
    ["visible", "deleted"].reduce(
      (total, outcome) => total + rate("operations_total", { ...where, outcome }),
      0,
    );
  const names = new Set(now.series.flatMap(({ labels: { tenant } }) => tenant ?? []));
  const tenants = [...names].map((tenant): TenantRow => {
    const of = (name: string): number => sum(now, name, { tenant });
    const waitsSince = of("oldest_waiting_timestamp_seconds");
    const memory = ["hot_bytes", "kept_bytes", "heads_bytes"].map(of);
    return {
      tenant,
      documents_per_s: applied({ tenant }),
      questions_per_s: rate("questions_total", { tenant }),
      lag_operations: of("ingest_lag_operations"),
      lag_s: waitsSince === 0 ? 0 : Math.max(0, now.atMs / 1_000 - waitsSince),
      hot_chunks: of("hot_chunks"),
      unmerged_chunks: of("unmerged_chunks"),
      memory_bytes: memory.reduce((total, bytes) => total + bytes, 0),
      dead_letters: sum(now, "operations_total", { tenant, outcome: "rejected" }),
      merge: phaseOf(merges, tenant),
    };
  });
  return {
    at: new Date(now.atMs).toISOString(),
    node: {
      documents_per_s: applied(),
      questions_per_s: rate("questions_total"),
      tenants: tenants.length,
      partitions: sum(now, "partitions_owned"),
      cpu: rate("process_cpu_seconds_total"),
      resident_bytes: sum(now, "process_resident_memory_bytes"),
      hot_chunks: sum(now, "hot_chunks"),
      merges: merges === undefined ? null : sum(merges, "merge_phase"),
      embed_failures_per_s: rate("embed_failures_total"),
      embed_servers: serversOf(now),
    },
    tenants,
  };
}

function phaseOf(merges: Page | undefined, tenant: string): string | null {
  const phase = merges?.series.find(
    ({ name, labels, value }) => name === "merge_phase" && labels["tenant"] === tenant && value > 0,
  );
  return phase?.labels["phase"] ?? null;
}

function serversOf(page: Page): NodeRow["embed_servers"] {
  if (!page.series.some(({ name }) => name === "embed_servers")) return null;
  const serving = sum(page, "embed_servers", { state: "serving" });
  return { serving, other: sum(page, "embed_servers") - serving };
}

export function sorted(tenants: readonly TenantRow[], key: SortKey): readonly TenantRow[] {
  const of = sortKeys[key];
  return tenants.toSorted((left, right) => {
    const [a, b] = [of(left), of(right)];
    if (a === b) return left.tenant < right.tenant ? -1 : 1;
    return a < b ? -1 : 1;
  });
}

/** One JSON line for the node and one for each tenant. */
export function sampleLines({ at, node, tenants }: Sample, key: SortKey): readonly string[] {
  return [
    JSON.stringify({ at, kind: "node", ...node }),
    ...sorted(tenants, key).map((row) => JSON.stringify({ at, kind: "tenant", ...row })),
  ];
}
