import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { pruneModules } from "../../ops/lint/module-cache.ts";

const dayMs = 86_400_000;
const nowMs = Date.now();
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "freshet-modules-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** An entry that was last read so many days ago. */
function entry(folder: string, name: string, days: number, bytes = 10): string {
  mkdirSync(join(root, folder), { recursive: true });
  const path = join(root, folder, name);
  writeFileSync(path, "x".repeat(bytes));
  const writtenS = (nowMs - 30 * dayMs) / 1_000;
  utimesSync(path, (nowMs - days * dayMs) / 1_000, writtenS);
  return path;
}

const prune = (options: { readonly bytesMax?: number; readonly atMs?: number } = {}) =>
  pruneModules(root, {
    ...{ nowMs: options.atMs ?? nowMs, keptMs: 4 * dayMs },
    bytesMax: options.bytesMax ?? 1_000,
  });

describe("the folder of compiled modules", () => {
  it("keeps what was read lately, of every lock file, and loses what was not, with its folder", () => {
    const kept = [entry("this", "a", 0), entry("this", "b", 3), entry("other", "c", 2)];
    const gone = [entry("this", "d", 5), entry("old", "e", 9)];
    prune();
    expect(kept.map((path) => existsSync(path))).toEqual([true, true, true]);
    expect(gone.map((path) => existsSync(path))).toEqual([false, false]);
    expect([existsSync(join(root, "other")), existsSync(join(root, "old"))]).toEqual([true, false]);
  });

  it("loses the oldest first when it is too large, but nothing that a run beside this one may use", () => {
    const today = [entry("this", "a", 0, 400), entry("other", "b", 0.9, 400)];
    const [older, oldest] = [entry("this", "c", 2, 400), entry("this", "d", 3, 400)];
    prune({ bytesMax: 1_200 });
    expect([existsSync(older), existsSync(oldest)]).toEqual([true, false]);
    prune({ bytesMax: 100, atMs: nowMs + 0.05 * dayMs });
    expect(existsSync(older)).toBe(true);
    rmSync(join(root, "pruned"));
    prune({ bytesMax: 100 });
    expect(existsSync(older)).toBe(false);
    expect(today.map((path) => existsSync(path))).toEqual([true, true]);
  });

  it("is looked through once a day, and need not be there", () => {
    prune();
    const old = entry("this", "a", 9);
    prune({ atMs: nowMs + 0.9 * dayMs });
    expect(existsSync(old)).toBe(true);
    prune({ atMs: nowMs + 1.1 * dayMs });
    expect(existsSync(old)).toBe(false);
    rmSync(root, { recursive: true });
    expect(() => prune()).not.toThrow();
  });
});
