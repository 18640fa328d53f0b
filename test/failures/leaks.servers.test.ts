/**
 * Values of 36 kinds, planted in everything that a publisher or an asker can write: none of them is
 * found in an index, a prompt, an event, a log, a metric, a trace, a history or a file. DOCS alone
 * holds what was published. `npm run bench -- leaks` does the same with 10,000 documents.
 */

import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { confirmedTo } from "../../src/contract/manifest.ts";
import { describeLeaks, judge, placesSeen } from "../leaks/judge.ts";
import { leakSettings, type RecordingModels, startRecordingModels } from "../leaks/models.ts";
import { filesBelow } from "../leaks/scan.ts";
import { tellLeakStory } from "../leaks/story.ts";
import { freshTenant, openSite, type Site } from "../support/engine-process.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { eventually } from "../support/promises.ts";

const run = promisify(execFile);
const command = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
/** Weaviate and NATS write what they hold in memory within seconds. */
const flushMs = 4_000;

let site: Site;
let models: RecordingModels;
let collector: OtlpReceiver;
let folder: string;

beforeAll(async () => {
  [models, collector] = await Promise.all([startRecordingModels(), startOtlpReceiver()]);
  folder = mkdtempSync(join(tmpdir(), "freshet-leaks-"));
  site = await openSite({
    TMPDIR: folder,
    ...leakSettings(models, collector.url),
  });
});

afterAll(async () => {
  await site.close();
  await Promise.all([models[Symbol.asyncDispose](), collector[Symbol.asyncDispose]()]);
  rmSync(folder, { recursive: true, force: true });
});

/** Of this test run's own servers: Weaviate has a folder of the tenant there. */
function serverFolders(tenant: string): readonly string[] {
  const places = readdirSync(tmpdir()).filter((name) => name.startsWith("freshet-test-"));
  return places
    .map((name) => join(tmpdir(), name))
    .filter((place) => [...filesBelow([place])].some((file) => file.includes(tenant)));
}

it("no value that was to be redacted is found anywhere but in DOCS (I10)", async () => {
  const tenant = freshTenant("leaks");
  const [engine, worker] = await Promise.all([site.startEngine(), site.startMergeWorker()]);
  // Of who ingests files, and stays beside them.
  const outside = mkdtempSync(join(tmpdir(), "freshet-spool-"));
  const spool = join(outside, "files");
  const { port } = new URL(engine.url);
  const env = { ...site.env, FRESHET_DATA_DIR: join(outside, "data"), FRESHET_HTTP_PORT: port };
  const heard = await tellLeakStory(
    {
      ...{ httpUrl: engine.url, nats: site.log.connection, tenant, spool },
      freshet: async (parameters) => {
        const all = [command, ...parameters, "--tenant", tenant];
        const { stdout } = await run(process.execPath, all, { env });
        return stdout;
      },
      merge: async () => {
        await site.merges.force(tenant);
        await eventually(async () => {
          const stored = await site.log.manifests.get(tenant);
          expect(stored && confirmedTo(stored.manifest)).toBe(stored?.manifest.to);
        });
      },
      say: () => {},
    },
    { documents: 150, seed: 14 },
  );
  await Promise.all([engine.stop(), worker.stop()]);
  await sleep(flushMs);
  rmSync(outside, { recursive: true });
  const verdict = judge({
    ...heard,
    also: { prompts: models.received, traces: collector.bodies },
    roots: [site.nats.directory, folder, ...serverFolders(tenant)],
  });
  // It looked everywhere: what is no secret is in each of them.
  for (const place of placesSeen) expect(verdict.seen, place).toContain(place);
  expect(verdict.rawFiles).not.toEqual([]);
  expect(collector.bodies.length).toBeGreaterThan(0);
  expect(describeLeaks(verdict.leaks)).toBe("");
}, 480_000);
