/** Makes a process end with its parent, however that ends and whatever the process computes. */

import { Worker } from "node:worker_threads";

/** What the watching thread gets as `workerData`. */
export interface ParentWatch {
  readonly parentPid: number;
  readonly everyMs: number;
}

/** It has nothing to save, and a clean exit could wait for native code that never ends. */
export function endWithParent(everyMs: number): void {
  process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
  const workerData: ParentWatch = { parentPid: process.ppid, everyMs };
  new Worker(new URL("./parent-worker.ts", import.meta.url), { workerData }).unref();
}
