/**
 * Beside the main thread of an isolated process, which may compute for ever: when the engine is gone, even by
 * `kill -9`, nobody else would end it.
 *
 * Owns: a timer. Never: talks to anybody.
 */

import { workerData } from "node:worker_threads";
import type { ParentWatch } from "./end-with-parent.ts";

const { parentPid, everyMs } = workerData as ParentWatch;

setInterval(() => {
  if (process.ppid !== parentPid) process.kill(process.pid, "SIGKILL");
}, everyMs);
