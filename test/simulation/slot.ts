/**
 * Where the simulated processes meet their servers. Each call to a port waits in its process' slot
 * until the history answers it, so that one history is one order of all effects, whatever the event
 * loop does.
 *
 *   SL1  a call has its effect exactly when it is answered, or never, or later: `late` puts it off
 *        until `land`;
 *   SL2  a call that fails tells its caller nothing about its effect: unknown looks like failed;
 *   SL3  a killed slot answers nothing with success any more, and lets no new call have an effect.
 */

import { type ErrorCode, FreshetError } from "../../src/contract/errors.ts";
import { settle } from "../support/manual-clock.ts";

/**
 * What becomes of a call. `lost`: the effect, and no answer. `torn`: half of the effect (of writes
 * that have halves). `late`: no answer, and the effect lands after others.
 */
export type Answer = "ok" | "fail" | "lost" | "torn" | "late";

/** A call to a port, as the history sees it. */
export interface Call<Value> {
  readonly name: string;
  readonly code: ErrorCode;
  readonly perform: () => Promise<Value>;
  /** The first half of the effect. */
  readonly half?: (() => Promise<unknown>) | undefined;
  /** What the real adapter finds out by reading back when the answer was lost. */
  readonly readBack?: (() => Promise<Value>) | undefined;
  /** Of a read: makes a range begin too late, and a read of DOCS end too early. */
  readonly shorten?: ((records: number) => void) | undefined;
}

interface Waiting {
  settle(answer: Answer): Promise<void>;
  refuse(): void;
}

/** What is in store for all processes of a world. */
export interface Faults {
  /** Effects whose callers have given up on them. */
  readonly late: (() => Promise<unknown>)[];
  /** How many records or operations the next read returns too little. */
  shortRead: number;
}

export class Slot {
  readonly #faults: Faults;
  #waiting: Waiting[] = [];
  #killed = false;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  get waits(): boolean {
    return this.#waiting.length > 0;
  }

  call<Value>(call: Call<Value>): Promise<Value> {
    const unknown = (): FreshetError => new FreshetError(call.code, `${call.name} is unknown`);
    if (this.#killed) return Promise.reject(unknown());
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        refuse: () => reject(unknown()),
        settle: async (answer) => {
          const value = await this.#answer(call, answer);
          if (value.kind === "value") resolve(value.value);
          else if (value.kind === "thrown") reject(value.thrown);
          else reject(unknown());
        },
      });
    });
  }

  /** Answers the oldest call and runs what follows from it; false when none waits. */
  async answer(answer: Answer): Promise<boolean> {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return false;
    await waiting.settle(answer);
    await settle();
    return true;
  }

  kill(): void {
    this.#killed = true;
    for (const waiting of this.#waiting.splice(0)) waiting.refuse();
  }

  #shorten({ shorten }: Call<unknown>): void {
    const records = this.#faults.shortRead;
    if (records === 0 || shorten === undefined) return;
    this.#faults.shortRead = 0;
    shorten(records);
  }

  async #answer<Value>(call: Call<Value>, answer: Answer): Promise<Answered<Value>> {
    switch (answer) {
      case "ok":
        this.#shorten(call);
        return attempt(call.perform);
      case "fail":
        return { kind: "unknown" };
      case "late":
        this.#faults.late.push(call.perform);
        return { kind: "unknown" };
      case "torn":
        await attempt(call.half ?? call.perform);
        return { kind: "unknown" };
      case "lost":
        await attempt(call.perform);
        return call.readBack === undefined ? { kind: "unknown" } : attempt(call.readBack);
    }
  }
}

type Answered<Value> =
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "thrown"; readonly thrown: Error }
  | { readonly kind: "unknown" };

async function attempt<Value>(work: () => Promise<Value>): Promise<Answered<Value>> {
  try {
    return { kind: "value", value: await work() };
  } catch (thrown) {
    return { kind: "thrown", thrown: thrown instanceof Error ? thrown : new Error(String(thrown)) };
  }
}
