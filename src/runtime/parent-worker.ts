/**
 * Ends a process when the one that started it is gone, even by `kill -9`: the main thread may
 * compute for ever and cannot do it.
 *
 * Owns: a timer.
 */

import { workerData } from "node:worker_threads";
import { keepCompiled } from "./compiled.ts";
import type { ParentWatch } from "./end-with-parent.ts";

const { parentPid, everyMs } = workerData as ParentWatch;
keepCompiled();

setInterval(() => {
  if (process.ppid !== parentPid) process.kill(process.pid, "SIGKILL");
}, everyMs);
