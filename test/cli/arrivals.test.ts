import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { arrivals } from "../../src/cli/ingest/arrivals.ts";

const folder = mkdtempSync(join(tmpdir(), "freshet-arrivals-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("a file that came while folders were read", () => {
  test("is there, and no document is one whose path cannot be that of a file", () => {
    mkdirSync(join(folder, "sub"));
    writeFileSync(join(folder, "sub", "new.md"), "x");
    writeFileSync(join(folder, "plain"), "x");
    symlinkSync("circle", join(folder, "circle"));
    const hasCome = arrivals(
      [{ given: folder, absolute: folder, isFolder: true, name: "w/" }],
      Date.now(),
    );
    expect(hasCome("w/sub/new.md")).toBe(true);
    expect(hasCome("w/sub/gone.md")).toBe(false);
    expect(hasCome("other/sub/new.md")).toBe(false);
    // A folder that became a file, a link to itself, a name that no file system takes.
    expect(hasCome("w/plain/gone.md")).toBe(false);
    expect(hasCome("w/circle/gone.md")).toBe(false);
    expect(hasCome(`w/${"x".repeat(400)}`)).toBe(false);
  });
});
