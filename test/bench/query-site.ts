/**
 * An engine with tenants in each state of their data: all in memory, half in cold, all in cold. A
 * small sample goes through the model; the rest is made of it (query-corpus.ts).
 */

import { setTimeout as sleep } from "node:timers/promises";
import { type Position, type TenantId, tenantId } from "../../src/contract/ids.ts";
import { confirmedTo } from "../../src/contract/manifest.ts";
import { coverageSchema } from "../../src/contract/query.ts";
import type { UpsertRecord } from "../../src/contract/record.ts";
import { readRecords } from "../support/records.ts";
import type { BenchContext } from "./context.ts";
import type { Reply } from "./query-ask.ts";
import { mixedRecords } from "./query-corpus.ts";
import type { StateName } from "./query-options.ts";
import { fillChunks } from "./recovery-records.ts";
import { openRecoverySite, type RecoverySite } from "./recovery-site.ts";
import type { BenchDocument } from "./texts.ts";

const sampleTenant = tenantId("sample");
const sampleDocuments = 60;
/** Pairs of some two hundred chunks make any size; more of them would be minutes of embedding. */
const sampleChars = 1_500;
const pollMs = 50;
const readyWithinMs = 180_000;
const residentWithinMs = 60_000;
/** Nothing is lost here between a merge and its second look: hot may drop what is merged at once. */
const merges = { confirmMs: 1_000, graceMs: 100 };

/** The life in which cold is asked; an engine that keeps no merged rows anyway reads nothing of it. */
export const keepingNothing = { FRESHET_HOT_KEPT_BYTES: "0" };

/** What a reply says of cold when the tenant is in the state. */
const coverageOf: Readonly<Record<StateName, string>> = {
  ...{ hot: "empty", half: "complete", cold: "complete", resident: "resident" },
};

/** Whether this engine has the state at all. */
export function exists(state: StateName): boolean {
  return coverageSchema.shape.cold.options.some((name) => `${name}` === coverageOf[state]);
}

/** Share of a tenant's chunks that is merged; a resident tenant is one whose rows were merged. */
const mergedShare: Readonly<Record<StateName, number>> = {
  hot: 0,
  half: 0.5,
  cold: 1,
  resident: 1,
};

export interface QueryTenant {
  readonly state: StateName;
  readonly chunks: number;
  readonly tenant: TenantId;
}

export interface QuerySite {
  readonly site: RecoverySite;
  readonly tenants: readonly QueryTenant[];
  /** Chunk texts of the sample, each about as long as a chunk may be. */
  readonly texts: readonly string[];
}

interface Filling {
  readonly context: BenchContext;
  readonly site: RecoverySite;
  readonly documents: readonly BenchDocument[];
}

/** The engine runs and is ready when this resolves. */
export async function openQuerySite(
  context: BenchContext,
  options: {
    readonly documents: readonly BenchDocument[];
    readonly modelUrl: string | undefined;
    /** Flags of Node for the engine that is measured. */
    readonly flags: readonly string[];
  },
): Promise<QuerySite> {
  const { documents, modelUrl, flags } = options;
  const env = {
    ...(modelUrl === undefined ? {} : { FRESHET_LLM_URL: modelUrl, FRESHET_LLM_MODEL: "mock" }),
    FRESHET_MERGE_CONFIRM_MS: String(merges.confirmMs),
    FRESHET_MERGE_GRACE_MS: String(merges.graceMs),
  };
  const site = await openRecoverySite(context, { env, merges });
  try {
    const sample = await makeSample({ context, site, documents });
    const tenants = await fillTenants({ context, site, documents }, sample);
    await site.startEngine({ flags, env: keepingNothing });
    await untilReady(site);
    const texts = sample.flatMap(({ body }) => body.chunks.map(({ text }) => text));
    return { site, tenants, texts };
  } catch (thrown) {
    await site.stop();
    throw thrown;
  }
}

/**
 * Another life of the engine, which keeps merged rows in memory. Resolves with the tenant as one that
 * is resident; undefined when it does not become that in time.
 */
