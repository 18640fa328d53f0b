/**
 * One actor: a mailbox, a behaviour, and the loop that hands it one message at a time.
 *
 * Owns: the life of the behaviour. Never: runs two messages of one actor at once, or swallows a
 * failure.
 *
 *   A1  `start` ends before the first `receive`; each `receive` ends before the next;
 *   A2  a failure (of start, receive, or a task) ends this life of the behaviour: its signal
 *       aborts, its `stop` runs, and the supervisor decides about the next life, which gets a fresh
 *       behaviour and the same mailbox;
 *   A3  a message that was in hand when the actor failed is not delivered again; its reply is
 *       rejected.
 */

import type { Clock } from "./clock.ts";
import type { BoundedMailbox, Mailbox } from "./mailbox.ts";
import { replyOf } from "./reply.ts";

export interface ActorContext<Message> {
  readonly name: string;
  readonly self: Mailbox<Message>;
  readonly clock: Clock;
  /** Aborts when this life of the actor ends. */
  readonly signal: AbortSignal;
  /**
   * Runs beside the mailbox; its failure is the actor's failure. It must end when the signal
   * aborts.
   */
  task(work: () => Promise<void>): void;
}

export interface Behaviour<Message> {
  start?(): Promise<void> | void;
  receive(message: Message): Promise<void> | void;
  /** Also called after a failure. What it throws is a failure of this life. */
  stop?(): Promise<void> | void;
}

export type BehaviourFactory<Message> = (context: ActorContext<Message>) => Behaviour<Message>;

export type ActorState =
  | { readonly kind: "starting" }
  | { readonly kind: "running" }
  | { readonly kind: "backing-off"; readonly failure: unknown; readonly restarts: number }
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly failure: unknown };

/** How a life ended: by request, or with the failure that the supervisor has to judge. */
export type Ending =
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly failure: unknown };

export interface LifeOptions<Message> {
  readonly name: string;
  readonly mailbox: BoundedMailbox<Message>;
  readonly clock: Clock;
  readonly factory: BehaviourFactory<Message>;
  /** Aborts to stop the actor. */
  readonly stop: AbortSignal;
  readonly onState: (state: ActorState) => void;
}

/**
 * Why an actor's signal aborts, made once: without a reason each abort makes such an exception
 * anew, with a stack, which was a twentieth of what the tests of a whole engine computed.
 */
export const actorStopped = new DOMException("the actor has stopped", "AbortError");

/** Lives one life of an actor, from `start` to `stop`. Never rejects. */
export async function live<Message>(options: LifeOptions<Message>): Promise<Ending> {
  const life = new AbortController();
  const tasks = new Set<Promise<void>>();
  const failure = Promise.withResolvers<Ending>();
  const fail = (thrown: unknown): void => failure.resolve({ kind: "failed", failure: thrown });
  const stopped = (): void => failure.resolve({ kind: "stopped" });
  options.stop.addEventListener("abort", stopped, { once: true });
  if (options.stop.aborted) stopped();

  const context: ActorContext<Message> = {
    name: options.name,
    self: options.mailbox,
    clock: options.clock,
    signal: life.signal,
    task: (work) => {
      const task = work().catch((thrown: unknown) => {
        if (!life.signal.aborted) fail(thrown);
      });
      tasks.add(task);
      void task.finally(() => tasks.delete(task));
    },
  };
  let behaviour: Behaviour<Message> | undefined;
  const loop = (async () => {
    behaviour = options.factory(context);
    await receiveLoop(behaviour, options, life.signal);
  })().catch(fail);
  const ending = await failure.promise;
  life.abort(actorStopped);
  options.stop.removeEventListener("abort", stopped);
  // The message in hand ends first: a behaviour is never stopped under its own feet (A1).
  await loop;
  const stopFailure = await failureOf(() => behaviour?.stop?.());
  // A task may have begun another one on its way out.
  while (tasks.size > 0) await Promise.all(tasks);
  return ending.kind === "stopped" && stopFailure !== undefined ? stopFailure : ending;
}

async function failureOf(work: () => Promise<void> | void): Promise<Ending | undefined> {
  try {
    await work();
    return undefined;
  } catch (failure) {
    return { kind: "failed", failure };
  }
}

async function receiveLoop<Message>(
  behaviour: Behaviour<Message>,
  options: LifeOptions<Message>,
  signal: AbortSignal,
): Promise<void> {
  options.onState({ kind: "starting" });
  await behaviour.start?.();
  options.onState({ kind: "running" });
  while (!signal.aborted) {
    const message = await options.mailbox.take(signal);
    if (message === undefined) return;
    try {
      await behaviour.receive(message);
    } catch (thrown) {
      replyOf(message)?.reject(thrown);
      throw thrown;
    }
  }
}
