import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { makeFolder } from "../../src/runtime/make-folder.ts";

const base = mkdtempSync(join(tmpdir(), "freshet-folders-"));
afterAll(() => rmSync(base, { recursive: true }));

describe("a folder", () => {
  it("is made with those above it, with its rights, and once", () => {
    const folder = join(base, "one", "two");
    makeFolder(folder, 0o700);
    makeFolder(folder, 0o700);
    for (const each of [folder, join(base, "one")]) {
      expect(statSync(each).mode & 0o777).toBe(0o700);
    }
  });

  it("that cannot be made is an error at once", () => {
    expect(() => makeFolder("/proc/freshet/backups")).toThrow(/ENOENT|EACCES|EROFS/);
    const file = join(base, "file");
    writeFileSync(file, "");
    expect(() => makeFolder(join(file, "under"))).toThrow(/ENOTDIR|EEXIST/);
    expect(() => makeFolder(file)).toThrow("EEXIST");
  });
});
