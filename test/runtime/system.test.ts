import { afterEach, describe, expect, it } from "vitest";
import type { Behaviour, BehaviourFactory } from "../../src/runtime/actor.ts";
import { type Reply } from "../../src/runtime/reply.ts";
import { ActorSystem, type SpawnOptions } from "../../src/runtime/system.ts";
import { createManualClock, settle } from "../support/manual-clock.ts";

interface Message {
  readonly name: string;
  readonly reply?: Reply<unknown> | undefined;
}

const stopMs = 5_000;
const systems: ActorSystem[] = [];

function createSystem() {
  const clock = createManualClock();
  const told: string[] = [];
  const system = new ActorSystem({
    clock,
    restart: { backoffMinMs: 100, backoffMaxMs: 1_000, restartsMax: 2, windowMs: 60_000 },
    stopMs,
    unanswered: () => new Error("unanswered"),
    onRestart: (actor) => void told.push(`restart ${actor}`),
    onEscalate: (actor, failure) => void told.push(`escalate ${actor}: ${String(failure)}`),
  });
  systems.push(system);
  return { system, clock, told };
}

function options(
  name: string,
  behaviour: BehaviourFactory<Message>,
  more: Partial<SpawnOptions<Message>> = {},
): SpawnOptions<Message> {
  return { name, capacity: 8, behaviour, ...more };
}

const idle: Behaviour<Message> = { receive: () => undefined };
/** Fails on the message "poison". */
const receiveTo = (log: string[]): Behaviour<Message> => ({
  receive: ({ name }) => {
    if (name === "poison") throw new Error("poison");
    log.push(name);
  },
});

function asking(name: string): { readonly message: Message; readonly answer: Promise<unknown> } {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  promise.catch(() => undefined);
  return { message: { name, reply: { resolve, reject } }, answer: promise };
}

afterEach(() => {
  const left = systems.splice(0).flatMap((system) => system.actors());
  expect(left, "a test left actors alive").toEqual([]);
});

describe("S1: restart", () => {
  it("starts a failed actor after its back-off: fresh behaviour, old mailbox", async () => {
    const { system, clock, told } = createSystem();
    const log: string[] = [];
    let lives = 0;
    const actor = system.spawn<Message>(
      options("a", () => {
        lives += 1;
        return receiveTo(log);
      }),
    );
    for (const name of ["before", "poison", "after"]) actor.mailbox.tryPut({ name });
    await clock.untilSleeping(1);
    expect(actor.state).toMatchObject({ kind: "backing-off", restarts: 1 });
    expect({ log, lives }).toEqual({ log: ["before"], lives: 1 });
    await clock.advance(99);
    expect(lives).toBe(1);
    expect(actor.mailbox.tryPut({ name: "meanwhile" })).toBe(true);
    await clock.advance(1);
    expect({ log, lives }).toEqual({ log: ["before", "after", "meanwhile"], lives: 2 });
    expect(actor.state).toEqual({ kind: "running" });
    expect(told).toEqual(["restart a"]);
    await system.stop();
  });

  it("can be stopped while it backs off, at once and without a timer left", async () => {
    const { system, clock } = createSystem();
    const actor = system.spawn<Message>(options("a", () => receiveTo([])));
    actor.mailbox.tryPut({ name: "poison" });
    await clock.untilSleeping(1);
    await actor.stop();
    expect(actor.state).toEqual({ kind: "stopped" });
    expect(clock.sleeping).toBe(0);
  });
});

