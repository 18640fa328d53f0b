/**
 * The process that converts files: one after the other, with the libraries that read them.
 *
 * Owns: nothing that outlives it. Receives: ConversionRequest. Sends: ConversionReply.
 */

import { Worker } from "node:worker_threads";
import { limits } from "../../contract/limits.ts";
import { keepCompiled } from "../../runtime/compiled.ts";
import {
  type ConversionBounds,
  type ConversionReply,
  requestSchema,
} from "./conversion-protocol.ts";
import { convertFile } from "./converters.ts";

process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
const workerData: ConversionBounds = {
  parentPid: process.ppid,
  everyMs: limits.conversionWatchMs,
  memoryBytesMax: limits.conversionMemoryBytesMax,
};
new Worker(new URL("./bounds-worker.ts", import.meta.url), { workerData }).unref();

function say(reply: ConversionReply): void {
  process.send?.(reply);
}

process.on("message", (message) => {
  const { data: request } = requestSchema.safeParse(message);
  if (request === undefined) return;
  void convertFile(request).then((parts) => {
    say({ kind: "converted", parts });
    // Each kind of file brings a library of its own, and this process ends by a kill.
    keepCompiled();
  });
});
say({ kind: "ready" });
