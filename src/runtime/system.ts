/**
 * The actor system: spawns, supervises, and stops in order.
 *
 * Owns: every actor spawned through it. Never: knows what a message means.
 *
 *   S1  a failed actor is started again after a back-off, with a fresh behaviour and its old
 *       mailbox;
 *   S2  an actor that fails too often within the window stays failed, and `onEscalate` is called;
 *   S3  `stop` ends actors in the reverse order of their spawning: what is upstream was spawned
 *       last;
 *   S4  an asker is never left waiting: what is still in a mailbox when its actor ends is rejected;
 *   S5  after `stop` no actor is alive, or `stop` says which ones would not end;
 *   S6  a stop takes half of `stopMs` in order, and then `stopMs` at most, however many actors do
 *       not end: those that wait for one thing, such as a silent log, cost its time once.
 */

import { type ActorState, actorStopped, type BehaviourFactory, live } from "./actor.ts";
import { judgeFailure, type RestartPolicy } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { late, waitAtMost } from "./deadline.ts";
import { BoundedMailbox, type Mailbox, type Weight } from "./mailbox.ts";
import { replyOf } from "./reply.ts";

export interface SystemOptions {
  readonly clock: Clock;
  readonly restart: RestartPolicy;
  /** Half of it `stop` waits for its actors in order; then all of it for those left, together. */
  readonly stopMs: number;
  /** The error for an asker whose message no actor will take. */
  readonly unanswered: () => Error;
  readonly onRestart?: ((actor: string, failure: unknown) => void) | undefined;
  readonly onEscalate?: ((actor: string, failure: unknown) => void) | undefined;
}

export interface ActorOptions<Message> {
  readonly name: string;
  readonly behaviour: BehaviourFactory<Message>;
  /** Called instead of the system's `onEscalate` when this actor fails for good. */
  readonly onEscalate?: ((failure: unknown) => void) | undefined;
}

export interface SpawnOptions<Message> extends ActorOptions<Message> {
  readonly capacity: number;
  /** What messages weigh, and how much its mailbox holds of that. */
  readonly weight?: Weight<Message> | undefined;
}

export interface ActorRef<Message> {
  readonly name: string;
  readonly mailbox: Mailbox<Message>;
  readonly state: ActorState;
  stop(): Promise<void>;
}

interface Member {
  readonly name: string;
  state(): ActorState;
  stop(): Promise<void>;
}

export class ActorSystem {
  readonly #options: SystemOptions;
  readonly #members = new Map<string, Member>();
  #stopping = false;

  constructor(options: SystemOptions) {
    this.#options = options;
  }

  /** Names and states of the living actors, for status pages and leak tests. */
  actors(): readonly { readonly name: string; readonly state: ActorState }[] {
    return [...this.#members.values()].map(({ name, state }) => ({ name, state: state() }));
  }

  spawn<Message>(options: SpawnOptions<Message>): ActorRef<Message> {
    return this.spawnAt(new BoundedMailbox(options.capacity, options.weight), options);
  }

  /** At a mailbox made before: actors that send to each other hold both before either starts. */
  spawnAt<Message>(
    mailbox: BoundedMailbox<Message>,
    options: ActorOptions<Message>,
  ): ActorRef<Message> {
    return this.#supervise(options, { mailbox, takers: 0 });
  }

  /** Several equal actors on one mailbox: each message goes to one that is free. */
  spawnPool<Message>(size: number, options: SpawnOptions<Message>): ActorRef<Message>[] {
    const shared = {
      mailbox: new BoundedMailbox<Message>(options.capacity, options.weight),
      takers: 0,
    };
    return Array.from({ length: size }, (_, index) =>
      this.#supervise({ ...options, name: `${options.name}/${index}` }, shared),
    );
  }

  /** S3. @throws Error that names the actors which did not end within `stopMs` */
  async stop(): Promise<void> {
    this.#stopping = true;
    const { clock, stopMs } = this.#options;
    const inOrder = [...this.#members.values()].reverse();
    const endMs = clock.monotonicMs() + stopMs / 2;
    for (const member of inOrder) {
      const leftMs = endMs - clock.monotonicMs();
      if (leftMs <= 0 || (await waitAtMost(clock, leftMs, member.stop())) === late) break;
    }
    // S6: no order any more for those that are left.
    const left = inOrder.filter(({ name }) => this.#members.has(name));
    const ends = await Promise.all(left.map((member) => waitAtMost(clock, stopMs, member.stop())));
    const stuck = left.filter((_, index) => ends[index] === late).map(({ name }) => name);
    if (stuck.length > 0) throw new Error(`actors that would not stop: ${stuck.join(", ")}`);
  }

  #supervise<Message>(
    options: ActorOptions<Message>,
    shared: { readonly mailbox: BoundedMailbox<Message>; takers: number },
  ): ActorRef<Message> {
    const { mailbox } = shared;
    if (this.#stopping) throw new Error("the actor system is stopping");
    if (this.#members.has(options.name)) throw new Error(`actor ${options.name} lives already`);
    shared.takers += 1;
    const stop = new AbortController();
    let state: ActorState = { kind: "starting" };
    const done = this.#lives(options, mailbox, {
      signal: stop.signal,
      onState: (next) => {
        state = next;
      },
    }).finally(() => {
      this.#members.delete(options.name);
      shared.takers -= 1;
      if (shared.takers > 0) return;
      for (const left of mailbox.close()) replyOf(left)?.reject(this.#options.unanswered());
    });
    const member: Member = {
      name: options.name,
      state: () => state,
      stop: async () => {
        stop.abort(actorStopped);
        await done;
      },
    };
    this.#members.set(options.name, member);
    return {
      name: options.name,
      mailbox,
      get state() {
        return state;
      },
      stop: member.stop,
    };
  }

  async #lives<Message>(
    options: ActorOptions<Message>,
    mailbox: BoundedMailbox<Message>,
    control: { readonly signal: AbortSignal; readonly onState: (state: ActorState) => void },
  ): Promise<void> {
    const { clock, restart, onRestart } = this.#options;
    let failuresMs: readonly number[] = [];
    // The first life begins in a later turn: the caller of `spawn` finishes its wiring before
    // anything runs.
    await Promise.resolve();
    for (;;) {
      const ending = await live({
        name: options.name,
        mailbox,
        clock,
        factory: options.behaviour,
        stop: control.signal,
        onState: control.onState,
      });
      if (ending.kind === "stopped") return control.onState({ kind: "stopped" });
      const verdict = judgeFailure(restart, failuresMs, clock.monotonicMs());
      if (verdict.kind === "escalate") {
        control.onState({ kind: "failed", failure: ending.failure });
        const tell = options.onEscalate ?? ((f) => this.#options.onEscalate?.(options.name, f));
        return tell(ending.failure);
      }
      failuresMs = verdict.failuresMs;
      onRestart?.(options.name, ending.failure);
      control.onState({
        kind: "backing-off",
        failure: ending.failure,
        restarts: failuresMs.length,
      });
      await clock.sleep(verdict.afterMs, control.signal);
      if (control.signal.aborted) return control.onState({ kind: "stopped" });
    }
  }
}