describe("S2: escalation", () => {
  it("leaves an actor failed that fails too often, and says so once", async () => {
    const { system, clock, told } = createSystem();
    const actor = system.spawn<Message>(options("a", () => receiveTo([])));
    for (let failure = 0; failure < 3; failure += 1) actor.mailbox.tryPut({ name: "poison" });
    await clock.advance(60_000);
    expect(actor.state).toMatchObject({ kind: "failed" });
    expect(told).toEqual(["restart a", "restart a", "escalate a: Error: poison"]);
    expect(system.actors()).toEqual([]);
    expect(actor.mailbox.tryPut({ name: "late" })).toBe(false);
  });

  it("keeps restarting an actor whose failures are further apart than the window", async () => {
    const { system, clock } = createSystem();
    const log: string[] = [];
    const actor = system.spawn<Message>(options("a", () => receiveTo(log)));
    for (let failure = 0; failure < 6; failure += 1) {
      actor.mailbox.tryPut({ name: "poison" });
      await clock.advance(40_000);
    }
    actor.mailbox.tryPut({ name: "alive" });
    await settle();
    expect(log).toEqual(["alive"]);
    await system.stop();
  });

  it("tells the actor's own onEscalate instead of the system's", async () => {
    const { system, clock, told } = createSystem();
    const failures: unknown[] = [];
    const failing: BehaviourFactory<Message> = () => {
      throw new Error("never starts");
    };
    system.spawn(options("a", failing, { onEscalate: (failure) => void failures.push(failure) }));
    await clock.advance(60_000);
    expect(failures).toEqual([new Error("never starts")]);
    expect(told).toEqual(["restart a", "restart a"]);
  });

  it("does not touch the other actors", async () => {
    const { system, clock } = createSystem();
    const log: string[] = [];
    const failing = system.spawn<Message>(options("failing", () => receiveTo([])));
    const steady = system.spawn<Message>(options("steady", () => receiveTo(log)));
    for (let failure = 0; failure < 3; failure += 1) failing.mailbox.tryPut({ name: "poison" });
    await clock.advance(60_000);
    steady.mailbox.tryPut({ name: "still here" });
    await settle();
    expect(log).toEqual(["still here"]);
    await system.stop();
  });
});

describe("S3: stop", () => {
  it("ends actors in the reverse order of their spawning, each before the next", async () => {
    const { system } = createSystem();
    const log: string[] = [];
    for (const name of ["downstream", "middle", "upstream"]) {
      const stop = async (): Promise<void> => {
        log.push(`${name} stops`);
        await settle();
        log.push(`${name} stopped`);
      };
      system.spawn(options(name, () => ({ ...idle, stop })));
    }
    await system.stop();
    expect(log).toEqual([
      "upstream stops",
      "upstream stopped",
      "middle stops",
      "middle stopped",
      "downstream stops",
      "downstream stopped",
    ]);
    expect(() => system.spawn(options("late", () => idle))).toThrow("stopping");
  });

  it("continues when one actor's stop throws", async () => {
    const { system, told } = createSystem();
    let stopped = false;
    const stop = (): void => {
      stopped = true;
    };
    system.spawn(options("first", () => ({ ...idle, stop })));
    const throwing = (): never => {
      throw new Error("stop is broken");
    };
    system.spawn(options("second", () => ({ ...idle, stop: throwing })));
    await system.stop();
    expect({ stopped, told }).toEqual({ stopped: true, told: ["restart second"] });
  });
});

describe("S4: no asker is left waiting", () => {
  it("rejects what is still in the mailbox when its actor is stopped", async () => {
    const { system } = createSystem();
    const { promise: inHand, resolve: release } = Promise.withResolvers<void>();
    const actor = system.spawn<Message>(options("a", () => ({ receive: () => inHand })));
    const questions = ["in hand", "waiting 1", "waiting 2"].map(asking);
    for (const { message } of questions) actor.mailbox.tryPut(message);
    await settle();
    const stopped = actor.stop();
    release();
    await stopped;
    await expect(questions[1]?.answer).rejects.toThrow("unanswered");
    await expect(questions[2]?.answer).rejects.toThrow("unanswered");
    expect(actor.mailbox.tryPut({ name: "late" })).toBe(false);
  });

  it("rejects them when the actor fails for good", async () => {
    const { system, clock } = createSystem();
    const actor = system.spawn<Message>(options("a", () => receiveTo([])));
    const questions = ["poison", "poison", "poison", "last"].map(asking);
    for (const { message } of questions) actor.mailbox.tryPut(message);
    await clock.advance(60_000);
    for (const { answer } of questions.slice(0, 3)) await expect(answer).rejects.toThrow("poison");
    await expect(questions[3]?.answer).rejects.toThrow("unanswered");
  });

  it("turns away a sender that waits for room", async () => {
    const { system, clock } = createSystem();
    const failing: BehaviourFactory<Message> = () => {
      throw new Error("never starts");
    };
    const actor = system.spawn(options("a", failing, { capacity: 1 }));
    actor.mailbox.tryPut({ name: "fills it" });
    const waiting = actor.mailbox.put({ name: "waits" });
    await clock.advance(60_000);
    expect(await waiting).toBe(false);
  });
});

