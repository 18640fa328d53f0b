/**
 * Values that were to be redacted, planted in 10,000 documents, their files, events and questions:
 * how many are found where they must not be, in all that an engine says, and in every file of NATS,
 * Weaviate, Temporal and the engine. DOCS alone may hold them.
 */

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { connect } from "nats";
import { describeLeaks, judge, placesSeen, type Verdict } from "../leaks/judge.ts";
import { plantKinds } from "../leaks/kinds.ts";
import { leakSettings, startRecordingModels } from "../leaks/models.ts";
import { type Heard, tellLeakStory } from "../leaks/story.ts";
import { startOtlpReceiver } from "../support/otlp-receiver.ts";
import type { BenchContext } from "./context.ts";
import { type BenchEngine, startBenchEngine } from "./engine.ts";
import { type BenchResult, measured } from "./report.ts";

const run = promisify(execFile);
const documentsDefault = 10_000;
const seed = 14;
const tenant = "leaks";
/** Longer than a merge waits for its second look. */
const confirmedMs = 5_000;
const outputBytesMax = 64 * 1024 * 1024;

export async function benchLeaks(context: BenchContext): Promise<BenchResult> {
  const documents = context.files ?? documentsDefault;
  await using models = await startRecordingModels();
  await using collector = await startOtlpReceiver();
  const outside = mkdtempSync(join(tmpdir(), "freshet-spool-"));
  const settings = {
    TMPDIR: context.scratch,
    ...leakSettings(models, collector.url),
    FRESHET_MERGE_CONFIRM_MS: "500",
  };
  try {
    const engine = await startBenchEngine({ ...context, env: { ...context.env, ...settings } });
    let heard: Heard;
    try {
      heard = await tell(context, engine, { documents, outside, settings });
    } finally {
      await engine.stop();
    }
    const also = { prompts: models.received, traces: collector.bodies };
    const begun = performance.now();
    const verdict = judge({ ...heard, also, roots: [context.scratch] });
    context.say(`${verdict.files} files in ${Math.round(performance.now() - begun)} ms`);
    for (const line of describeLeaks(verdict.leaks).split("\n")) context.say(line);
    return resultOf(verdict, { documents, values: heard.garden.all.length });
  } finally {
    rmSync(outside, { recursive: true, force: true });
  }
}

interface Telling {
  readonly documents: number;
  /** Where files that are ingested lie, and the memory of who ingests them. */
  readonly outside: string;
  readonly settings: Readonly<Record<string, string>>;
}

async function tell(
  { env, root, say }: BenchContext,
  { httpUrl, natsUrl, temporal }: BenchEngine,
  { documents, outside, settings }: Telling,
): Promise<Heard> {
  const nats = await connect({ servers: natsUrl });
  const own = {
    ...{ ...env, ...settings },
    FRESHET_NATS_URL: natsUrl,
    FRESHET_TEMPORAL_ADDRESS: temporal.address,
    FRESHET_TEMPORAL_NAMESPACE: temporal.namespace,
    FRESHET_HTTP_PORT: new URL(httpUrl).port,
    FRESHET_DATA_DIR: join(outside, "data"),
  };
  const freshet = async (parameters: readonly string[]): Promise<string> => {
    const all = [join(root, "src/cli/main.ts"), ...parameters];
    const options = { env: own, maxBuffer: outputBytesMax };
    const { stdout } = await run(process.execPath, all, options);
    return stdout;
  };
  const ofTenant = (parameters: readonly string[]): Promise<string> =>
    freshet([...parameters, "--tenant", tenant]);
  const merge = async (): Promise<void> => {
    await freshet(["merge", tenant]);
    await sleep(confirmedMs);
  };
  const spool = join(outside, "files");
  try {
    const site = { httpUrl, nats, tenant, spool, freshet: ofTenant, merge, say };
    return await tellLeakStory(site, { documents, seed });
  } finally {
    await nats.close();
  }
}

function resultOf(
  { leaks, rawFiles, seen, files }: Verdict,
  { documents, values }: { readonly documents: number; readonly values: number },
): BenchResult {
  const row = (name: string, unit: string, value: number) =>
    measured({ name, unit, value, p50: null, p99: null, n: values });
  return {
    settings: {
      documents: String(documents),
      "values planted": `${values} of ${plantKinds.length} kinds`,
      "files looked at": `${files}; ${rawFiles.length} of DOCS hold values as they were published`,
    },
    rows: [
      row("leaks.found", "values", leaks.length),
      row("leaks.blind", "places", placesSeen.filter((place) => !seen.has(place)).length),
    ],
  };
}
