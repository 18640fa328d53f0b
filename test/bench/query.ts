/**
 * Questions from outside: over NATS and HTTP, from memory, from cold and from both, against what the
 * same machine does in the same run without Freshet: the raw embedding lane with a raw index, and
 * Weaviate alone.
 */

import { freePort } from "../../ops/servers/ports.ts";
import type { BenchContext } from "./context.ts";
import { ingestThreads, queryThreads } from "./models.ts";
import { openAskers } from "./query-ask.ts";
import { type Asked, closedLoop } from "./query-load.ts";
import { startMockModel } from "./query-model.ts";
import { sizeName } from "./query-options.ts";
import { profileText, profileWhile, writeProfile } from "./query-profile.ts";
import { distinctQuestions } from "./query-questions.ts";
import { openRawLane, openWeaviateAlone } from "./query-reference.ts";
import { ingestRow, latencyRows, modelRow, openRow, rateRows, sizeRows } from "./query-rows.ts";
import {
  asking,
  measureIngest,
  measureLatencies,
  measureModel,
  measureOpen,
  measureRates,
  type Run,
} from "./query-sides.ts";
import {
  exists,
  openQuerySite,
  type QuerySite,
  type QueryTenant,
  restartResident,
} from "./query-site.ts";
import { type BenchResult, type Row, skipped } from "./report.ts";
import { loadDocuments } from "./texts.ts";

/** The rows with targets are of the size nearest to this one. */
const mainChunks = 20_000;
const profiledSeconds = 10;

export async function benchQuery(context: BenchContext): Promise<BenchResult> {
  const { query: options } = context;
  const documents = await loadDocuments(context);
  const model = options.modelMs === 0 ? undefined : await startMockModel(options.modelMs);
  const inspectPort = options.profile === undefined ? undefined : await freePort();
  const flags = inspectPort === undefined ? [] : [`--inspect=127.0.0.1:${inspectPort}`];
  let site: QuerySite | undefined;
  try {
    site = await openQuerySite(context, { documents, modelUrl: model?.url, flags });
    const next = distinctQuestions(documents);
    const rows = await measure({ context, site, next, inspectPort, flags });
    return { settings: settingsOf(context, site), rows };
  } finally {
    await site?.site.stop();
    await model?.close();
  }
}

interface Measuring extends Pick<Run, "context" | "site" | "next"> {
  readonly inspectPort: number | undefined;
  readonly flags: readonly string[];
}

async function measure(measuring: Measuring): Promise<readonly Row[]> {
  const { context, site, next, inspectPort } = measuring;
  const main = mainTenants(site.tenants);
  const merged = main.find(({ state }) => state === "cold");
  const [lead] = main;
  if (lead === undefined) throw new Error("there is no state to measure");
  context.say("the references");
  const askers = await openAskers(site.site);
  const raw = await openRawLane(site.site, lead.tenant);
  const weaviate = merged && (await openWeaviateAlone(site.site, merged.tenant));
  const run: Run = { context, site, askers, next, raw, weaviate };
  const wantsResident = merged !== undefined && context.query.states.includes("resident");
  try {
    if (inspectPort !== undefined) await profile(run, lead, inspectPort);
    const rows = [...(await mainRows(run, main)), ...(await otherRows(run, main))];
    if (wantsResident && exists("resident")) {
      return [...rows, ...(await residentRows(run, merged, measuring))];
    }
    const why = "this engine keeps no merged rows in memory";
    const absent = wantsResident ? absentRows(context, why) : [];
    return [...rows, ...(await leadRows(run, lead)), ...absent];
  } finally {
    await Promise.all([askers.close(), raw.close(), weaviate?.close()]);
  }
}

/** In a life of its own: the one before kept nothing, so that cold was asked. */
async function residentRows(
  run: Run,
  merged: QueryTenant,
  { flags, inspectPort }: Pick<Measuring, "flags" | "inspectPort">,
): Promise<readonly Row[]> {
  const { context, site, askers } = run;
  context.say("resident: another life of the engine");
  const ask = (tenant: QueryTenant) => asking(run, askers.nats, tenant)();
  const resident = await restartResident(site, { flags, merged, ask });
  if (resident === undefined) return absentRows(context, "no tenant became resident in time");
  if (inspectPort !== undefined) await profile(run, resident, inspectPort);
  // Weaviate was measured beside cold.
  const rows = await mainRows({ ...run, weaviate: undefined }, [resident]);
  return [
    ...rows.filter(({ name }) => !name.startsWith("query.raw.")),
    ...(await leadRows(run, resident)),
  ];
}

