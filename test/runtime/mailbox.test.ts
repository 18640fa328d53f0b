import { describe, expect, it } from "vitest";
import { BoundedMailbox } from "../../src/runtime/mailbox.ts";
import { settle } from "../support/manual-clock.ts";

/** A box of one that is full: the next `put` waits. */
function fullMailbox(): BoundedMailbox<string> {
  const mailbox = new BoundedMailbox<string>(1);
  expect(mailbox.tryPut("first")).toBe(true);
  return mailbox;
}

/** Resolves to the value, or to "waiting" when the promise is still open once all is quiet. */
async function now<Value>(promise: Promise<Value>): Promise<Value | "waiting"> {
  return await Promise.race([promise, settle().then(() => "waiting" as const)]);
}

describe("M1: in order, each exactly once", () => {
  it("hands out messages in the order in which they were put", async () => {
    const mailbox = new BoundedMailbox<number>(1_000);
    for (let message = 0; message < 1_000; message += 1) mailbox.tryPut(message);
    const taken: (number | undefined)[] = [];
    while (mailbox.depth > 0) taken.push(await mailbox.take());
    expect(taken).toEqual(Array.from({ length: 1_000 }, (_, message) => message));
  });

  it("gives a message to exactly one of several takers, the one that waited longest", async () => {
    const mailbox = new BoundedMailbox<string>(4);
    const takers = [mailbox.take(), mailbox.take(), mailbox.take()];
    mailbox.tryPut("a");
    mailbox.tryPut("b");
    expect(await Promise.all(takers.map(now))).toEqual(["a", "b", "waiting"]);
    expect(mailbox.depth).toBe(0);
  });

  it("leaves every message in place when a take is aborted", async () => {
    const mailbox = new BoundedMailbox<string>(4);
    const abort = new AbortController();
    const aborted = mailbox.take(abort.signal);
    const other = mailbox.take();
    abort.abort();
    expect(await aborted).toBeUndefined();
    mailbox.tryPut("a");
    expect(await other).toBe("a");
    mailbox.tryPut("b");
    expect(await mailbox.take(abort.signal)).toBeUndefined();
    expect(await mailbox.take()).toBe("b");
  });

  it("lets no message overtake a sender that waits for room", async () => {
    const mailbox = fullMailbox();
    const waiting = mailbox.put("second");
    const taken = mailbox.take();
    expect(mailbox.tryPut("an upstart")).toBe(false);
    expect(await taken).toBe("first");
    expect(await waiting).toBe(true);
    expect(await mailbox.take()).toBe("second");
  });
});

describe("M2: bounded", () => {
  it("refuses a message at capacity and takes it after a take", async () => {
    const mailbox = fullMailbox();
    expect(mailbox.tryPut("second")).toBe(false);
    expect(mailbox.depth).toBe(1);
    await mailbox.take();
    expect(mailbox.tryPut("second")).toBe(true);
  });

  it("makes put wait for room; an aborted wait does not lose the next one's wake-up", async () => {
    const mailbox = fullMailbox();
    const abort = new AbortController();
    const gone = mailbox.put("gone", abort.signal);
    const next = mailbox.put("next");
    expect(await now(gone)).toBe("waiting");
    abort.abort();
    expect(await gone).toBe(false);
    expect(await mailbox.take()).toBe("first");
    expect(await next).toBe(true);
    expect(await mailbox.take()).toBe("next");
    expect(mailbox.depth).toBe(0);
  });

  it("refuses to wait for a sender that has gone already", async () => {
    expect(await fullMailbox().put("late", AbortSignal.abort())).toBe(false);
  });

  it.each([0, -1, 1.5, Number.NaN])("cannot be built with capacity %s", (capacity) => {
    expect(() => new BoundedMailbox(capacity)).toThrow(RangeError);
  });
});

describe("M3: closed", () => {
  it("gives what was left back to the closer, once, and takes nothing more", async () => {
    const mailbox = new BoundedMailbox<string>(2);
    mailbox.tryPut("a");
    mailbox.tryPut("b");
    const waiting = mailbox.put("c");
    expect(mailbox.close()).toEqual(["a", "b"]);
    expect(await waiting).toBe(false);
    expect(mailbox.close()).toEqual([]);
    expect(mailbox.tryPut("d")).toBe(false);
    expect(await mailbox.put("e")).toBe(false);
    expect(await mailbox.take()).toBeUndefined();
  });

  it("releases takers that wait", async () => {
    const mailbox = new BoundedMailbox<string>(2);
    const takers = [mailbox.take(), mailbox.take()];
    mailbox.close();
    expect(await Promise.all(takers)).toEqual([undefined, undefined]);
  });
});

describe("a mailbox with a weight", () => {
  const heavy = (): BoundedMailbox<number> =>
    new BoundedMailbox(100, { max: 10, of: (message) => message });

  it("M4: holds so much together, and one that is heavier by itself", async () => {
    const mailbox = heavy();
    expect([4, 4, 4].map((message) => mailbox.tryPut(message))).toEqual([true, true, false]);
    expect([await mailbox.take(), await mailbox.take()]).toEqual([4, 4]);
    expect([mailbox.tryPut(50), mailbox.tryPut(1)]).toEqual([true, false]);
    expect(await mailbox.take()).toBe(50);
    expect(mailbox.tryPut(10)).toBe(true);
  });

  it("M1, M4: no lighter message overtakes one that waits, and one take lets in all that fit", async () => {
    const mailbox = heavy();
    mailbox.tryPut(9);
    const order: number[] = [];
    const leave = new AbortController();
    const left = mailbox.put(8, leave.signal);
    for (const message of [5, 3, 2]) void mailbox.put(message).then(() => order.push(message));
    expect(mailbox.tryPut(1)).toBe(false);
    expect(mailbox.tryPut(0)).toBe(true);
    leave.abort();
    expect(await left).toBe(false);
    expect(order).toEqual([]);
    expect(await mailbox.take()).toBe(9);
    await Promise.resolve();
    expect(order).toEqual([5, 3, 2]);
    const rest = [await mailbox.take(), await mailbox.take(), await mailbox.take()];
    expect([...rest, await mailbox.take()]).toEqual([0, 5, 3, 2]);
  });
});
