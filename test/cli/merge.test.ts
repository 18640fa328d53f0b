import { describe, expect, it } from "vitest";
import { runMerge } from "../../src/cli/commands/merge.ts";
import { type Position, tenantId } from "../../src/contract/ids.ts";
import type { MergeOutcome, MergeProgress } from "../../src/contract/merge.ts";
import type { MergeClient } from "../../src/temporal/port.ts";

const demo = tenantId("demo");
const counts = {
  records: 3,
  upserts: 2,
  superseded: 1,
  deletes: 0,
  rejects: 0,
  chunks: 7,
  bytes: 9,
};
const range = { from: 0 as Position, to: 3 as Position };

function progress(more: Partial<MergeProgress> = {}): MergeProgress {
  return {
    tenant: demo,
    phase: "writing",
    paused: false,
    ...range,
    written: 3,
    total: 7,
    startedAtMs: 1,
    lastMerge: null,
    error: null,
    ...more,
  };
}

/** Merges that are decided beforehand, with a record of what was asked. */
function client(outcome: MergeOutcome = { kind: "nothing" }, state: MergeProgress | null = null) {
  const asked: string[] = [];
  const answer =
    <Value>(name: string, value: Value) =>
    async (tenant: string) => {
      asked.push(`${name} ${tenant}`);
      return value;
    };
  const made: MergeClient = {
    due: answer("due", undefined),
    force: answer("force", outcome),
    preview: answer("preview", { kind: "nothing" as const }),
    pause: answer("pause", progress({ phase: "paused", total: 0 })),
    resume: answer("resume", progress()),
    cancel: answer("cancel", false),
    progress: answer("progress", state),
    ensureSchedule: async () => {},
    workflowUrl: () => "",
    ping: async () => {},
    close: async () => {},
  };
  return { made, asked };
}

describe("freshet merge", () => {
  it("says what was merged", async () => {
    const outcome = { kind: "merged", ...counts, ...range, merges: 1, written: 7 } as const;
    const { made, asked } = client(outcome);
    const told = await runMerge(made, demo, undefined);
    expect(told.text).toBe("merged 2 documents (7 chunks), 0 deletes, 1 superseded");
    expect(told.value).toEqual(outcome);
    expect(asked).toEqual(["force demo"]);
  });

  it("is done when there is nothing to merge", async () => {
    expect((await runMerge(client().made, demo, undefined)).text).toMatch(/^nothing to merge/);
  });

  it.each<readonly [MergeOutcome, RegExp]>([
    [{ kind: "paused" }, /freshet merge --resume$/],
    [{ kind: "cancelled" }, /was cancelled$/],
    [
      { kind: "failed", error: { code: "cold_unavailable", message: "no answer" } },
      /no answer \(cold_unavailable\)$/,
    ],
  ])("fails when the merge did not happen: %j", async (outcome, message) => {
    await expect(runMerge(client(outcome).made, demo, undefined)).rejects.toThrow(message);
  });

  it.each(["preview", "pause", "resume", "cancel", "progress"] as const)(
    "--%s asks for that and nothing else",
    async (action) => {
      const { made, asked } = client();
      await runMerge(made, demo, action);
      expect(asked).toEqual([`${action} demo`]);
    },
  );

  it("--progress says how far it is, and why it waits", async () => {
    const error = {
      code: "cold_unavailable",
      message: "no answer",
      attempt: 2,
      retryAtMs: 5,
    } as const;
    const { made } = client(undefined, progress({ phase: "retrying", error }));
    expect((await runMerge(made, demo, "progress")).text).toBe(
      "retrying: 3 of 7 chunks written\nwaiting after attempt 2: no answer",
    );
    expect((await runMerge(client().made, demo, "progress")).text).toBe("never merged");
  });
});