function mainTenants(tenants: readonly QueryTenant[]): readonly QueryTenant[] {
  const far = ({ chunks }: QueryTenant): number => Math.abs(chunks - mainChunks);
  const nearest = Math.min(...tenants.map(far));
  return tenants.filter((tenant) => far(tenant) === nearest);
}

async function mainRows(run: Run, main: readonly QueryTenant[]): Promise<readonly Row[]> {
  const { say, query: options } = run.context;
  say("one question at a time, and the references");
  const latencies = await measureLatencies(run, main);
  const rounds = new Map([...latencies.rounds].map(([{ state }, asked]) => [state, asked]));
  const rows: Row[] = [...latencyRows(rounds, latencies)];
  const [lead] = main;
  for (const tenant of main) {
    const { state } = tenant;
    say(`${state}: many at once`);
    const rawPerSecond: number[] = [];
    const rates = await measureRates(run, tenant, tenant === lead ? rawPerSecond : undefined);
    rows.push(...rateRows(state, rates, rawPerSecond));
    if (options.modelMs === 0) continue;
    rows.push(modelRow(state, await measureModel(run, tenant), options.modelMs));
  }
  return rows;
}

/** What is measured of the state alone that answers fastest. */
async function leadRows(run: Run, lead: QueryTenant): Promise<readonly Row[]> {
  const { say, query: options } = run.context;
  const rows: Row[] = [];
  if (options.openSeconds > 0) {
    say(`open loop: ${options.rate}/s for ${options.openSeconds} s`);
    rows.push(openRow(lead.state, await measureOpen(run, lead), options));
  }
  say("under full ingest");
  return [...rows, ingestRow(lead.state, await measureIngest(run, lead))];
}

async function otherRows(run: Run, main: readonly QueryTenant[]): Promise<readonly Row[]> {
  const { askers, context, site } = run;
  const rows: Row[] = [];
  for (const tenant of site.tenants.filter((one) => !main.includes(one))) {
    const { state, chunks } = tenant;
    context.say(`${state} at ${chunks} chunks`);
    const seconds = 2 * context.query.seconds;
    const ask = asking(run, askers.nats, tenant);
    const one: Asked = await closedLoop(ask, { inFlight: 1, seconds });
    const wide = await closedLoop(ask, { inFlight: 16, seconds });
    rows.push(...sizeRows({ state, size: sizeName(chunks) }, one, wide));
  }
  return rows;
}

/** So that a report says why a row with a target has no figure. */
function absentRows({ query }: BenchContext, why: string): readonly Row[] {
  return [
    skipped("query.resident.p50_ms", "ms", why),
    skipped("query.resident.max_qps", "/s", why),
    skipped(`query.resident.open_${query.rate}_p999_ms`, "ms", why),
  ];
}

async function profile(run: Run, tenant: QueryTenant, port: number): Promise<void> {
  const { context, askers } = run;
  const ask = asking(run, askers.nats, tenant);
  await closedLoop(ask, { inFlight: 16, seconds: 3 });
  let asked: Asked | undefined;
  const taken = await profileWhile(port, async () => {
    asked = await closedLoop(ask, { inFlight: 16, seconds: profiledSeconds });
  });
  // Of two lives the later one is kept.
  writeProfile(context.query.profile ?? "query.cpuprofile", taken);
  context.say(`profile: ${tenant.state}, 16 in flight, ${asked?.ms.length ?? 0} questions`);
  for (const line of profileText(taken)) context.say(line);
}

function settingsOf({ query }: BenchContext, site: QuerySite): BenchResult["settings"] {
  return {
    threads: `ingest ${ingestThreads}, queries ${queryThreads}; the load is of this process, on the same cores`,
    tenants: site.tenants.map(({ tenant }) => tenant).join(", "),
    chunks: "made of two chunks of a sample that the engine embedded, no two alike",
    questions: `6 to 10 words of real text, top 5; rounds of ${query.seconds} s that take turns`,
  };
}
