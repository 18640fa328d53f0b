import { describe, expect, it } from "vitest";
import { listedText } from "../../src/cli/commands/workers.ts";
import {
  deploymentName,
  knowsVersions,
  stateOf,
  type VersionedQueue,
} from "../../src/merges/temporal/versions.ts";

/** As gRPC tells a failure. */
function failure(code: number): Error {
  return Object.assign(new Error(`code ${code}`), { code, details: "", metadata: {} });
}

const queueThat = (answer: () => Promise<object>) =>
  ({ service: { listWorkerDeployments: answer }, namespace: "n", taskQueue: "q" }) as unknown;
const knows = (answer: () => Promise<object>) => knowsVersions(queueThat(answer) as VersionedQueue);

describe("a Temporal without versions of workers", () => {
  it.each([
    ["does not know them", 12],
    ["does not let this worker ask", 7],
  ])("%s: the worker has none, and works", async (_why, code) => {
    expect(await knows(() => Promise.reject(failure(code)))).toBe(false);
  });

  it("is not one that is away: that is tried again", async () => {
    await expect(knows(() => Promise.reject(failure(14)))).rejects.toThrow("code 14");
    expect(await knows(() => Promise.resolve({}))).toBe(true);
  });
});

describe("the versions that an operator sees", () => {
  it.each([
    [{ isCurrent: true, wasUsed: true, open: 0 }, "current"],
    [{ isCurrent: false, wasUsed: true, open: 2 }, "draining"],
    [{ isCurrent: false, wasUsed: true, open: 0 }, "drained"],
    [{ isCurrent: false, wasUsed: false, open: 0 }, "waiting"],
  ] as const)("%j is %s", (version, state) => {
    expect(stateOf(version)).toBe(state);
  });

  it("say which workers may be stopped", () => {
    const text = listedText({
      current: "2.0.0",
      versions: [
        { buildId: "1.0.0", state: "drained", openRuns: 0 },
        { buildId: "2.0.0", state: "current", openRuns: 1 },
      ],
    });
    expect(text).toMatch(/^1\.0\.0 +drained +.*may be stopped\n2\.0\.0 +current +.*1 open run$/);
    expect(listedText({ current: null, versions: [] })).toMatch(/without a version get the work/);
  });

  it("are under a name that Temporal takes", () => {
    expect(deploymentName("freshet.merges:a")).toBe("freshet-merges-a");
  });
});
