import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RereadFile } from "../../src/runtime/reread-file.ts";
import { createManualClock } from "../support/manual-clock.ts";

const everyMs = 1_000;
const clock = createManualClock();
let folder: string;
let path: string;
let news: string[];
let faults: string[];
/** What reading fails with, as the file system would. */
let failing: string | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "freshet-reread-"));
  path = join(folder, "a.txt");
  [news, faults, failing] = [[], [], undefined];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function read(from: string): string {
  if (failing !== undefined) throw Object.assign(new Error(failing), { code: failing });
  const text = readFileSync(from, "utf8");
  if (text.startsWith("broken")) throw new Error(text);
  return text;
}

function opened(): RereadFile<string> {
  return new RereadFile({
    ...{ path, everyMs, clock, read },
    onNews: (content) => void news.push(content),
    onFault: (thrown) => void faults.push((thrown as Error).message),
  });
}

async function later(file: RereadFile<string>): Promise<string> {
  await clock.advance(everyMs);
  return file.current();
}

describe("a file that is read again", () => {
  it("is read once for each change (RF1)", async () => {
    writeFileSync(path, "one");
    const file = opened();
    expect(await later(file)).toBe("one");
    writeFileSync(path, "three");
    expect(await later(file)).toBe("three");
    expect(await later(file)).toBe("three");
    expect(news).toEqual(["three"]);
  });

  it("is read when a fault of the process has passed, though the file is the same (RF2)", async () => {
    writeFileSync(path, "one");
    const file = opened();
    writeFileSync(path, "three");
    failing = "EMFILE";
    expect(await later(file)).toBe("one");
    expect(await later(file)).toBe("one");
    failing = undefined;
    expect(await later(file)).toBe("three");
    expect(faults).toEqual(["EMFILE"]);
  });

  it("that is broken is told of once, and again when it is broken in another way (RF3)", async () => {
    writeFileSync(path, "one");
    const file = opened();
    writeFileSync(path, "broken");
    for (let look = 0; look < 3; look += 1) expect(await later(file)).toBe("one");
    writeFileSync(path, "broken again");
    expect(await later(file)).toBe("one");
    expect(faults).toEqual(["broken", "broken again"]);
    writeFileSync(path, "three");
    expect(await later(file)).toBe("three");
  });

  it("that is moved away and back is read anew (RF2, RF3)", async () => {
    writeFileSync(path, "one");
    const file = opened();
    for (let time = 0; time < 2; time += 1) {
      renameSync(path, `${path}.away`);
      for (let look = 0; look < 3; look += 1) expect(await later(file)).toBe("one");
      renameSync(`${path}.away`, path);
      expect(await later(file)).toBe("one");
    }
    expect(news).toEqual(["one", "one"]);
    expect(faults.map((fault) => fault.slice(0, 6))).toEqual(["ENOENT", "ENOENT"]);
  });
});
