/**
 * A bounded amount (bytes, places) that many keys (tenants) take from, and that none of them can
 * take all of.
 *
 * Owns: what each key holds, and which takes wait.
 * Never: gives out more than the total, or keeps one key waiting for what another cannot give back.
 *
 *   FS1  what all keys hold together is at most the total; a take larger than the total counts as
 *        the total;
 *   FS2  a key that holds something gets more only up to `perKeyMax`, and only while it then holds
 *        no more than `timesFree` of what is free (the dynamic threshold of Choudhury and Hahne,
 *        1998): k keys that never give back leave something free for the next one, and one that
 *        holds nothing gets whatever fits;
 *   FS3  keys that wait take turns, one grant each; within a key the order is that of the calls.
 *        One whose take does not fit is passed over: what others may add is bounded by what is free
 *        (FS2), so it fits soon;
 *   FS4  the queue is shared by the same rule, and a take that finds no place in it is refused at
 *        once;
 *   FS5  each share is given back once, also by a waiter that aborts at the moment of its grant.
 */

export interface Share {
  /** Moves a part into a share of its own, which is given back by itself. */
  split(amount: number): Share;
  /** Gives back what is above `amount`, at once: a read reserves a page and keeps what came. */
  shrinkTo(amount: number): void;
  /** Idempotent. */
  release(): void;
}

export interface FairSharesOptions {
  readonly total: number;
  /** The most that one key may hold, however much is free; the total by default. */
  readonly perKeyMax?: number | undefined;
  /**
   * FS2; 1 by default: one key alone gets half. With 1/4 ten that never give back leave a tenth.
   */
  readonly timesFree?: number | undefined;
  /** Takes that may wait, of all keys together; unbounded by default. */
  readonly waitingMax?: number | undefined;
}

/** FS2, for one key. Amounts of at most the total. */
function mayTake(asked: {
  readonly amount: number;
  readonly held: number;
  readonly free: number;
  readonly perKeyMax: number;
  readonly timesFree: number;
}): boolean {
  const { amount, held, free, perKeyMax, timesFree } = asked;
  if (held === 0 || amount > free) return amount <= free;
  return held + amount <= Math.min(perKeyMax, timesFree * free);
}

/** FS5. */
class Part implements Share {
  #held: number;
  readonly #giveBack: (freed: number) => void;

  constructor(held: number, giveBack: (freed: number) => void) {
    this.#held = held;
    this.#giveBack = giveBack;
  }

  split(amount: number): Share {
    const moved = Math.min(amount, this.#held);
    this.#held -= moved;
    return new Part(moved, this.#giveBack);
  }

  shrinkTo(amount: number): void {
    const freed = Math.max(0, this.#held - amount);
    this.#held -= freed;
    if (freed > 0) this.#giveBack(freed);
  }

  release(): void {
    this.shrinkTo(0);
  }
}

interface Waiter {
  readonly amount: number;
  readonly granted: (share: Share | undefined) => void;
}

interface KeyState {
  held: number;
  readonly waiting: Waiter[];
}

export class FairShares {
  readonly total: number;
  readonly #perKeyMax: number;
  readonly #timesFree: number;
  readonly #waitingMax: number;
  /**
   * In the order of their turns: a key that was served goes to the end. Only keys that hold or
   * wait.
   */
  readonly #keys = new Map<string, KeyState>();
  #held = 0;
  #waiting = 0;

  constructor({ total, perKeyMax, timesFree = 1, waitingMax }: FairSharesOptions) {
    if (!(total > 0)) throw new RangeError("shares are of an amount above zero");
    this.total = total;
    this.#perKeyMax = Math.min(total, perKeyMax ?? total);
    this.#timesFree = timesFree;
    this.#waitingMax = waitingMax ?? Number.POSITIVE_INFINITY;
  }

  get held(): number {
    return this.#held;
  }

  get waiting(): number {
    return this.#waiting;
  }

  heldBy(key: string): number {
    return this.#keys.get(key)?.held ?? 0;
  }

  /** At once or not at all, and never before waiting takes of the same key. */
  tryTake(key: string, amount = 1): Share | undefined {
    const state = this.#keys.get(key);
    const capped = Math.min(amount, this.total);
    if (state !== undefined && state.waiting.length > 0) return undefined;
    return this.#fits(state?.held ?? 0, capped) ? this.#grant(key, capped) : undefined;
  }

  /**
   * Waits for its turn. `refused` when the queue has no place for this key; undefined when the
   * signal aborts.
   */
  async take(
    key: string,
    options: { readonly amount?: number; readonly signal: AbortSignal },
  ): Promise<Share | "refused" | undefined> {
    const { amount = 1, signal } = options;
    if (signal.aborted) return undefined;
    const share = this.tryTake(key, amount);
    if (share !== undefined) return share;
    const state = this.#state(key);
    const queued = {
      amount: 1,
      held: state.waiting.length,
      free: this.#waitingMax - this.#waiting,
    };
    if (!mayTake({ ...queued, perKeyMax: this.#waitingMax, timesFree: 1 })) {
      this.#forget(key, state);
      return "refused";
    }
    return this.#wait(key, state, { amount: Math.min(amount, this.total), signal });
  }

  /**
   * Runs the work when its turn comes; undefined when the signal aborts before. Only for shares
   * without `waitingMax`.
   */
  async run<Value>(
    key: string,
    work: () => Promise<Value>,
    signal: AbortSignal,
  ): Promise<Value | undefined> {
    const share = await this.take(key, { signal });
    if (share === undefined || share === "refused") return undefined;
    try {
      return await work();
    } finally {
      share.release();
    }
  }

  #wait(
    key: string,
    state: KeyState,
    { amount, signal }: { readonly amount: number; readonly signal: AbortSignal },
  ): Promise<Share | undefined> {
    return new Promise((resolve) => {
      const left = (): void => {
        state.waiting.splice(state.waiting.indexOf(waiter), 1);
        this.#waiting -= 1;
        this.#forget(key, state);
        resolve(undefined);
        this.#serve();
      };
      const waiter: Waiter = {
        amount,
        granted: (share) => {
          signal.removeEventListener("abort", left);
          resolve(share);
        },
      };
      state.waiting.push(waiter);
      this.#waiting += 1;
      signal.addEventListener("abort", left, { once: true });
    });
  }

  #fits(held: number, amount: number): boolean {
    const free = this.total - this.#held;
    return mayTake({ amount, held, free, perKeyMax: this.#perKeyMax, timesFree: this.#timesFree });
  }

  #grant(key: string, amount: number): Share {
    const state = this.#state(key);
    this.#add(state, amount);
    const giveBack = (freed: number): void => {
      this.#add(state, -freed);
      this.#forget(key, state);
      this.#serve();
    };
    return new Part(amount, giveBack);
  }

  /** FS3. */
  #serve(): void {
    for (let served = this.#waiting > 0; served; ) {
      served = false;
      for (const [key, state] of [...this.#keys]) {
        const [next] = state.waiting;
        if (next === undefined || !this.#fits(state.held, next.amount)) continue;
        state.waiting.shift();
        this.#waiting -= 1;
        this.#keys.delete(key);
        this.#keys.set(key, state);
        next.granted(this.#grant(key, next.amount));
        served = true;
      }
    }
  }

  #state(key: string): KeyState {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const state: KeyState = { held: 0, waiting: [] };
    this.#keys.set(key, state);
    return state;
  }

  #add(state: KeyState, amount: number): void {
    state.held += amount;
    this.#held += amount;
  }

  #forget(key: string, state: KeyState): void {
    if (state.held === 0 && state.waiting.length === 0) this.#keys.delete(key);
  }
}
