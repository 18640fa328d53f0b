import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { arrivals } from "../../src/cli/ingest/arrivals.ts";
import { limits } from "../../src/contract/limits.ts";

const folder = mkdtempSync(join(tmpdir(), "freshet-arrivals-"));
afterAll(() => rmSync(folder, { recursive: true }));

const root = (path: string, name: string) => ({
  ...{ given: path, absolute: path, isFolder: true, name },
});

/** Nothing was found but these folders, a moment ago. */
const found = (...folders: readonly string[]) => ({
  folders: folders.map((path) => Buffer.from(path)),
  isFound: (_id: string) => false,
  sinceMs: Date.now(),
});

describe("a file that came while folders were read", () => {
  test("is there, and no document is one whose path cannot be that of a file", () => {
    mkdirSync(join(folder, "sub"));
    writeFileSync(join(folder, "sub", "new.md"), "x");
    writeFileSync(join(folder, "plain"), "x");
    symlinkSync("circle", join(folder, "circle"));
    const hasCome = arrivals({ ...found(folder), roots: [root(folder, "w/")] });
    expect(hasCome("w/sub/new.md")).toBe(true);
    expect(hasCome("w/sub/gone.md")).toBe(false);
    expect(hasCome("other/sub/new.md")).toBe(false);
    // A folder that became a file, a link to itself, a name that no file system takes.
    expect(hasCome("w/plain/gone.md")).toBe(false);
    expect(hasCome("w/circle/gone.md")).toBe(false);
    expect(hasCome(`w/${"x".repeat(400)}`)).toBe(false);
  });

  test("also with a folder that was away while its parent was listed", async () => {
    const site = join(folder, "site");
    const deep = join(folder, "new", "deep");
    mkdirSync(deep, { recursive: true });
    writeFileSync(join(deep, "page.md"), "x");
    await sleep(limits.ingestAtRestMs + 100);
    const before = { ...found(folder), roots: [root(folder, "")] };
    expect(arrivals(before)("new/deep/page.md")).toBe(false);
    renameSync(join(folder, "new"), site);
    expect(arrivals(before)("site/deep/page.md")).toBe(true);
    // A folder that was listed has shown its files: this one was left out.
    const listed = { ...found(folder, site, join(site, "deep")), roots: [root(folder, "")] };
    expect(arrivals(listed)("site/deep/page.md")).toBe(false);
  });

  test("also as the file of a part, and under a name that is decomposed", () => {
    writeFileSync(join(folder, "team.ics"), "x");
    writeFileSync(join(folder, "cafe\u0301.md"), "x");
    const options = { ...found(folder), roots: [root(folder, "w/")] };
    expect(arrivals(options)("w/team.ics#standup#2")).toBe(true);
    expect(arrivals(options)("w/caf\u00e9.md")).toBe(true);
    // What a file that was read does not hold is gone.
    const isFound = (id: string) => id === "w/team.ics";
    expect(arrivals({ ...options, isFound })("w/team.ics#standup#2")).toBe(false);
  });
});
