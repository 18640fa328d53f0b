/** All processes of one server, as the group that its watcher leads. */
import { readdirSync, readFileSync } from "node:fs";

/** Kills every process of the group that `leader` leads; none left is not an error. */
export function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/**
 * Whether one of them still runs. What has ended and was not yet collected is still there for
 * signals: an orphan's end is collected by process 1, which in many a container looks every other
 * second. It holds no port, file or memory any more, so nobody need wait for that.
 */
export function isGroupAlive(leader: number): boolean {
  try {
    process.kill(-leader, 0);
  } catch {
    return false;
  }
  return process.platform !== "linux" || groupOf(leader).some(runs);
}

/** The ids of the processes of a group, on Linux. */
export function groupOf(leader: number): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((id) => statOf(id)?.group === leader);
}

/** A process has ended when its last thread has; the first one may have ended before. */
function runs(id: number): boolean {
  const state = statOf(id)?.state;
  if (state === undefined || state === "X") return false;
  return state !== "Z" || threadsOf(id) > 1;
}

/** `id (name) state parent group …`, and the name may hold anything. */
function statOf(id: number): { readonly state: string; readonly group: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${id}/stat`, "utf8");
    const [state = "X", , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state, group: Number(group) };
  } catch {
    return undefined;
  }
}

function threadsOf(id: number): number {
  try {
    return readdirSync(`/proc/${id}/task`).length;
  } catch {
    return 0;
  }
}
