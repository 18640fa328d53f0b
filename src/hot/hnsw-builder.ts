/**
 * Builds graphs off the main thread, one after the other for all shards of the process: two at once
 * would take both cores from questions.
 *
 * Owns the builder threads and the files of hnswlib; both are gone when a job ends, however it
 * ends.
 */

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { makeFolder } from "../runtime/make-folder.ts";
import { NativeGateKeeper } from "../runtime/native-gate.ts";
import type { GraphBuilder, GraphInput, GraphJob, GraphLinks } from "./graph.ts";
import type { BuildReply, BuildRequest, BuildWork } from "./hnsw-protocol.ts";

interface Pending {
  readonly job: GraphJob;
  readonly abort: AbortController;
}

/** The process is in the name, so that any other one sees whether its owner is gone. */
const folderOf = (pid: number | string): string => `freshet-graph-${pid}-`;
const folderPattern = new RegExp(`^${folderOf("(\\d+)")}`);
const workerUrl = new URL("./hnsw-builder-worker.ts", import.meta.url);

/**
 * Each build has a folder of its own in `directory`, such as the temporary folder, and takes it
 * away. What killed processes left there goes at the first build.
 */
export function createHnswBuilder(directory: string): GraphBuilder {
  const queue: Pending[] = [];
  let running = false;
  const prepared = lazily(() => prepare(directory));

  async function run(): Promise<void> {
    if (running) return;
    running = true;
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await work(next);
    running = false;
  }

  async function work({ job, abort }: Pending): Promise<void> {
    const { signal } = abort;
    if (signal.aborted) return;
    try {
      await prepared();
      if (signal.aborted) return;
      const input = job.input();
      if (input === null) return;
      const links = await build(input, { directory, signal }).finally(job.ended);
      if (!signal.aborted) job.done(links);
    } catch (error) {
      if (!signal.aborted) job.failed(error);
    }
  }

  return {
    submit(job) {
      const abort = new AbortController();
      const pending = { job, abort };
      queue.push(pending);
      void run();
      return () => {
        abort.abort();
        const waiting = queue.indexOf(pending);
        if (waiting >= 0) queue.splice(waiting, 1);
      };
    },
  };
}

async function build(
  input: GraphInput,
  options: { readonly directory: string; readonly signal: AbortSignal },
): Promise<GraphLinks> {
  const folder = await mkdtemp(join(options.directory, folderOf(process.pid)));
  try {
    const file = join(folder, "graph.hnsw");
    const reply = await runWorker({ ...input, file }, options.signal);
    if (!reply.ok) throw new Error(reply.message);
    return reply.links;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Resolves when the thread has ended, so that no file is removed that it still writes. */
function runWorker(request: BuildRequest, signal: AbortSignal): Promise<BuildReply> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const gate = new NativeGateKeeper();
    const workerData: BuildWork = { request, gate: gate.memory };
    const worker = new Worker(workerUrl, { workerData });
    let outcome: BuildReply = { ok: false, message: "the builder thread ended without a reply" };
    const end = (): void =>
      void gate.close().then((isClosed) => (isClosed ? worker.terminate() : undefined));
    signal.addEventListener("abort", end, { once: true });
    worker.once("message", (reply: BuildReply) => {
      outcome = reply;
    });
    worker.once("error", (error) => {
      outcome = { ok: false, message: error instanceof Error ? error.message : String(error) };
    });
    worker.once("exit", () => {
      signal.removeEventListener("abort", end);
      gate.forget();
      resolve(outcome);
    });
    worker.once("messageerror", reject);
    // A build must not keep a process alive that has nothing else to do.
    worker.unref();
  });
}

/** The directory, without what killed processes left in it. Other people's is theirs to remove. */
async function prepare(directory: string): Promise<void> {
  makeFolder(directory, 0o700);
  for (const name of await readdir(directory)) {
    const owner = folderPattern.exec(name)?.[1];
    if (owner === undefined || isRunning(Number(owner))) continue;
    await rm(join(directory, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    // Somebody else's process is not ours to ask, and is there.
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** One attempt at a time; a failed one is tried again by the next caller. */
function lazily(task: () => Promise<void>): () => Promise<void> {
  let promise: Promise<void> | null = null;
  return () => {
    promise ??= task().catch((error: unknown) => {
      promise = null;
      throw error;
    });
    return promise;
  };
}
