import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { watchSource } from "../../src/cli/ingest/watch.ts";
import { systemClock } from "../../src/runtime/clock.ts";

let folder: string;
let stop: AbortController;
let passes: number;
let awaitsRest: boolean;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "freshet-watch-"));
  mkdirSync(join(folder, "sub"));
  [stop, passes, awaitsRest] = [new AbortController(), 0, false];
});
afterEach(() => {
  stop.abort();
  rmSync(folder, { recursive: true, force: true });
});

function watching(): Promise<void> {
  return watchSource({
    clock: systemClock,
    signal: stop.signal,
    pass: async () => {
      passes += 1;
      const folders = [folder, join(folder, "sub")].map((path) => Buffer.from(path));
      return { folders, awaitsRest };
    },
    onFailure: () => {},
  });
}

/** No notice for a while: what is counted afterwards comes of what is done then. */
async function quiet(): Promise<number> {
  for (let before = -1; before !== passes; ) {
    before = passes;
    await systemClock.sleep(1_500);
  }
  return passes;
}

// The pass in any case comes after 30 s, which is longer than these wait.
const after = (before: number) =>
  expect.poll(() => passes, { timeout: 15_000 }).toBeGreaterThan(before);

it.each([
  [
    "removed and made anew",
    () => {
      rmSync(join(folder, "sub"), { recursive: true });
      mkdirSync(join(folder, "sub"));
    },
  ],
  [
    "put in the place of another",
    () => {
      mkdirSync(join(folder, "next"));
      renameSync(join(folder, "sub"), join(folder, "old"));
      renameSync(join(folder, "next"), join(folder, "sub"));
    },
  ],
])(
  "hears of files in a folder that was %s (WA1)",
  async (_name, change) => {
    const ended = watching();
    await quiet();
    change();
    const before = await quiet();
    writeFileSync(join(folder, "sub", "a.md"), "x");
    await after(before);
    stop.abort();
    await ended;
  },
  60_000,
);

it("comes again at once for a file that was not at rest (WA1)", async () => {
  const ended = watching();
  await quiet();
  awaitsRest = true;
  writeFileSync(join(folder, "a.md"), "x");
  const before = await quiet().then(() => passes);
  await after(before);
  stop.abort();
  await ended;
}, 60_000);
