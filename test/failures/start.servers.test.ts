import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JobReport } from "../../ops/main-job/report.ts";
import { isGroupAlive } from "../../ops/servers/process-group.ts";
import { mergeWorkflowId } from "../../src/contract/merge.ts";
import { delta, type Endpoint, startEndpoint, stream } from "../answer/misbehaving-endpoint.ts";
import { gateTo } from "../cold/gate.ts";
import { type Environment, openSite, type Site } from "../support/engine-process.ts";
import { type Run, runStart } from "../support/run-freshet.ts";
import { serversOfFile } from "../support/side-by-side.ts";

let site: Site;
let model: Endpoint;
let folder: string;
let corpus: string;

const pages = {
  "harbour.md":
    "# The harbour master\n\nThe harbour master keeps the tide tables in the red cabinet.",
  "mill.md": "# The old water mill\n\nThe old water mill grinds rye on Tuesdays.",
  "library.md": "# The village library\n\nThe village library lends maps of the moor for a week.",
  "smithy.md": "# The blacksmith's forge\n\nThe blacksmith's forge is lit at six in the morning.",
  "school.md": "# The music school\n\nThe music school owns eleven violins and one cello.",
  "notes.txt": "The post office closes at noon on Saturdays.",
  "picture.png": "no text",
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "freshet-start-"));
  corpus = join(folder, "corpus");
  mkdirSync(corpus);
  for (const [name, text] of Object.entries(pages)) writeFileSync(join(corpus, name), text);
  model = await startEndpoint();
  model.handle = stream(delta("It is said there [1].", "stop"), "data: [DONE]\n\n");
  site = await openSite();
});

afterAll(async () => {
  await site.close();
  await model.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Servers of the test run, and the packages that the test itself runs from. */
function environment(dataDir: string): Environment {
  return {
    ...site.env,
    FRESHET_DATA_DIR: dataDir,
    FRESHET_LLM_URL: model.url,
    FRESHET_LLM_MODEL: "told",
    FRESHET_SKIP_INSTALL: "1",
  };
}

interface Done {
  readonly run: Run;
  readonly report: JobReport;
}

async function runOnce(dataDir: string): Promise<Done> {
  const { run, report } = startWithReport(dataDir, ["--once"]);
  const code = await run.ended;
  if (code !== 0) throw new Error(`ops/start ended with ${code}:\n${run.stdout()}${run.stderr()}`);
  return { run, report: report() };
}

/** Ctrl-C is how a run ends that stays up: that is no failure. */
async function runUntilUp(dataDir: string, parameters: readonly string[]): Promise<Done> {
  const { run, report } = startWithReport(dataDir, parameters);
  await run.says(/running; Ctrl-C stops everything/);
  run.signalGroup("SIGINT");
  expect(await run.ended).toBe(0);
  expect(processesOf(dataDir)).toEqual([]);
  return { run, report: report() };
}

function startWithReport(dataDir: string, parameters: readonly string[]) {
  const file = join(folder, "report.json");
  const all = ["--corpus", corpus, "--report", file, ...parameters];
  const report = () => JSON.parse(readFileSync(file, "utf8")) as JobReport;
  return { run: runStart(all, environment(dataDir)), report };
}

/** Processes that were started with this data folder, whatever became of their parents. */
function processesOf(dataDir: string): readonly string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return false;
    try {
      return readFileSync(`/proc/${name}/environ`, "utf8").includes(`FRESHET_DATA_DIR=${dataDir}`);
    } catch {
      return false;
    }
  });
}

async function expectInterrupted(run: Run, dataDir: string): Promise<void> {
  run.signalGroup("SIGINT");
  const code = await run.ended;
  expect({ code, stderr: run.stderr() }).toEqual({ code: 130, stderr: expect.any(String) });
  expect(isGroupAlive(run.pid)).toBe(false);
  expect(processesOf(dataDir)).toEqual([]);
  expect(run.stderr()).not.toMatch(/\n\s+at /);
}

