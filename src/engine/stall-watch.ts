/**
 * Ends a process whose main thread computes for ever. A document can cause that, and then nothing
 * on that thread can report it; the death of the process is an attempt that the next owner counts
 * (actors/tenant-writer/suspects.ts).
 */

import { Worker } from "node:worker_threads";

/** What the watching thread gets as `workerData`. */
export interface MainWatch {
  /** One number that the main thread counts up as long as it serves its timers. */
  readonly beats: Int32Array;
  readonly everyMs: number;
  /** Looks in a row without a beat that are too many. */
  readonly missedMax: number;
}

/**
 * @param stallMs time without a turn of the event loop; counted in looks of the watching thread, so
 * that a process that was stopped as a whole (SIGSTOP) has missed only one
 * @returns the function that ends the watch
 */
export async function watchMain(stallMs: number): Promise<() => Promise<void>> {
  const everyMs = stallMs / 20;
  const beats = new Int32Array(new SharedArrayBuffer(4));
  const workerData: MainWatch = { beats, everyMs, missedMax: 20 };
  const watch = new Worker(new URL("./stall-worker.ts", import.meta.url), { workerData });
  const timer = setInterval(() => Atomics.add(beats, 0, 1), everyMs / 2);
  timer.unref();
  await new Promise((resolve) => watch.once("online", resolve));
  watch.unref();
  return async () => {
    clearInterval(timer);
    await watch.terminate();
  };
}
