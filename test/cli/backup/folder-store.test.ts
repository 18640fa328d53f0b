import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FolderStore } from "../../../src/cli/backup/folder-store.ts";
import { checkStore } from "../../../src/cli/backup/index-file.ts";
import { Parts } from "../../../src/cli/backup/store.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "freshet-folder-store-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it("a file that is given as the place, or lies above it, is told in words", async () => {
  const file = join(root, "file");
  writeFileSync(file, "x");
  for (const place of [file, join(file, "below")]) {
    const store = new FolderStore(place);
    const words = `${place}: it is a file, or lies below one: name a folder`;
    await expect(checkStore(store)).rejects.toThrow(words);
    await expect(store.has("a")).rejects.toThrow(words);
    await expect(store.list("backups")).rejects.toThrow(words);
    await expect(store.put("parts/a", new Uint8Array([1]))).rejects.toThrow(words);
  }
});

it("a part that is no file is damaged, not the place", async () => {
  const store = new FolderStore(root);
  const parts = new Parts(store);
  const part = await parts.write(new Uint8Array([1, 2, 3]), 1);
  const path = join(root, "parts", part.hash.slice(0, 2), `${part.hash}.zst`);
  rmSync(path);
  mkdirSync(path);
  await expect(parts.read(part)).rejects.toThrow(`${part.hash}.zst: it is a folder`);
});
