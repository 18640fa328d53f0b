/**
 * One installer per thing at a time, across checkouts and processes: a second one waits and then
 * finds the work done. Only saves double work; correctness rests on atomic renames (cache.ts, CD1).
 */
import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createFolder, isAlive } from "./cache.ts";

const pollMs = 200;
/** A lock file without a process id is one whose owner died between creating and writing it. */
const emptyLockMaxAgeMs = 5_000;

export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  onWait?: (owner: number) => void,
): Promise<T> {
  createFolder(dirname(path));
  let told = false;
  while (!tryLock(path)) {
    const owner = ownerOf(path);
    if (isAbandoned(path, owner)) {
      rmSync(path, { force: true });
      continue;
    }
    if (!told && owner !== undefined) onWait?.(owner);
    told = true;
    await sleep(pollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** Takes the lock file if it is free. */
export function tryLock(path: string): boolean {
  try {
    const file = openSync(path, "wx");
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

export function ownerOf(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

export function isAbandoned(path: string, owner: number | undefined): boolean {
  if (owner !== undefined) return owner === process.pid ? false : !isAlive(owner);
  try {
    return Date.now() - statSync(path).mtimeMs > emptyLockMaxAgeMs;
  } catch {
    return false;
  }
}
