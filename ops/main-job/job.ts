/**
 * The main job, step by step, against a running engine: ingest, merge, ask.
 *
 * Owns: the order of the steps and what is printed. Never: starts or stops a process.
 */
import { resolveAddresses } from "../../src/cli/addresses.ts";
import { connectLog, connectMerges } from "../../src/cli/connect.ts";
import { connectEngine, type Engine } from "../../src/cli/http-client.ts";
import { seenPath } from "../../src/cli/ingest/seen.ts";
import { sourceLines, timingLine } from "../../src/cli/print.ts";
import { readConfig } from "../../src/config/config.ts";
import { tenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { confirmedTo } from "../../src/contract/manifest.ts";
import { type MergeOutcome, mergeWorkflowId } from "../../src/contract/merge.ts";
import type { EngineStatus } from "../../src/contract/service.ts";
import type { ManifestStore } from "../../src/log/port.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import type { Environment } from "../setup/cache.ts";
import { SetupError } from "../setup/setup-error.ts";
import { countChunks, countVisible } from "./count.ts";
import { ingestSingly, ingestTogether, type JobCorpus, type SinglesResult } from "./ingest.ts";
import { type PlannedQuestion, percentile, planJob } from "./plan.ts";
import type { FreshetNode } from "./processes.ts";
import type { AskedQuestion, JobReport } from "./report.ts";

type Merges = Awaited<ReturnType<typeof connectMerges>>;

export const tenant = tenantId("demo");
const clock = systemClock;
/**
 * The confirmation, which a workflow of another engine may have put off for its full time, the
 * grace period, and one look at the manifest, with room for a busy machine.
 */
const dropWithinMs = limits.mergeConfirmMs + 60_000;
const pollMs = 200;
/**
 * Little to read and little to write: the local model is slow on a machine that is busy with the
 * rest.
 */
const asking = { top_k: 3, max_tokens: 80, deadline_ms: 60_000 };
/** The worker connects by itself; a fresh Temporal namespace needs a moment. */
const mergePollMs = 500;

export interface JobContext {
  readonly corpus: JobCorpus;
  readonly env: Environment;
  readonly nodes: readonly FreshetNode[];
  readonly urls: JobReport["urls"];
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export async function runJob(context: JobContext): Promise<JobReport> {
  const { corpus, env, urls, say, signal } = context;
  const begun = clock.monotonicMs();
  const addresses = resolveAddresses({}, env);
  const plan = planJob(corpus.documents);
  const connection = await connectLog(addresses);
  const confirmMs = readConfig(env).merge.confirmMs;
  const merges = await connectMerges(addresses, { confirmMs });
  const engine = connectEngine(addresses, tenant);
  const nodes = context.nodes.map(({ name, httpUrl: http }) => ({
    name,
    http,
    engine: connectEngine({ ...addresses, http }, tenant),
  }));
  const engines = nodes.map((node) => node.engine);
  try {
    const step = { tenant, log: connection.log, clock, signal };
    const seen = seenPath(addresses.dataDir, tenant);
    // A key that is missing is told now, and not after minutes of ingest.
    await ownStatus(engines, signal);
    say(`ingesting ${plan.together.length} documents into tenant ${tenant}`);
    const bulk = await ingestTogether({ ...step, documents: plan.together, seenPath: seen }, say);
    if (bulk.unheard > 0)
      throw new SetupError(
        `${bulk.unheard} documents did not become visible: see the engine's log`,
      );
    say(
      `${bulk.documents} published, ${bulk.visible} visible, ${bulk.rejected} rejected, ` +
        `${bulk.unchanged} unchanged, in ${bulk.seconds.toFixed(1)} s`,
    );
    const before = await ownStatus(engines, signal);
    const merged = await mergeOnce(context, merges);
    const { manifests } = connection;
    const through = before?.visible_seq ?? 0;
    const held = await untilDropped(engines, { merges, manifests, through, signal });
    // Answers are whole either way: nobody's servers end for it.
    if (held !== undefined) say(held);
    say(`publishing ${plan.singly.length} documents one by one`);
    const singles = await ingestSingly({ ...step, documents: plan.singly, seenPath: seen });
    const visibleMs = summarise(singles);
    say(`publish to visible: p50 ${visibleMs.p50} ms, p99 ${visibleMs.p99} ms`);
    const questions = await askAll(context, engine, plan.questions);
    const ids = corpus.documents.map(({ id }) => id);
    return {
      documents: bulk.documents + bulk.unchanged + plan.singly.length,
      published_now: bulk.documents + plan.singly.length,
      visible: await countVisible(engine, ids, signal),
      rejected: bulk.rejected + singles.rejected,
      skipped: corpus.skipped,
      chunks: await countChunks(connection.chunks, tenant),
      visible_ms: visibleMs,
      merged_chunks: merged.chunks,
      merge_workflow_id: mergeWorkflowId(tenant),
      questions,
      urls,
      nodes: await Promise.all(
        nodes.map(async ({ name, http, engine: of }) => {
          const { partitions } = await of.status(signal);
          return { name, http, partitions };
        }),
      ),
      seconds: Math.round((clock.monotonicMs() - begun) / 100) / 10,
    };
  } finally {
    await merges.close();
    await connection.close();
  }
}

function summarise({ visibleMs }: SinglesResult): JobReport["visible_ms"] {
  const rounded = (value: number): number => Math.round(value * 10) / 10;
  return {
    p50: rounded(percentile(visibleMs, 0.5)),
    p99: rounded(percentile(visibleMs, 0.99)),
    n: visibleMs.length,
  };
}

async function mergeOnce(
  { say, urls, signal }: JobContext,
  merges: Merges,
): Promise<{ readonly chunks: number }> {
  say("merging what is there into the cold shard");
  if (urls.temporal_ui !== "") say(`  ${merges.workflowUrl(tenant, urls.temporal_ui)}`);
  const done = new AbortController();
  const watching = showProgress(merges, say, AbortSignal.any([signal, done.signal]));
  let outcome: MergeOutcome;
  try {
    outcome = await orInterrupted(merges.force(tenant), signal);
  } finally {
    done.abort();
    await watching;
  }
  switch (outcome.kind) {
    case "merged":
      say(
        `merged ${outcome.upserts} documents, ${outcome.chunks} chunks, ${outcome.deletes} deletes`,
      );
      return { chunks: outcome.chunks };
    case "nothing":
      say("nothing to merge: everything older is cold already");
      return { chunks: 0 };
    case "paused":
    case "cancelled":
      throw new SetupError(
        `the merge is ${outcome.kind}: resume it with ops/freshet merge --resume ${tenant}`,
      );
    case "failed":
      throw new SetupError(`the merge failed: ${outcome.error.code}: ${outcome.error.message}`);
  }
}

/** A merge that cannot continue waits for minutes; Ctrl-C does not wait for it. */
function orInterrupted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const interrupted = new Promise<never>((_resolve, reject) => {
    const stop = (): void => reject(new SetupError("interrupted"));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
  });
  return Promise.race([work, interrupted]);
}

async function showProgress(
  merges: Merges,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let told = "";
  while (!signal.aborted) {
    await clock.sleep(mergePollMs, signal);
    const progress = await merges.progress(tenant).catch(() => null);
    if (progress === null || signal.aborted) continue;
    const { phase, written, total, error } = progress;
    const line = `  ${phase}${total > 0 ? ` ${written}/${total} objects` : ""}${error === null ? "" : ` (${error.code}: ${error.message})`}`;
    if (line !== told) say(line);
    told = line;
  }
}

async function ownStatus(engines: readonly Engine[], signal: AbortSignal) {
  const all = await Promise.all(engines.map((engine) => engine.status(signal)));
  return all.flatMap(({ tenants }) => tenants).find((entry) => entry.tenant === tenant);
}

/**
 * Until hot has dropped what cold holds now: only then is a cold source really read from cold. What
 * somebody else has published since the merge stays in hot, and is not waited for.
 * @returns what is known of it, where that takes too long
 */
async function untilDropped(
  engines: readonly Engine[],
  options: {
    readonly merges: Merges;
    readonly manifests: Pick<ManifestStore, "get">;
    readonly through: number;
    readonly signal: AbortSignal;
  },
): Promise<string | undefined> {
  const { merges, manifests, through, signal } = options;
  const until = clock.monotonicMs() + dropWithinMs;
  for (;;) {
    const own = await ownStatus(engines, signal);
    if (own !== undefined && hasDropped(own, through)) return undefined;
    if (clock.monotonicMs() > until) {
      const left = `${own?.hot.documents ?? "?"} are left, ${own?.unmerged_chunks ?? "?"} chunks unmerged`;
      const progress = await merges.progress(tenant).catch(() => null);
      const { phase = "away", error = null } = progress ?? {};
      const why = error === null ? phase : `${phase}, ${error.code}: ${error.message}`;
      const stored = await manifests.get(tenant).catch(() => null);
      // Tells an engine that has not heard of the confirmation from one that was never made.
      const log = stored === null ? "unknown" : confirmedTo(stored.manifest);
      return (
        `hot did not let go of merged documents in time: ${left}; merges: ${why}; ` +
        `the log is confirmed to ${log} of ${stored?.manifest.to ?? "?"}. See the engine's log`
      );
    }
    signal.throwIfAborted();
    await clock.sleep(pollMs, signal);
  }
}

function hasDropped(
  { hot, unmerged_chunks, watermark }: EngineStatus["tenants"][number],
  through: number,
): boolean {
  if (hot.documents === 0 && unmerged_chunks === 0) return true;
  return watermark >= through && hot.chunks <= unmerged_chunks;
}

async function askAll(
  { say, signal }: JobContext,
  engine: Engine,
  questions: readonly PlannedQuestion[],
): Promise<readonly AskedQuestion[]> {
  const asked: AskedQuestion[] = [];
  for (const { query, expects, from } of questions) {
    say("");
    say(`? ${query}   (answer in ${expects}, ${from})`);
    const answer = await engine.ask({ query, ...asking }, signal);
    const { sources, coverage, timings } = answer;
    say(`  ${answer.answer.replaceAll("\n", "\n  ")}`);
    for (const line of sourceLines(sources, false)) say(`  ${line}`);
    say(`  written by ${coverage.llm}; ${timingLine(timings)}`);
    const expectedFound = sources.some(({ id }) => id === expects);
    asked.push({
      query,
      expects,
      expected_found: expectedFound,
      answer: answer.answer,
      sources,
      coverage,
      timings,
    });
  }
  return asked;
}
