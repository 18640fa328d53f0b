/**
 * One server as a child process: start, real readiness, unexpected death, stop.
 *
 * Owns: the child (through watch.sh, which ends it when this process dies in any way) and its log
 * file. Never restarts a server: the owner of the run decides what a death means.
 *
 * Invariants
 *  SV1 A server counts as started only after its readiness check succeeded.
 *  SV2 `stop` returns only when no process of the group runs any more.
 *  SV3 No server outlives this process, kill -9 included (watch.sh).
 *  SV4 Every failure carries the last lines of the server's log.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Environment } from "../setup/cache.ts";
import { lastLines, SetupError } from "../setup/setup-error.ts";
import { isGroupAlive, killGroup } from "./process-group.ts";

const watcher = fileURLToPath(new URL("./watch.sh", import.meta.url));
const logLinesShown = 12;
const logTailBytes = 16 * 1024;
/** A log is kept over restarts and moved aside once it is this long. */
const logBytesMax = 16 * 1024 * 1024;
const readyPollMs = 50;
/** On top of the grace: the watcher itself needs a moment to see that the server is gone. */
const killMarginMs = 2_000;

export interface ServerSpec {
  readonly name: string;
  readonly program: string;
  readonly parameters: readonly string[];
  readonly env: Environment;
  readonly logFile: string;
  readonly cwd: string;
  /** How long it may take to answer its readiness check. */
  readonly readyTimeoutMs: number;
  /** How long it may take to stop after SIGTERM before it is killed. */
  readonly graceS: number;
  /** One request that exercises the server; throws or returns false while it is not ready. */
  readonly isReady: () => Promise<boolean>;
}

export interface RunningServer {
  readonly name: string;
  readonly logFile: string;
  /** Leader of the server's process group. */
  readonly groupId: number;
  /** Resolves when the server has ended for whatever reason. */
  readonly ended: Promise<ServerEnd>;
  stop(): Promise<void>;
  /** As `kill -9` of the server: for tests and for those who cannot wait. */
  kill(): Promise<void>;
}

export interface ServerEnd {
  readonly name: string;
  readonly expected: boolean;
  /** What happened, with the last lines of the log when it was not asked for. */
  readonly message: string;
}

export class ServerStartError extends SetupError {
  readonly log: string;
  constructor(message: string, log: string) {
    super(message);
    this.log = log;
  }
}

/** Starts a server and waits until it is ready (SV1). @throws ServerStartError */
export async function startServer(spec: ServerSpec): Promise<RunningServer> {
  const logStart = prepareLog(spec.logFile);
  const running = launch(spec, logStart);
  try {
    await waitUntilReady(spec, running, logStart);
    return running;
  } catch (error) {
    await running.kill();
    throw error;
  }
}

function launch(spec: ServerSpec, logStart: number): RunningServer {
  const log = openSync(spec.logFile, "a");
  const child = spawn(watcher, [String(spec.graceS), spec.program, ...spec.parameters], {
    cwd: spec.cwd,
    env: { ...spec.env },
    stdio: ["pipe", log, log],
    // Its own session and group: Ctrl-C does not reach it, and a kill reaches all of it.
    detached: true,
  });
  closeSync(log);
  // The pipe breaks when the watcher is killed; that end is reported by `exit`.
  child.stdin?.on("error", () => undefined);
  let expected = false;
  const ended = new Promise<ServerEnd>((resolve) => {
    child.once("error", (error) => {
      resolve({ name: spec.name, expected, message: `${spec.name}: ${error.message}` });
    });
    child.once("exit", (code, signal) => {
      resolve({ name: spec.name, expected, message: endMessage(spec, { code, signal, logStart }) });
    });
  });
  const stop = async (immediately: boolean) => {
    expected = true;
    await endGroup(child, ended, immediately ? 0 : spec.graceS * 1000 + killMarginMs);
  };
  return {
    name: spec.name,
    logFile: spec.logFile,
    groupId: child.pid ?? 0,
    ended,
    stop: () => stop(false),
    kill: () => stop(true),
  };
}

async function endGroup(
  child: ChildProcess,
  ended: Promise<unknown>,
  patienceMs: number,
): Promise<void> {
  if (child.pid === undefined) return;
  child.stdin?.end();
  if (patienceMs > 0) {
    const patience = new AbortController();
    await Promise.race([
      ended,
      sleep(patienceMs, undefined, { signal: patience.signal }).catch(() => undefined),
    ]);
    patience.abort();
  }
  killGroup(child.pid);
  await ended;
  while (isGroupAlive(child.pid)) await sleep(readyPollMs);
}

async function waitUntilReady(
  spec: ServerSpec,
  running: RunningServer,
  logStart: number,
): Promise<void> {
  const deadlineMs = performance.now() + spec.readyTimeoutMs;
  let end: ServerEnd | undefined;
  void running.ended.then((value) => {
    end = value;
  });
  let lastReason = "no answer";
  while (performance.now() < deadlineMs) {
    if (end !== undefined) throw new ServerStartError(end.message, readLog(spec.logFile, logStart));
    try {
      if (await spec.isReady()) return;
    } catch (error) {
      lastReason = error instanceof Error ? error.message : String(error);
    }
    await sleep(readyPollMs);
  }
  const log = readLog(spec.logFile, logStart);
  const seconds = Math.round(spec.readyTimeoutMs / 1000);
  throw new ServerStartError(
    `${spec.name} was not ready after ${seconds} s (${lastReason}); its log ${spec.logFile} ends:\n` +
      lastLines(log, logLinesShown),
    log,
  );
}

function endMessage(
  spec: ServerSpec,
  how: { code: number | null; signal: string | null; logStart: number },
): string {
  const cause = how.signal === null ? `with code ${String(how.code)}` : `by ${how.signal}`;
  const log = lastLines(readLog(spec.logFile, how.logStart), logLinesShown);
  return `${spec.name} ended ${cause}; its log ${spec.logFile} ends:\n${log}`;
}

/** Makes room for the log and returns where this run's part of it begins. */
function prepareLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes <= logBytesMax) return bytes;
  renameSync(path, `${path}.1`);
  return 0;
}

/** The end of what this run wrote: never an error of an earlier run. */
function readLog(path: string, logStart: number): string {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const from = Math.max(logStart, size - logTailBytes);
    const buffer = Buffer.alloc(Math.max(0, size - from));
    readSync(file, buffer, 0, buffer.length, from);
    return buffer.toString("utf8");
  } finally {
    closeSync(file);
  }
}

export function logPath(dataDir: string, name: string): string {
  return join(dataDir, "logs", `${name}.log`);
}