export async function restartResident(
  { site }: QuerySite,
  options: {
    readonly flags: readonly string[];
    readonly merged: QueryTenant;
    readonly ask: (tenant: QueryTenant) => Promise<Reply>;
  },
): Promise<QueryTenant | undefined> {
  const { flags, merged, ask } = options;
  await site.killEngine();
  await site.startEngine({ flags });
  await untilReady(site);
  const resident: QueryTenant = { ...merged, state: "resident" };
  const endMs = performance.now() + residentWithinMs;
  while (performance.now() < endMs) {
    const reply = await ask(resident);
    if ("cold" in reply && `${reply.cold}` === coverageOf.resident) return resident;
    await sleep(pollMs);
  }
  return undefined;
}

/** What the replies say of cold besides what they should: nothing when the state was what it was taken for. */
export function foreignCoverage(
  { state }: Pick<QueryTenant, "state">,
  cold: ReadonlyMap<string, number>,
): string | undefined {
  const others = [...cold].filter(([name]) => name !== coverageOf[state]);
  if (others.length === 0) return undefined;
  return `cold was ${others.map(([name, count]) => `${name} ${count} times`).join(", ")}`;
}

export async function makeSample({
  context,
  site,
  documents,
}: Filling): Promise<readonly UpsertRecord[]> {
  context.say(`${sampleDocuments} documents through the engine`);
  await site.startEngine();
  await untilReady(site);
  const published = await Promise.all(
    documents.slice(0, sampleDocuments).map(({ id, text }) => {
      const payload = new TextEncoder().encode(
        JSON.stringify({ id, text: text.slice(0, sampleChars) }),
      );
      return site.log.docs.publish({ tenant: sampleTenant, payload });
    }),
  );
  const last = Math.max(...published.map(({ seq }) => seq));
  while (((await site.log.chunks.last(sampleTenant))?.version ?? 0) < last) await sleep(pollMs);
  await site.killEngine();
  const records = await readRecords(site.log.chunks, sampleTenant);
  return records.filter((record) => record.kind === "upsert");
}

/** While no engine runs: nobody owns them. */
async function fillTenants(
  { context, site }: Filling,
  sample: readonly UpsertRecord[],
): Promise<readonly QueryTenant[]> {
  const { chunks: sizes, states } = context.query;
  const tenants: QueryTenant[] = [];
  const later: (() => Promise<void>)[] = [];
  let seed = 1;
  for (const chunks of sizes) {
    for (const state of new Set(states.map((name) => (name === "resident" ? "cold" : name)))) {
      const tenant = tenantId(`${state}-${chunks}`);
      tenants.push({ state, chunks, tenant });
      const merged = Math.round(chunks * mergedShare[state]);
      const fill = async (count: number): Promise<void> => {
        if (count === 0) return;
        context.say(`${tenant}: ${count} chunks`);
        seed += 1;
        const records = mixedRecords(sample, { chunks: count, seed });
        await fillChunks(site.log, { tenant, sample: records, chunks: count });
      };
      await fill(merged);
      later.push(() => fill(chunks - merged));
    }
  }
  await mergeAll(context, site, tenants);
  for (const fill of later) await fill();
  return tenants;
}

export async function mergeAll(
  { say }: BenchContext,
  site: RecoverySite,
  tenants: readonly QueryTenant[],
): Promise<void> {
  const toMerge = tenants.filter(({ state }) => mergedShare[state] > 0);
  if (toMerge.length === 0) return;
  await site.startWorker();
  for (const { tenant } of toMerge) {
    say(`${tenant}: merge`);
    const outcome = await site.merges.force(tenant);
    if (outcome.kind !== "merged") throw new Error(`a merge ended as ${outcome.kind}`);
  }
  for (const { tenant } of toMerge) await untilConfirmed(site, tenant);
  await site.stopWorker();
}

/** Only what is confirmed is not loaded into memory by the engine that starts next. */
async function untilConfirmed({ log }: RecoverySite, tenant: TenantId): Promise<void> {
  const last = (await log.chunks.last(tenant))?.position ?? (0 as Position);
  for (;;) {
    const stored = await log.manifests.get(tenant);
    if (stored !== null && confirmedTo(stored.manifest) >= last) return;
    await sleep(pollMs);
  }
}

export async function untilReady(site: RecoverySite): Promise<void> {
  const endMs = performance.now() + readyWithinMs;
  for (;;) {
    const status = await site.status();
    if (status?.ready === true && status.services.cold === "up") return;
    if (performance.now() > endMs) throw new Error("the engine was not ready in time");
    await sleep(pollMs);
  }
}
