/**
 * The engine's end of the thread that maps a source's events; `mapper-worker.ts` is the other end.
 *
 * Owns: the thread. Never: lets one event compute longer than `mapDeadlineMs`, or waits for it
 * longer than `mapStarvedMs`.
 *
 *   XM1  every event gets an outcome, in the order of the events: an event that hangs or ends its
 *        thread has failed, and its neighbours are mapped by the next thread. One that a busy
 *        machine does not let run has not;
 *   XM2  a thread that does not start blames no event: `overloaded`, which passes. An expression
 *        that does not compile is told at the first call.
 */

import { errorFromBody, FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { Mapped } from "../../contract/source.ts";
import type { Clock } from "../../runtime/clock.ts";
import { late, waitAtMost } from "../../runtime/deadline.ts";
import { waitRunningAtMost } from "../../runtime/sleep-running.ts";
import { ReplyThread } from "../preparation/reply-thread.ts";
import type { ExpressionSettings } from "./expression.ts";
import type { MapReply, MapSettings } from "./mapper-protocol.ts";
import type { Mapper, RawEvent } from "./port.ts";

export interface MapperOptions extends ExpressionSettings {
  readonly keyHeader?: string | undefined;
  readonly clock: Clock;
  /** What one event may compute; `limits.mapDeadlineMs` by default. */
  readonly deadlineMs?: number | undefined;
}

const workerUrl = new URL("./mapper-worker.ts", import.meta.url);
/** Looks within one deadline: an event takes at most that much longer to be given up. */
const looks = 4;

export function createMapper(options: MapperOptions): Mapper {
  return new ThreadMapper(options);
}

class ThreadMapper implements Mapper {
  readonly #options: MapperOptions;
  #thread: MapThread | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #idle = new AbortController();
  #isClosed = false;

  constructor(options: MapperOptions) {
    this.#options = options;
  }

  /** One after the other: what a webhook and a test send at once waits in line. */
  map(events: readonly RawEvent[]): Promise<readonly Mapped[]> {
    this.#idle.abort();
    const mapping = this.#last.then(() => {
      if (this.#isClosed) throw new FreshetError("overloaded", "the mapping has another version");
      return this.#mapAll(events);
    });
    const over = (): void => {
      if (this.#last === last) this.#endWhenIdle();
    };
    const last: Promise<void> = mapping.then(over, over);
    this.#last = last;
    return mapping;
  }

  /** What is in the thread's hands ends first: cut off, it would look as if it had failed (XM1). */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
    this.#idle.abort();
    await this.#endThread();
  }

  #endWhenIdle(): void {
    this.#idle = new AbortController();
    const { signal } = this.#idle;
    void this.#options.clock.sleep(limits.mapIdleMs, signal).then(() => {
      if (!signal.aborted) void this.#endThread();
    });
  }

  async #endThread(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.end();
  }

  async #mapAll(events: readonly RawEvent[]): Promise<readonly Mapped[]> {
    const outcomes: (Mapped | undefined)[] = events.map(() => undefined);
    for (;;) {
      const open = outcomes.flatMap((outcome, index) => (outcome === undefined ? [index] : []));
      if (open.length === 0) return outcomes as Mapped[];
      const thread = await this.#started();
      const ran = await this.#run(
        thread,
        open.map((index) => events[index] as RawEvent),
      );
      if (ran.kind === "mapped") {
        for (const [index, outcome] of ran.mapped.entries()) outcomes[open[index] ?? 0] = outcome;
        continue;
      }
      await this.#endThread();
      const culprit = open[thread.at];
      if (culprit !== undefined) outcomes[culprit] = ran;
    }
  }

  /** What the thread made of the events, or what is said of the one that it is at. */
  async #run(thread: MapThread, events: readonly RawEvent[]): Promise<Ran> {
    const { clock, deadlineMs = limits.mapDeadlineMs } = this.#options;
    const lookMs = deadlineMs / looks;
    thread.map(events);
    const reply = thread.next();
    for (let event: EventInHand = { at: -1, fromMs: undefined, waitedMs: 0 }; ; ) {
      const heard = await waitRunningAtMost(clock, lookMs, { promise: reply });
      if (heard !== late) {
        if (heard.kind === "mapped") return heard;
        return failed("the mapping ended its thread: it needs too much memory");
      }
      const { at } = thread;
      const promise = thread.computedMs();
      const computedMs = await waitRunningAtMost(clock, lookMs, { promise });
      // It went on meanwhile, and what was computed is of two events.
      if (thread.at !== at) continue;
      if (event.at !== at) event = { at, fromMs: undefined, waitedMs: 0 };
      event.waitedMs += lookMs;
      if (computedMs !== late) {
        event.fromMs ??= computedMs;
        if (computedMs - event.fromMs >= deadlineMs) {
          return failed(`the mapping computed for longer than ${deadlineMs} ms`);
        }
      }
      if (event.waitedMs >= limits.mapStarvedMs) {
        return failed(`the mapping was not done within ${limits.mapStarvedMs} ms`);
      }
    }
  }

  async #started(): Promise<MapThread> {
    if (this.#thread !== undefined && !this.#thread.hasEnded) return this.#thread;
    const { clock, deadlineMs: _, ...settings } = this.#options;
    const thread = new MapThread({ keyHeader: undefined, ...settings });
    this.#thread = thread;
    const heard = await waitAtMost(clock, limits.mapReadyMs, thread.next());
    if (heard !== late && heard.kind === "ready") return thread;
    await this.#endThread();
    if (heard !== late && heard.kind === "refused") {
      throw errorFromBody(heard.error) ?? new FreshetError("internal");
    }
    throw new FreshetError("overloaded", "the thread that maps events does not start");
  }
}

interface EventInHand {
  readonly at: number;
  /** What its thread had computed when it was first seen; undefined until the thread says. */
  fromMs: number | undefined;
  waitedMs: number;
}

type Ran = Extract<MapReply, { kind: "mapped" }> | Extract<Mapped, { kind: "failed" }>;

const failed = (message: string): Extract<Mapped, { kind: "failed" }> => ({
  kind: "failed",
  message,
});

/** One that also tells which event it is at, without being asked. */
class MapThread extends ReplyThread<{ readonly events: readonly RawEvent[] }, MapReply> {
  readonly #at: Int32Array;

  constructor(settings: Omit<MapSettings, "progress">) {
    const progress = new SharedArrayBuffer(4);
    const workerData: MapSettings = { ...settings, progress };
    super(workerUrl, { workerData, heapMiBMax: limits.mapHeapMiBMax });
    this.#at = new Int32Array(progress);
  }

  get at(): number {
    return Atomics.load(this.#at, 0);
  }

  map(events: readonly RawEvent[]): void {
    Atomics.store(this.#at, 0, 0);
    this.send({ events });
  }
}
