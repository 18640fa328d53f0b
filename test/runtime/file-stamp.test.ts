import { chmodSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { fileStamp } from "../../src/runtime/file-stamp.ts";

const directory = mkdtempSync(join(tmpdir(), "freshet-stamp-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const path = join(directory, "keys.json");
const builtAt = new Date("2026-01-01T00:00:00Z");

/** As `cp -p` and images do: the times are those of the build. */
function writeAsBuilt(text: string): void {
  writeFileSync(path, text);
  utimesSync(path, builtAt, builtAt);
}

/** What the file system's clock can tell apart. */
async function anotherTick(before: number): Promise<void> {
  const other = join(directory, "tick");
  await expect
    .poll(() => {
      writeFileSync(other, "");
      return statSync(other).ctimeMs;
    })
    .toBeGreaterThan(before);
}

describe("the stamp of a file", () => {
  it("stays while nothing was done to the file", () => {
    writeAsBuilt("one");
    expect(fileStamp(path)).toBe(fileStamp(path));
  });

  it("is another one for other content of the same size, time and inode", async () => {
    writeAsBuilt("one");
    const before = fileStamp(path);
    await anotherTick(statSync(path).ctimeMs);
    writeAsBuilt("two");
    expect(fileStamp(path)).not.toBe(before);
  });

  it("is another one once permissions were mended: what could not be read is tried again", async () => {
    writeAsBuilt("one");
    chmodSync(path, 0o000);
    const before = fileStamp(path);
    await anotherTick(statSync(path).ctimeMs);
    chmodSync(path, 0o600);
    expect(fileStamp(path)).not.toBe(before);
  });
});
