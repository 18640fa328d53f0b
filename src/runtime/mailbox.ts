/**
 * A bounded queue between actors.
 *
 * Owns: the messages that were put and not yet taken, in order.
 * Never: drops a message silently, grows above its capacity, or delivers after `close`.
 *
 *   M1  messages are taken in the order in which they were put, each exactly once; a sender that
 *       waits for room is not overtaken;
 *   M2  `tryPut` refuses at capacity; `put` waits for room: the sender chooses between refusing and
 *       waiting;
 *   M3  after `close` nothing can be put, and what was left comes back to the closer;
 *   M4  with a weight, the messages held weigh at most `max` together, or are a single heavier one.
 *       A message without weight needs only a free slot: it enters before those that wait because
 *       they are heavy.
 */

export interface Mailbox<Message> {
  /** False when the mailbox is full or closed. */
  tryPut(message: Message): boolean;
  /** Waits for room. False when the mailbox is closed, or the signal aborts first. */
  put(message: Message, signal?: AbortSignal): Promise<boolean>;
  readonly depth: number;
  readonly capacity: number;
}

/** M4. In any unit, mostly bytes. */
export interface Weight<Message> {
  readonly max: number;
  readonly of: (message: Message) => number;
}

type Waiter<Value> = (value: Value) => void;

/**
 * A message that waits for room. The call that makes room moves it in, so no other message can
 * overtake it (M1).
 */
interface Putter<Message> {
  readonly message: Message;
  readonly admitted: Waiter<boolean>;
}

export class BoundedMailbox<Message> implements Mailbox<Message> {
  readonly capacity: number;
  #messages: Message[] = [];
  #head = 0;
  #takers: Waiter<Message | undefined>[] = [];
  #putters: Putter<Message>[] = [];
  #closed = false;
  readonly #weight: Weight<Message> | undefined;
  #weighs = 0;

  constructor(capacity: number, weight?: Weight<Message>) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError("a mailbox holds at least one message");
    }
    this.capacity = capacity;
    this.#weight = weight;
  }

  get depth(): number {
    return this.#messages.length - this.#head;
  }

  tryPut(message: Message): boolean {
    if (this.#closed) return false;
    const taker = this.#takers.shift();
    if (taker !== undefined) {
      taker(message);
      return true;
    }
    if (!this.#hasRoomFor(message)) return false;
    // A sender that waits for room is not overtaken by a lighter message (M1).
    if (this.#putters.length > 0 && this.#weightOf(message) > 0) return false;
    this.#add(message);
    return true;
  }

  put(message: Message, signal?: AbortSignal): Promise<boolean> {
    if (this.tryPut(message)) return Promise.resolve(true);
    if (this.#closed || signal?.aborted === true) return Promise.resolve(false);
    return new Promise((resolve) => {
      const admitted = (isIn: boolean): void => {
        signal?.removeEventListener("abort", aborted);
        resolve(isIn);
      };
      const putter: Putter<Message> = { message, admitted };
      const aborted = (): void => {
        this.#putters = this.#putters.filter((other) => other !== putter);
        resolve(false);
        this.#letIn();
      };
      signal?.addEventListener("abort", aborted, { once: true });
      this.#putters.push(putter);
    });
  }

  /**
   * The next message; undefined once the mailbox is closed or the signal aborts. Several takers
   * share the work. An aborted take leaves every message where it is (M1).
   */
  take(signal?: AbortSignal): Promise<Message | undefined> {
    if (signal?.aborted === true) return Promise.resolve(undefined);
    if (this.depth > 0) {
      const message = this.#shift();
      this.#letIn();
      return Promise.resolve(message);
    }
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const taker = (message: Message | undefined): void => {
        signal?.removeEventListener("abort", aborted);
        resolve(message);
      };
      const aborted = (): void => {
        this.#takers = this.#takers.filter((other) => other !== taker);
        resolve(undefined);
      };
      signal?.addEventListener("abort", aborted, { once: true });
      this.#takers.push(taker);
    });
  }

  /** Ends delivery and returns what was not taken. */
  close(): readonly Message[] {
    if (this.#closed) return [];
    this.#closed = true;
    const rest = this.#messages.slice(this.#head);
    this.#messages = [];
    this.#head = 0;
    for (const taker of this.#takers.splice(0)) taker(undefined);
    for (const putter of this.#putters.splice(0)) putter.admitted(false);
    return rest;
  }

  #hasRoomFor(message: Message): boolean {
    if (this.depth >= this.capacity) return false;
    const weighs = this.#weightOf(message);
    return weighs === 0 || this.depth === 0 || this.#weighs + weighs <= (this.#weight?.max ?? 0);
  }

  #weightOf(message: Message): number {
    return this.#weight?.of(message) ?? 0;
  }

  #letIn(): void {
    for (let [next] = this.#putters; next !== undefined && this.#hasRoomFor(next.message); ) {
      this.#putters.shift();
      this.#add(next.message);
      next.admitted(true);
      [next] = this.#putters;
    }
  }

  #add(message: Message): void {
    this.#messages.push(message);
    this.#weighs += this.#weightOf(message);
  }

  #shift(): Message | undefined {
    const message = this.#messages[this.#head];
    if (message !== undefined) this.#weighs -= this.#weightOf(message);
    this.#head += 1;
    // `Array.shift` moves the whole queue; a moving head pays for that once in a while instead.
    if (this.#head * 2 >= this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
    return message;
  }
}
