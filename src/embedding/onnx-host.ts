/**
 * Starts an embedding worker, as a thread or as a process, and speaks with it in the same way.
 *
 * A thread shares the engine's memory: its buffers are moved. A process has an environment of its
 * own, by which the libraries of a GPU are found, can be killed when it hangs, and takes nothing
 * along when a driver crashes.
 */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { WorkerReply, WorkerRequest, WorkerSettings } from "./onnx-protocol.ts";

/** What its host passes on: of one that cannot be used only the end is heard, with the reason. */
export type HeardReply = Exclude<WorkerReply, { kind: "unusable" }>;

export interface WorkerHost {
  post(request: WorkerRequest, transfer?: ArrayBuffer[]): void;
  onReply(heard: (reply: HeardReply) => void): void;
  /** Once. @param heard gets what is known of the reason */
  onEnd(heard: (reason: Error) => void): void;
  /** For one that hangs: ended if that can be done, and else asked to end, and not waited for. */
  giveUp(): void;
}

/** Where a worker lives. */
export type WorkerPlace = { readonly kind: "thread" } | ProcessPlace;

export interface ProcessPlace {
  readonly kind: "process";
  /** Added to the engine's. */
  readonly env: Readonly<Record<string, string>>;
  /** Where the system's loader looks for libraries first. */
  readonly libraryFolders: readonly string[];
}

export interface WorkerStart {
  readonly workerUrl: URL;
  readonly settings: WorkerSettings;
  readonly place: WorkerPlace;
}

export function startWorker(start: WorkerStart): WorkerHost {
  const { place } = start;
  return place.kind === "thread" ? startThread(start) : startProcess(start, place);
}

function startThread({ workerUrl, settings }: WorkerStart): WorkerHost {
  const worker = new Worker(workerUrl, { workerData: settings });
  let cause: Error | undefined;
  worker.on("error", (thrown: unknown) => {
    cause = thrown instanceof Error ? thrown : new Error(String(thrown));
  });
  return {
    post: (request, transfer = []) => worker.postMessage(request, transfer),
    onReply: (heard) => void worker.on("message", heard),
    onEnd: (heard) => void worker.once("exit", (code) => heard(cause ?? endedWith(code))),
    giveUp: () => {
      worker.postMessage({ kind: "close" } satisfies WorkerRequest);
      worker.unref();
    },
  };
}

/** Of what a process says on its standard error: enough for the line that names the fault. */
const lastWordsCharsMax = 2_000;

function startProcess({ workerUrl, settings }: WorkerStart, place: ProcessPlace): WorkerHost {
  const child = fork(fileURLToPath(workerUrl), [JSON.stringify(settings)], {
    serialization: "advanced",
    env: environmentOf(place),
    execArgv: [],
    // Drivers print warnings: they are kept for the message about its end, and for nothing else.
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let cause: Error | undefined;
  let lastWords = "";
  child.stderr?.on("data", (data: Buffer) => {
    lastWords = (lastWords + data.toString("utf8")).slice(-lastWordsCharsMax);
  });
  return {
    // A channel that is broken is a process that ends, which is heard of.
    post: (request) => void child.send(request, () => {}),
    onReply: (heard) =>
      void child.on("message", (message) => {
        const reply = message as WorkerReply;
        if (reply.kind === "unusable") cause = new Error(reply.message);
        else heard(reply);
      }),
    onEnd: (heard) =>
      onceEnded(child, (how) => heard(cause ?? new Error(`${how}${lastOf(lastWords)}`))),
    giveUp: () => void child.kill("SIGKILL"),
  };
}

/** The loader reads its path when a process starts, and never again. */
function environmentOf({ env, libraryFolders }: ProcessPlace): NodeJS.ProcessEnv {
  const inherited = { ...process.env, ...env };
  if (libraryFolders.length === 0) return inherited;
  const path = [...libraryFolders, inherited["LD_LIBRARY_PATH"] ?? ""].filter(
    (each) => each !== "",
  );
  return { ...inherited, LD_LIBRARY_PATH: path.join(":") };
}

function onceEnded(child: ChildProcess, heard: (how: string) => void): void {
  // `close` and not `exit`: by then its last words have been read.
  child.once("close", (code, signal) => heard(endedWith(signal ?? code).message));
  child.once("error", (error) => {
    if (child.pid === undefined) heard(`the embedding worker does not start: ${error.message}`);
  });
}

function endedWith(code: number | string | null): Error {
  const how = typeof code === "string" ? `by ${code}` : `with code ${code}`;
  return new Error(`the embedding worker ended ${how}`);
}

function lastOf(words: string): string {
  const line = words.trimEnd().split("\n").at(-1) ?? "";
  return line === "" ? "" : ` (${line})`;
}
