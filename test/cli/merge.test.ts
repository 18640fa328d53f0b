import { describe, expect, it } from "vitest";
import { runMerge } from "../../src/cli/commands/merge.ts";
import { type Position, tenantId, type Version } from "../../src/contract/ids.ts";
import type { MergeOutcome, MergeProgress, PlannedMerge } from "../../src/contract/merge.ts";
import type { ScrubOutcome } from "../../src/contract/scrub.ts";
import type { MergeClient } from "../../src/merges/port.ts";

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
    scrub: null,
    lastScrub: null,
    error: null,
    ...more,
  };
}

const scrubbed: ScrubOutcome = {
  kind: "scrubbed",
  walked: 9,
  live: 6,
  waiting: 1,
  deleted: 2,
  checked: 5,
  repaired: 3,
  lost: 0,
  marker: "kept" as const,
  atMs: 1,
};

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
    scrubDue: answer("scrubDue", undefined),
    scrub: answer("scrub", scrubbed),
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

  it.each(["preview", "pause", "resume", "cancel", "progress", "scrub"] as const)(
    "--%s asks for that and nothing else",
    async (action) => {
      const { made, asked } = client();
      await runMerge(made, demo, action);
      expect(asked).toEqual([`${action} demo`]);
    },
  );

  it.each([
    [0, "nothing is lost"],
    [2, "2 documents are lost: publish them again"],
    [null, "a merge came between, so losses are unknown"],
  ] as const)("--scrub says what it found, with %s lost", async (lost, end) => {
    const { made } = client();
    const outcome: ScrubOutcome = { ...scrubbed, lost };
    const told = await runMerge({ ...made, scrub: async () => outcome }, demo, "scrub");
    expect(told.value).toEqual(outcome);
    expect(told.text).toBe(
      `scrubbed 9 objects: 6 live, 1 waiting, 2 orphans deleted; 3 written again; ${end}`,
    );
  });

  it("--preview says that a repair is one, and what of", async () => {
    const { made } = client();
    const plan: PlannedMerge = {
      kind: "merge",
      purpose: "repair",
      tenant: demo,
      ...range,
      ...counts,
      version: 3 as Version,
      expectedRevision: 1,
      piecesBefore: [],
      marks: true,
      more: false,
      piecesThrough: 0,
    };
    const told = await runMerge({ ...made, preview: async () => plan }, demo, "preview");
    expect(told.text).toBe(
      "would repair: the cold shard lost what was merged in (0, 3]; 2 documents (7 chunks) would be written again from the log",
    );
  });

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
