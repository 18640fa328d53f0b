/**
 * Stands between a thread that calls native code and the one that ends it. A thread that is
 * terminated inside of a call of hnswlib-node or onnxruntime-node cannot throw, and their answer
 * to that is to abort the whole process (SIGABRT).
 *
 *   NG1  once `close` or `closeNow` has returned true, no native call runs in the thread and none
 *        begins;
 *   NG2  a call that hangs holds its owner for a bounded time: then the thread is left alone, and
 *        not terminated.
 */

import { limits } from "../contract/limits.ts";

/** Added to the number of native calls that the thread is in. */
const closed = 2 ** 30;

/** The thread's end. Loading such a library and making its objects are native calls as well. */
export class NativeGate {
  readonly #state: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#state = new Int32Array(memory);
  }

  /** @throws Error when the thread is being ended */
  async run<T>(call: () => T | Promise<T>): Promise<T> {
    this.#enter();
    try {
      return await call();
    } finally {
      this.#leave();
    }
  }

  /** The same for calls that block. */
  runSync<T>(call: () => T): T {
    this.#enter();
    try {
      return call();
    } finally {
      this.#leave();
    }
  }

  #enter(): void {
    if (Atomics.add(this.#state, 0, 1) < closed) return;
    this.#leave();
    throw new Error("this thread is being ended");
  }

  #leave(): void {
    Atomics.sub(this.#state, 0, 1);
    Atomics.notify(this.#state, 0);
  }
}

/** For threads that nobody terminates. */
export const ungated: Pick<NativeGate, "run"> = { run: async (call) => call() };

/**
 * The owner's end. A process that ends terminates its threads, so it closes their gates before.
 */
export class NativeGateKeeper {
  /** For the thread's `NativeGate`. */
  readonly memory = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly #state = new Int32Array(this.memory);

  constructor() {
    if (open.size === 0) process.on("exit", closeAll);
    open.add(this);
  }

  /** @returns false when a native call did not end in time: the thread must not be terminated */
  async close(): Promise<boolean> {
    for (;;) {
      const state = this.#shut();
      if (state === closed) return true;
      const left = Atomics.waitAsync(this.#state, 0, state, limits.nativeCallMsMax);
      if (left.async && (await left.value) === "timed-out") return false;
    }
  }

  /** The same for a process that ends now. */
  closeNow(): boolean {
    for (;;) {
      const state = this.#shut();
      if (state === closed) return true;
      if (Atomics.wait(this.#state, 0, state, limits.nativeCallMsMax) === "timed-out") return false;
    }
  }

  /** The thread has ended. */
  forget(): void {
    open.delete(this);
    if (open.size === 0) process.off("exit", closeAll);
  }

  #shut(): number {
    return Atomics.or(this.#state, 0, closed) | closed;
  }
}

const open = new Set<NativeGateKeeper>();

function closeAll(): void {
  for (const keeper of open) keeper.closeNow();
}
