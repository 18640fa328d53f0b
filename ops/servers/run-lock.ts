/**
 * One run per data folder: two sets of servers on the same files would destroy them. Also knows
 * what an earlier run left, so that a new one never starts beside dying servers.
 */
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { createFolder, isAlive } from "../setup/cache.ts";
import { SetupError } from "../setup/setup-error.ts";
import { isGroupAlive, killGroup } from "./process-group.ts";

const state = z.object({
  owner: z.number().int(),
  /** Start time of the owner in kernel ticks: process ids are used again. */
  ownerStart: z.string(),
  groups: z.array(z.number().int()),
  ports: z.record(z.string(), z.number().int()),
});
type State = z.infer<typeof state>;

const pollMs = 100;
/** Longer than the longest grace of a server (Weaviate's 30 s). */
const leftoverPatienceMs = 40_000;

export interface RunLock {
  readonly ports: Record<string, number>;
  /** Notes a started server, so that a later run can find it if this one is killed. */
  addGroup(groupId: number): void;
  save(): void;
  release(): void;
}

/** @throws SetupError when a living run owns the folder. */
export async function acquireRunLock(dataDir: string): Promise<RunLock> {
  createFolder(dataDir);
  // The servers write files that everybody may read: Weaviate's hold texts, Temporal's tenants. The
  // folder keeps them.
  chmodSync(dataDir, 0o700);
  const path = join(dataDir, "servers.json");
  const earlier = readState(path);
  if (earlier !== undefined && isSameProcess(earlier)) {
    throw new SetupError(
      `another run (process ${earlier.owner}) uses ${dataDir}: stop it, ` +
        "or choose another folder with FRESHET_DATA_DIR",
    );
  }
  await waitForLeftovers(earlier?.groups ?? []);
  const current: State = {
    owner: process.pid,
    ownerStart: startTime(process.pid) ?? "",
    groups: [],
    ports: { ...earlier?.ports },
  };
  const save = () => {
    writeFileSync(path, `${JSON.stringify(current, null, 2)}\n`);
  };
  save();
  return {
    ports: current.ports,
    addGroup(groupId) {
      current.groups.push(groupId);
      save();
    },
    save,
    release() {
      // The ports stay for the next run; a file without a living owner is no lock.
      current.groups.length = 0;
      current.owner = 0;
      if (existsSync(dataDir)) save();
    },
  };
}

/** Removes a lock of a folder that is deleted with it. */
export function forgetRun(dataDir: string): void {
  rmSync(join(dataDir, "servers.json"), { force: true });
}

async function waitForLeftovers(groups: readonly number[]): Promise<void> {
  const ours = () => groups.filter((group) => isGroupAlive(group) && isWatcher(group));
  const deadlineMs = performance.now() + leftoverPatienceMs;
  while (ours().length > 0 && performance.now() < deadlineMs) await sleep(pollMs);
  for (const group of ours()) killGroup(group);
}

/** A group id may have been given to another program since. */
function isWatcher(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("ops/servers/watch.sh");
  } catch {
    return false;
  }
}

function isSameProcess({ owner, ownerStart }: State): boolean {
  if (owner <= 0 || !isAlive(owner)) return false;
  return ownerStart === "" || startTime(owner) === ownerStart;
}

/** Field 22 of /proc/<pid>/stat, counted after the command name, which may hold spaces. */
function startTime(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function readState(path: string): State | undefined {
  try {
    return state.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
}
