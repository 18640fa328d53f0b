/**
 * Ends the process that converts when it takes too much memory, or when the one that started it is
 * gone: its main thread may compute for ever, and can do neither.
 *
 * Owns: a timer.
 */

import { workerData } from "node:worker_threads";
import { keepCompiled } from "../../runtime/compiled.ts";
import type { ConversionBounds } from "./conversion-protocol.ts";

const { parentPid, everyMs, memoryBytesMax } = workerData as ConversionBounds;
keepCompiled();

setInterval(() => {
  const isLost = process.ppid !== parentPid;
  if (isLost || process.memoryUsage.rss() > memoryBytesMax) process.kill(process.pid, "SIGKILL");
}, everyMs);
