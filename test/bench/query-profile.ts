/** A CPU profile of another process's main thread, through its inspector, and what it says by file of ours. */

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const intervalUs = 250;
const functionsShown = 25;
const filesShown = 15;

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** What the inspector calls a profile, as far as it is read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Profiles the process, whose inspector listens on the port, for as long as the work takes. */
export async function profileWhile(port: number, work: () => Promise<void>): Promise<CpuProfile> {
  const inspector = await openInspector(port);
  try {
    await inspector.call("Profiler.enable");
    await inspector.call("Profiler.setSamplingInterval", { interval: intervalUs });
    await inspector.call("Profiler.start");
    await work();
    const { profile } = await inspector.call("Profiler.stop");
    return profile as CpuProfile;
  } finally {
    inspector.close();
  }
}

async function openInspector(port: number) {
  const listed = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
    readonly webSocketDebuggerUrl: string;
  }[];
  const socket = new WebSocket(listed[0]?.webSocketDebuggerUrl ?? "");
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", () => reject(new Error("no inspector answers")), {
      once: true,
    });
  });
  const waiting = new Map<number, (result: Readonly<Record<string, unknown>>) => void>();
  socket.addEventListener("message", ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as {
      readonly id: number;
      readonly result?: Readonly<Record<string, unknown>>;
    };
    waiting.get(id)?.(result ?? {});
    waiting.delete(id);
  });
  let last = 0;
  return {
    call: (method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> =>
      new Promise((resolve) => {
        last += 1;
        waiting.set(last, resolve);
        socket.send(JSON.stringify({ id: last, method, params }));
      }),
    close: () => socket.close(),
  };
}

export function writeProfile(file: string, profile: CpuProfile): void {
  writeFileSync(file, JSON.stringify(profile));
}

/** Shares of the time in which the thread worked: by file of this repository or package, by function. */
export function profileText(profile: CpuProfile): readonly string[] {
  const { selfUs, idleUs } = selfTimes(profile);
  const busyUs = [...selfUs.values()].reduce((sum, us) => sum + us, 0);
  const totalMs = (busyUs + idleUs) / 1000;
  const byFile = new Map<string, number>();
  const byFunction = new Map<string, number>();
  for (const [frame, us] of selfUs) {
    const file = fileOf(frame);
    const name = `${frame.functionName || "(anonymous)"} ${file}:${frame.lineNumber + 1}`;
    byFile.set(file, (byFile.get(file) ?? 0) + us);
    byFunction.set(name, (byFunction.get(name) ?? 0) + us);
  }
  const top = (of: ReadonlyMap<string, number>, count: number): readonly string[] =>
    [...of]
      .toSorted(([, left], [, right]) => right - left)
      .slice(0, count)
      .map(([name, us]) => `  ${((us / busyUs) * 100).toFixed(1).padStart(5)} %  ${name}`);
  return [
    `main thread: ${(busyUs / 1000).toFixed(0)} of ${totalMs.toFixed(0)} ms busy; self time by file:`,
    ...top(byFile, filesShown),
    "self time by function:",
    ...top(byFunction, functionsShown),
  ];
}

function selfTimes({ nodes, samples, timeDeltas }: CpuProfile) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const selfUs = new Map<CallFrame, number>();
  let idleUs = 0;
  for (const [at, id] of samples.entries()) {
    const frame = frames.get(id);
    const us = timeDeltas[at] ?? 0;
    if (frame === undefined) continue;
    // "(program)" is native code below JavaScript: sockets, for the greatest part.
    if (frame.functionName === "(idle)") idleUs += us;
    else selfUs.set(frame, (selfUs.get(frame) ?? 0) + us);
  }
  return { selfUs, idleUs };
}

function fileOf({ url, functionName }: CallFrame): string {
  if (url === "") return functionName.startsWith("(") ? functionName : "native";
  const path = url.startsWith("file://") ? fileURLToPath(url) : url;
  const relative = path.startsWith(root) ? path.slice(root.length) : path;
  const [, vendor] =
    /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(relative) ?? [];
  return vendor === undefined ? relative : `package ${vendor}`;
}
