/**
 * Three projects, told apart by file suffix: `unit` needs nothing but Node; `model` needs the real
 * weights that ops/setup fetched; `integration` needs the real servers that its suffix names, which
 * test/support/servers.ts starts once for the whole run.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const integrationFiles = ["test/**/*.{nats,weaviate,temporal,servers}.test.ts"];
const modelFiles = ["test/**/*.model.test.ts"];

/** Longest first, so that no worker is left alone with a long file at the end. */
const longest = [
  "test/simulation/core.test.ts",
  "test/cli/cli.test.ts",
  "test/simulation/planted.test.ts",
  "test/gateway/publish-bodies.test.ts",
  "test/gateway/http-socket.test.ts",
  "test/architecture/lint.test.ts",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((file) => moduleId.endsWith(file));
      return at === -1 ? longest.length : at;
    };
    return (await super.sort(files)).toSorted((left, right) => rank(left) - rank(right));
  }
}

/** More than there are cores, because several files wait for real time. */
const side = { pool: "forks", maxWorkers: 3, sequence: { groupOrder: 0 } } as const;

export default defineConfig({
  root: repository,
  test: {
    pool: "forks",
    maxWorkers: side.maxWorkers,
    passWithNoTests: false,
    allowOnly: false,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        root: repository,
        test: {
          ...side,
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [...integrationFiles, ...modelFiles],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        root: repository,
        test: {
          ...side,
          name: "model",
          include: modelFiles,
          exclude: integrationFiles,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        root: repository,
        test: {
          name: "integration",
          include: integrationFiles,
          globalSetup: ["test/support/servers.ts"],
          pool: "forks",
          // One file at a time: merge workers of two sites would take each other's work from the
          // Temporal server that they share, and refuse it (another deployment's).
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 180_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
});