describe("ops/start", () => {
  it("runs the main job on the configured servers, reports it, and ingests nothing twice", async () => {
    const dataDir = join(folder, "data");
    const { run, report } = await runOnce(dataDir);
    expect(report).toMatchObject({
      documents: 6,
      published_now: 6,
      visible: 6,
      rejected: 0,
      chunks: 6,
      visible_ms: { n: 2 },
      merged_chunks: 4,
      merge_workflow_id: mergeWorkflowId("demo" as Parameters<typeof mergeWorkflowId>[0]),
      urls: { nats: site.nats.url },
    });
    expect(report.visible_ms.p50).toBeGreaterThan(0);
    expect(report.visible_ms.p99).toBeGreaterThanOrEqual(report.visible_ms.p50);
    expect(report.questions).toHaveLength(3);
    for (const { answer, sources, coverage, timings, expected_found } of report.questions) {
      expect(answer).toBe("It is said there [1].");
      expect(sources.length).toBeGreaterThan(0);
      expect(coverage).toEqual({ hot: "complete", cold: "complete", llm: "told" });
      expect(timings.total).toBeGreaterThan(0);
      expect(expected_found).toBe(true);
    }
    const shards = report.questions.flatMap(({ sources }) => sources.map(({ shard }) => shard));
    expect(new Set(shards)).toEqual(new Set(["hot", "cold"]));
    expect(run.stdout()).toContain(`NATS         ${site.nats.url}`);
    expect(Object.values(report.skipped).reduce((sum, count) => sum + count, 0)).toBe(1);

    expect(processesOf(dataDir)).toEqual([]);

    const last = await site.log.docs.lastSequence();
    const again = await runUntilUp(dataDir, ["--nodes", "2"]);
    // What is published singly is sent again, because its time is what is asked; the rest is unchanged.
    expect(again.report).toMatchObject({ documents: 6, published_now: 2, visible: 6, chunks: 6 });
    expect((await site.log.docs.lastSequence()) - last).toBe(2);
    const partitions = { total: 8, owned: 4, joining: 0 };
    expect(report.nodes).toEqual([
      { name: "node-1", http: report.urls.http, partitions: { ...partitions, owned: 8 } },
    ]);
    const [one, two] = again.report.nodes;
    expect([one, two]).toMatchObject([
      { name: "node-1", http: again.report.urls.http, partitions },
      { name: "node-2", partitions },
    ]);
    expect(two?.http).not.toBe(one?.http);
    expect(again.run.stdout()).toMatch(
      new RegExp(`node-1 +${one?.http}.*4 of 8.*\nnode-2 +${two?.http}.*4 of 8`),
    );
  });

  it("interrupted while it starts its processes ends with 130 and leaves none", async () => {
    const dataDir = join(folder, "data");
    const run = runStart(["--corpus", corpus], environment(dataDir));
    await run.says(/starting the engine and the merge worker/);
    await expectInterrupted(run, dataDir);
  });

  it("interrupted in a merge that can not go on, because Temporal is away, does not wait for it", async () => {
    const gate = await gateTo(serversOfFile().temporal.address);
    await gate.open();
    const dataDir = join(folder, "stuck");
    const run = runStart(["--corpus", corpus], {
      ...environment(dataDir),
      FRESHET_TEMPORAL_ADDRESS: `127.0.0.1:${gate.port}`,
    });
    await run.says(/ingesting \d+ documents/);
    await gate.close();
    await run.says(/merging what is there/);
    await expectInterrupted(run, dataDir);
  });

  it("says how it is used with exit code 0, and refuses an unknown option with 2", async () => {
    const help = runStart(["--help"], environment(folder));
    const bad = runStart(["--twice"], environment(folder));
    expect(await help.ended).toBe(0);
    expect(help.stdout()).toContain("--corpus <path>");
    expect(await bad.ended).toBe(2);
    expect(bad.stderr()).toContain("unknown option '--twice'");
  });

  it("says in one line what is wrong: a corpus that is not there at once, a server that does not answer", async () => {
    const nowhere = join(folder, "nowhere");
    const run = runStart(["--once", "--corpus", nowhere], environment(join(folder, "one")));
    const away = runStart(["--once"], {
      ...environment(join(folder, "two")),
      FRESHET_NATS_URL: "nats://127.0.0.1:9",
    });
    expect(await away.ended).toBe(1);
    expect(away.stderr()).toMatch(/^freshet: .*FRESHET_NATS_URL/m);
    expect(await run.ended).toBe(2);
    expect(run.stderr()).toMatch(/^error: --corpus: there is no .*nowhere\n$/);
    expect(run.stderr() + away.stderr()).not.toMatch(/\n\s+at /);
  });
});
