import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import {
  type ActorContext,
  type ActorState,
  type Behaviour,
  type Ending,
  live,
} from "../../src/runtime/actor.ts";
import { BoundedMailbox } from "../../src/runtime/mailbox.ts";
import { ask, type Reply } from "../../src/runtime/reply.ts";
import { createManualClock, settle } from "../support/manual-clock.ts";

interface Message {
  readonly name: string;
  readonly reply?: Reply<string> | undefined;
}

/** Starts a life; `states` and `ended` show how it went. */
function startLife(factory: (context: ActorContext<Message>) => Behaviour<Message>) {
  const mailbox = new BoundedMailbox<Message>(16);
  const stop = new AbortController();
  const states: ActorState["kind"][] = [];
  let ended: Ending | undefined;
  const ending = live({
    name: "subject",
    mailbox,
    clock: createManualClock(),
    factory,
    stop: stop.signal,
    onState: ({ kind }) => void states.push(kind),
  }).then((end) => {
    ended = end;
    return end;
  });
  const send = (name: string): Promise<string> => {
    const answer = ask<string, Message>({
      message: (reply) => ({ name, reply }),
      send: (message) => mailbox.tryPut(message),
      refused: () => new Error("full"),
    });
    answer.catch(() => undefined);
    return answer;
  };
  return { mailbox, stop, states, ending, send, ended: () => ended };
}

