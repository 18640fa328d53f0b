/**
 * Projects, told apart by file suffix: `unit` and `unit-alone` need nothing but Node; `model` needs
 * the real weights that ops/setup fetched; `integration` needs the real servers that its suffix
 * names, which test/support/servers.ts starts once for the whole run.
 *
 * Files of these run side by side, mixed: those of `integration` mostly wait, the others compute.
 * Those of `integration-heavy` come last, one at a time.
 */
import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { filesAtOnce } from "./files-at-once.ts";
import { pruneModules } from "./module-cache.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const integrationFiles = ["test/**/*.{nats,weaviate,temporal,servers}.test.ts"];
const modelFiles = ["test/**/*.model.test.ts"];
/** They load the machine, and need a part of it for what they prove: after all others. */
const heavyFiles = ["test/chaos/chaos.servers.test.ts", "test/cold/cluster.weaviate.test.ts"];
/**
 * Unit tests in processes of their own: they run Temporal's native runtime, of which a process has
 * one, or watch what a process does, holds and leaves behind. The others share processes, which
 * halves what they compute: most of it was the loading of code.
 */
const aloneFiles = [
  "test/engine/stall-watch.test.ts",
  "test/merges/{bundle,replay,temporal-tls,unavailable}.test.ts",
  "test/ingest/isolation/{child-process,end-with-parent}.test.ts",
  "test/ingest/preparation/**/*.test.ts",
  "test/architecture/lint.test.ts",
  "test/hot/hnsw.test.ts",
  "test/workflows/bundle.test.ts",
];
/** Properties that name no count, too, are tried as often as a person asks for (runs.ts). */
const runsFactor = process.env["FRESHET_TEST_RUNS"];
const setupFiles = runsFactor === undefined ? [] : ["test/support/more-runs.ts"];
const testTimeout = 120_000 * Math.max(1, Number(runsFactor ?? 1));

/** The files that take longest, so that no worker is left alone with one at the end. */
const longest = {
  computing: [
    "test/embedding/onnx.model.test.ts",
    "test/simulation/core.test.ts",
    "test/cli/cli.test.ts",
    "test/architecture/lint.test.ts",
    "test/hot/hnsw.test.ts",
    "test/model/compile.model.test.ts",
    "test/actors/engine-history.test.ts",
    "test/simulation/planted.test.ts",
    "test/gateway/publish-bodies.test.ts",
    "test/gateway/http-socket.test.ts",
    "test/retrieval/placement.test.ts",
    "test/architecture/layers.test.ts",
    "test/ingest/isolation/child-process.test.ts",
    "test/ingest/preparation/pool.test.ts",
  ],
  waiting: [
    "test/failures/poison.servers.test.ts",
    "test/chaos/merge-steps.servers.test.ts",
    "test/failures/two-nodes.servers.test.ts",
    "test/failures/start.servers.test.ts",
    "test/failures/reembed.servers.test.ts",
    "test/failures/webhooks.servers.test.ts",
    "test/failures/crash.servers.test.ts",
    "test/failures/upgrade.servers.test.ts",
    "test/failures/backup.servers.test.ts",
    "test/failures/erase.servers.test.ts",
    "test/examples/examples.servers.test.ts",
    "test/failures/leaks.servers.test.ts",
    "test/failures/secure.servers.test.ts",
    "test/merges/handles.temporal.test.ts",
    "test/log/cluster.nats.test.ts",
    "test/failures/embed-pool.servers.test.ts",
    "test/ops/package.servers.test.ts",
    "test/failures/canary.servers.test.ts",
    "test/paths/freshness.nats.test.ts",
    "test/failures/identity.servers.test.ts",
    "test/failures/outages.servers.test.ts",
    "test/merges/merge.temporal.test.ts",
    "test/failures/bad-input.servers.test.ts",
    "test/failures/quotas.servers.test.ts",
    "test/failures/cold-cluster.servers.test.ts",
    "test/failures/nats-cluster.servers.test.ts",
    "test/cold/cold.weaviate.test.ts",
    "test/cold/cluster-conformance.weaviate.test.ts",
    "test/log/identity.nats.test.ts",
    "test/ingest/sources/sources.nats.test.ts",
    "test/log/replaced.nats.test.ts",
  ],
} as const;

