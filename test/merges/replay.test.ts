/**
 * Histories of real runs, replayed against the workflows as they are now: a change that would break
 * runs that are under way fails here. Saved by merge.temporal, webhooks.temporal and reembed.servers
 * with FRESHET_SAVE_HISTORIES=1; after an intended break (no run of the old code is alive anywhere) save
 * them anew.
 */
import { readdirSync, readFileSync } from "node:fs";
import { historyFromJSON } from "@temporalio/common/lib/proto-utils.js";
import { DefaultLogger, Runtime, Worker } from "@temporalio/worker";
import { beforeAll, describe, expect, it } from "vitest";
import { workflowBundle } from "../../src/merges/temporal/bundle.ts";
import { compiledDirectory } from "../support/environment.ts";

const directory = new URL("./histories/", import.meta.url);
const files = readdirSync(directory).filter((name) => name.endsWith(".json"));

interface JsonEvent {
  readonly eventType: string;
  activityTaskScheduledEventAttributes?: { activityType: { name: string } };
}

describe("the workflows replay", () => {
  let bundle: { readonly code: string };

  beforeAll(async () => {
    const logger = new DefaultLogger("ERROR");
    Runtime.install({ logger });
    bundle = await workflowBundle({ logger, directory: compiledDirectory() });
  });

  it("at least a full merge, an outage, a stopped worker, a scrub, a webhook and a re-embedding", () => {
    expect(files).toEqual(
      expect.arrayContaining([
        ...[
          "cold-down.json",
          "scrub.json",
          "story.json",
          "worker-stopped.json",
          "webhook.json",
          "reembed.json",
        ],
      ]),
    );
  });

  it.each(files)("%s", async (file) => {
    const history = JSON.parse(readFileSync(new URL(file, directory), "utf8")) as unknown;
    await Worker.runReplayHistory(
      { workflowBundle: bundle },
      historyFromJSON(history),
      "merge/replay",
    );
  });

  it("and notices when the story differs from the history", async () => {
    const text = readFileSync(new URL("story.json", directory), "utf8");
    const history = JSON.parse(text) as { events: JsonEvent[] };
    const first = history.events.find((event) => event.activityTaskScheduledEventAttributes);
    if (first?.activityTaskScheduledEventAttributes === undefined) throw new Error("no activity");
    first.activityTaskScheduledEventAttributes.activityType.name = "commitMerge";
    await expect(
      Worker.runReplayHistory({ workflowBundle: bundle }, historyFromJSON(history), "merge/replay"),
    ).rejects.toThrow(/Nondeterminism|determinism/i);
  });
});
