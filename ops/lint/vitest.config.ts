/**
 * Three projects, told apart by file suffix: `unit` needs nothing but Node; `model` needs the real
 * weights that ops/setup fetched; `integration` needs the real servers that its suffix names, which
 * test/support/servers.ts starts once for the whole run.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const integrationFiles = ["test/**/*.{nats,weaviate,temporal,servers}.test.ts"];
const modelFiles = ["test/**/*.model.test.ts"];

export default defineConfig({
  root: repository,
  test: {
    pool: "forks",
    // Two cores: a third process would only take time from the servers under test.
    maxWorkers: 2,
    passWithNoTests: false,
    allowOnly: false,
    projects: [
      {
        root: repository,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [...integrationFiles, ...modelFiles],
          pool: "forks",
          maxWorkers: 2,
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        root: repository,
        test: {
          name: "model",
          include: modelFiles,
          exclude: integrationFiles,
          pool: "forks",
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        root: repository,
        test: {
          name: "integration",
          include: integrationFiles,
          globalSetup: ["test/support/servers.ts"],
          pool: "forks",
          // One file at a time: the servers share the two cores with the test that waits for them.
          maxWorkers: 1,
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