/**
 * Longest first. Those that wait and those that compute are evenly mixed; those that share
 * processes come last and in a row, because a process ends when the next file needs one of its own.
 */
class LongestMixed extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const places = new Map<TestSpecification, number>();
    const lists: Record<"waiting" | "computing" | "sharing", TestSpecification[]> = {
      waiting: [],
      computing: [],
      sharing: [],
    };
    for (const file of sorted) {
      const { name, config } = file.project;
      const kind = name === "integration" ? "waiting" : config.isolate ? "computing" : "sharing";
      lists[kind].push(file);
    }
    for (const [kind, list] of Object.entries(lists)) {
      const ranked = list.toSorted((left, right) => rankOf(left) - rankOf(right));
      const from = kind === "sharing" ? 1 : 0;
      for (const [index, file] of ranked.entries()) places.set(file, from + index / ranked.length);
    }
    const placeOf = (file: TestSpecification): number => places.get(file) ?? 1;
    return sorted.toSorted((left, right) => placeOf(left) - placeOf(right));
  }
}

const names: readonly string[] = [...longest.waiting, ...longest.computing];

function rankOf({ moduleId }: TestSpecification): number {
  const at = names.findIndex((name) => moduleId.endsWith(name));
  return at === -1 ? names.length : at;
}

/**
 * Compiled modules, kept beside those of the programs: a clean clone has them, too. They name files
 * of packages, so other packages have another folder.
 */
const cache = process.env["FRESHET_CACHE_DIR"] ?? join(homedir(), ".cache", "freshet");
const lock = hash("sha256", readFileSync(join(repository, "package-lock.json")), "hex");
const everyCompiled = join(cache, "compiled", "tests");
const compiled = join(everyCompiled, lock.slice(0, 16));
/** A whole run reads some 60 MB of them. */
const bytesMax = 512 * 1024 * 1024;
pruneModules(everyCompiled, { nowMs: Date.now(), keptMs: 4 * 86_400_000, bytesMax });

const side = { pool: "forks", maxWorkers: filesAtOnce, setupFiles } as const;
const computing = { testTimeout, hookTimeout: 120_000 } as const;

export default defineConfig({
  root: repository,
  test: {
    ...side,
    fsModuleCachePath: compiled,
    passWithNoTests: false,
    allowOnly: false,
    sequence: { sequencer: LongestMixed },
    projects: [
      {
        root: repository,
        test: {
          ...{ ...side, ...computing },
          name: "unit",
          isolate: false,
          include: ["test/**/*.test.ts"],
          exclude: [...integrationFiles, ...modelFiles, ...aloneFiles],
        },
      },
      {
        root: repository,
        test: {
          ...{ ...side, ...computing },
          name: "unit-alone",
          include: aloneFiles,
          exclude: [...integrationFiles, ...modelFiles],
        },
      },
      {
        root: repository,
        test: {
          ...{ ...side, ...computing },
          name: "model",
          include: modelFiles,
          exclude: integrationFiles,
        },
      },
      {
        root: repository,
        test: {
          ...side,
          name: "integration",
          include: integrationFiles,
          exclude: heavyFiles,
          globalSetup: ["test/support/servers.ts"],
          testTimeout: 240_000,
          hookTimeout: 300_000,
        },
      },
      {
        root: repository,
        test: {
          name: "integration-heavy",
          include: heavyFiles,
          globalSetup: ["test/support/servers.ts"],
          pool: "forks",
          maxWorkers: 1,
          testTimeout: 240_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
