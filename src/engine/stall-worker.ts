/**
 * The thread that looks at the main thread's beats.
 *
 * Owns: a timer. Never: sends or receives a message.
 */

import { workerData } from "node:worker_threads";
import { keepCompiled } from "../runtime/compiled.ts";
import type { MainWatch } from "./stall-watch.ts";

const { beats, everyMs, missedMax } = workerData as MainWatch;
let seen = Atomics.load(beats, 0);
let missed = 0;
keepCompiled();

setInterval(() => {
  const now = Atomics.load(beats, 0);
  missed = now === seen ? missed + 1 : 0;
  seen = now;
  if (missed >= missedMax) process.kill(process.pid, "SIGKILL");
}, everyMs);