/** A promise that the test opens. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

describe("A1: one at a time", () => {
  it("ends start before the first receive, and each receive before the next", async () => {
    const log: string[] = [];
    const started = gate();
    const life = startLife(() => ({
      start: async () => {
        await started.opened;
        log.push("started");
      },
      receive: async ({ name }) => {
        log.push(`${name} begins`);
        await settle();
        log.push(`${name} ends`);
      },
      stop: () => void log.push("stopped"),
    }));
    for (const name of ["a", "b"]) life.mailbox.tryPut({ name });
    await settle();
    expect(log).toEqual([]);
    expect(life.states).toEqual(["starting"]);
    started.open();
    for (let turn = 0; turn < 5; turn += 1) await settle();
    expect(life.states).toEqual(["starting", "running"]);
    life.stop.abort();
    expect(await life.ending).toEqual({ kind: "stopped" });
    expect(log).toEqual(["started", "a begins", "a ends", "b begins", "b ends", "stopped"]);
  });

  it("awaits the message in hand and the tasks before it stops, and takes no further message", async () => {
    const inHand = gate();
    const task = gate();
    const log: string[] = [];
    const life = startLife((context) => ({
      start: () =>
        context.task(async () => {
          await task.opened;
          log.push("task ended");
        }),
      receive: async ({ name }) => {
        await inHand.opened;
        log.push(`${name} received`);
      },
      stop: () => void log.push("stop"),
    }));
    for (const name of ["in hand", "left"]) life.mailbox.tryPut({ name });
    await settle();
    life.stop.abort();
    await settle();
    expect(log).toEqual([]);
    inHand.open();
    await settle();
    expect(log).toEqual(["in hand received", "stop"]);
    expect(life.ended()).toBeUndefined();
    task.open();
    await life.ending;
    expect(log).toEqual(["in hand received", "stop", "task ended"]);
    expect(life.mailbox.depth).toBe(1);
  });

  it("awaits a task that another task began on its way out", async () => {
    const second = gate();
    const life = startLife((context) => ({
      start: () =>
        context.task(async () => {
          await context.clock.sleep(1_000, context.signal);
          await settle(); // by now the life awaits its tasks
          context.task(() => second.opened);
        }),
      receive: () => undefined,
    }));
    await settle();
    life.stop.abort();
    for (let turn = 0; turn < 3; turn += 1) await settle();
    expect(life.ended()).toBeUndefined();
    second.open();
    expect(await life.ending).toEqual({ kind: "stopped" });
  });
});

describe("A2: a failure ends this life", () => {
  const failure = new Error("broken");
  const throws = (): never => {
    throw failure;
  };

  it.each<[string, (context: ActorContext<Message>) => Behaviour<Message>]>([
    ["the factory", throws],
    ["start", () => ({ start: throws, receive: () => undefined })],
    ["receive", () => ({ receive: throws })],
    ["an asynchronous receive", () => ({ receive: () => Promise.reject(failure) })],
    [
      "a task",
      (context) => ({
        start: () => context.task(() => Promise.reject(failure)),
        receive: () => undefined,
      }),
    ],
  ])("when %s fails", async (_where, factory) => {
    const life = startLife(factory);
    life.mailbox.tryPut({ name: "a" });
    expect(await life.ending).toEqual({ kind: "failed", failure });
  });

  it("aborts the life's signal, then stops the behaviour, once", async () => {
    const log: string[] = [];
    const life = startLife((context) => ({
      start: () => context.signal.addEventListener("abort", () => log.push("signal")),
      receive: throws,
      stop: () => void log.push(`stop, aborted: ${context.signal.aborted}`),
    }));
    life.mailbox.tryPut({ name: "a" });
    await life.ending;
    expect(log).toEqual(["signal", "stop, aborted: true"]);
  });

  it("never calls receive after start has failed, and leaves the mailbox alone", async () => {
    let received = 0;
    const life = startLife(() => ({
      start: throws,
      receive: () => {
        received += 1;
      },
    }));
    life.mailbox.tryPut({ name: "a" });
    await life.ending;
    expect({ received, depth: life.mailbox.depth }).toEqual({ received: 0, depth: 1 });
  });

  it("does not blame the actor for a task that fails because the life is over", async () => {
    const life = startLife((context) => ({
      start: () =>
        context.task(async () => {
          await context.clock.sleep(1_000, context.signal);
          throw failure;
        }),
      receive: () => undefined,
    }));
    await settle();
    life.stop.abort();
    expect(await life.ending).toEqual({ kind: "stopped" });
  });

  it("counts a stop that throws as a failure instead of rejecting", async () => {
    const life = startLife(() => ({ receive: () => undefined, stop: throws }));
    await settle();
    life.stop.abort();
    expect(await life.ending).toEqual({ kind: "failed", failure });
  });

  it("keeps the first failure when stop throws as well", async () => {
    const life = startLife(() => ({
      receive: throws,
      stop: () => {
        throw new Error("and stop too");
      },
    }));
    life.mailbox.tryPut({ name: "a" });
    expect(await life.ending).toEqual({ kind: "failed", failure });
  });

  it("leaves no listener on the stop signal", async () => {
    const life = startLife(() => ({ receive: throws }));
    life.mailbox.tryPut({ name: "a" });
    await life.ending;
    expect(getEventListeners(life.stop.signal, "abort")).toHaveLength(0);
  });
});

describe("A3: the message in hand", () => {
  it("rejects its asker and is not delivered again; those after it stay", async () => {
    const failure = new Error("poison");
    const received: string[] = [];
    const life = startLife(() => ({
      receive: ({ name }) => {
        received.push(name);
        throw failure;
      },
    }));
    const asked = life.send("poison");
    life.mailbox.tryPut({ name: "next" });
    await life.ending;
    await expect(asked).rejects.toBe(failure);
    expect(received).toEqual(["poison"]);
    expect(life.mailbox.depth).toBe(1);
    expect(await life.mailbox.take()).toEqual({ name: "next" });
  });

  it("is finished and answered when a task fails beside it", async () => {
    const inHand = gate();
    const task = gate();
    const life = startLife((context) => ({
      start: () =>
        context.task(async () => {
          await task.opened;
          throw new Error("task");
        }),
      receive: async ({ name, reply }) => {
        await inHand.opened;
        reply?.resolve(`answer to ${name}`);
      },
    }));
    const asked = life.send("question");
    await settle();
    task.open();
    await settle();
    expect(life.ended()).toBeUndefined();
    inHand.open();
    expect(await asked).toBe("answer to question");
    expect(await life.ending).toMatchObject({ kind: "failed" });
  });
});

it("refuses an asker at once when the mailbox is full", async () => {
  const mailbox = new BoundedMailbox<Message>(1);
  mailbox.tryPut({ name: "a" });
  const asked = ask<string, Message>({
    message: (reply) => ({ name: "b", reply }),
    send: (message) => mailbox.tryPut(message),
    refused: () => new Error("overloaded"),
  });
  await expect(asked).rejects.toThrow("overloaded");
});