describe("S5: stuck actors", () => {
  it("names those that would not end and stops the rest", async () => {
    const { system, clock } = createSystem();
    const { promise: never, resolve: release } = Promise.withResolvers<void>();
    system.spawn(options("fine", () => idle));
    const stuck = system.spawn<Message>(options("stuck", () => ({ receive: () => never })));
    stuck.mailbox.tryPut({ name: "a" });
    await settle();
    const stopping = system.stop();
    stopping.catch(() => undefined);
    for (const _ of ["in order", "together"]) {
      await clock.untilSleeping(1);
      await clock.advance(stopMs);
    }
    await expect(stopping).rejects.toThrow("actors that would not stop: stuck");
    expect(system.actors().map(({ name }) => name)).toEqual(["stuck"]);
    release();
    await stuck.stop();
  });

  it("cost one time in all, however many they are, and the rest is stopped (S6)", async () => {
    const { system, clock } = createSystem();
    const { promise: never, resolve: release } = Promise.withResolvers<void>();
    let isStopped = false;
    const stop = (): void => {
      isStopped = true;
    };
    system.spawn(options("fine", () => ({ ...idle, stop })));
    const stuck = Array.from({ length: 30 }, (_, index) =>
      system.spawn<Message>(options(`stuck ${index}`, () => ({ receive: () => never }))),
    );
    for (const { mailbox } of stuck) mailbox.tryPut({ name: "a" });
    await settle();
    const stopping = expect(system.stop()).rejects.toThrow("would not stop: stuck 29, stuck 28");
    await clock.untilSleeping(1);
    await clock.advance(stopMs);
    await clock.untilSleeping(30);
    await clock.advance(stopMs);
    await stopping;
    expect(isStopped).toBe(true);
    release();
    await Promise.all(stuck.map((actor) => actor.stop()));
  });

  it("leaves no timer behind after a clean stop", async () => {
    const { system, clock } = createSystem();
    system.spawn(options("a", () => idle));
    await system.stop();
    expect(clock.sleeping).toBe(0);
  });
});

describe("pools", () => {
  it("share one mailbox: a message goes to one member that is free", async () => {
    const { system } = createSystem();
    const { promise: busy, resolve: release } = Promise.withResolvers<void>();
    const log: string[] = [];
    const pool = system.spawnPool<Message>(
      2,
      options("pool", (context) => ({
        receive: async ({ name }) => {
          log.push(`${context.name}: ${name}`);
          if (name === "slow") await busy;
        },
      })),
    );
    expect(pool.map(({ name }) => name)).toEqual(["pool/0", "pool/1"]);
    expect(pool[0]?.mailbox).toBe(pool[1]?.mailbox);
    await settle();
    for (const name of ["slow", "x", "y"]) pool[0]?.mailbox.tryPut({ name });
    await settle();
    expect(log).toEqual(["pool/0: slow", "pool/1: x", "pool/1: y"]);
    release();
    await system.stop();
  });

  it("keeps the mailbox open until the last member has ended", async () => {
    const { system } = createSystem();
    const log: string[] = [];
    const pool = system.spawnPool<Message>(
      2,
      options("pool", () => receiveTo(log)),
    );
    await pool[0]?.stop();
    expect(pool[1]?.mailbox.tryPut({ name: "still served" })).toBe(true);
    await settle();
    expect(log).toEqual(["still served"]);
    await pool[1]?.stop();
    expect(pool[1]?.mailbox.tryPut({ name: "late" })).toBe(false);
  });

  it("closes the mailbox also of a pool that a taken name cut short", async () => {
    const { system } = createSystem();
    system.spawn(options("pool/1", () => idle));
    let context: { readonly self: { tryPut(message: Message): boolean } } | undefined;
    expect(() =>
      system.spawnPool<Message>(
        2,
        options("pool", (own) => {
          context = own;
          return idle;
        }),
      ),
    ).toThrow("pool/1 lives already");
    await system.stop();
    expect(context?.self.tryPut({ name: "late" })).toBe(false);
  });
});

it("lists who lives and in which state, and frees a name when its actor has ended", async () => {
  const { system } = createSystem();
  const actor = system.spawn(options("a", () => idle));
  await settle();
  expect(system.actors()).toEqual([{ name: "a", state: { kind: "running" } }]);
  expect(() => system.spawn(options("a", () => idle))).toThrow("a lives already");
  await actor.stop();
  expect(system.actors()).toEqual([]);
  system.spawn(options("a", () => idle));
  await system.stop();
});
