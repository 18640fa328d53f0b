/**
 * What actor tests share: one actor in a system of its own, mailboxes to look into, records made by
 * hand.
 */

import { afterEach } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import type { DocumentId, Epoch, Position, TenantId, Version } from "../../src/contract/ids.ts";
import type { DocumentInfo, PlacedRecord, RecordChunk } from "../../src/contract/record.ts";
import type { BehaviourFactory } from "../../src/runtime/actor.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { BoundedMailbox } from "../../src/runtime/mailbox.ts";
import type { Reply } from "../../src/runtime/reply.ts";
import { type ActorRef, ActorSystem } from "../../src/runtime/system.ts";
import { settle } from "../support/manual-clock.ts";

export const acme = "acme" as TenantId;
export const globex = "globex" as TenantId;

const systems: ActorSystem[] = [];

/** Every actor of a test ends with it. */
afterEach(async () => {
  for (const system of systems.splice(0)) await system.stop();
});

export interface Started<Message> {
  readonly actor: ActorRef<Message>;
  readonly system: ActorSystem;
  /** Failures that made the actor start again. */
  readonly restarts: unknown[];
}

export function startActor<Message>(
  behaviour: BehaviourFactory<Message>,
  options: {
    readonly clock: Clock;
    readonly mailbox?: BoundedMailbox<Message>;
    readonly name?: string;
  },
): Started<Message> {
  const restarts: unknown[] = [];
  const system = createSystem(options.clock, restarts);
  const { mailbox = new BoundedMailbox<Message>(1_000), name = "actor" } = options;
  const actor = system.spawnAt(mailbox, { name, behaviour });
  return { actor, system, restarts };
}

export function createSystem(clock: Clock, restarts: unknown[] = []): ActorSystem {
  const system = new ActorSystem({
    clock,
    restart: { backoffMinMs: 10, backoffMaxMs: 100, restartsMax: 5, windowMs: 60_000 },
    stopMs: 10_000,
    unanswered: () => new FreshetError("not_ready"),
    onRestart: (_actor, failure) => restarts.push(failure),
  });
  systems.push(system);
  return system;
}

/** Waits, in turns of the event loop and never in time, until something holds. */
export async function until(holds: () => boolean, what = "the condition"): Promise<void> {
  for (let turn = 0; turn < 5_000; turn += 1) {
    if (holds()) return;
    await settle();
  }
  throw new Error(`${what} never came`);
}

/** Runs everything that can run without time. */
export async function quiet(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await settle();
}

/** Everything that waits in a mailbox, taken out. */
export async function drain<Message>(mailbox: BoundedMailbox<Message>): Promise<Message[]> {
  const messages: Message[] = [];
  while (mailbox.depth > 0) messages.push((await mailbox.take()) as Message);
  return messages;
}

export interface Answered<Value> {
  readonly reply: Reply<Value>;
  readonly promise: Promise<Value>;
  /** How often it was answered, one way or the other. */
  readonly answers: () => number;
}

export function answered<Value>(): Answered<Value> {
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  promise.catch(() => {});
  let answers = 0;
  const counting =
    <Argument>(settleWith: (value: Argument) => void) =>
    (value: Argument): void => {
      answers += 1;
      settleWith(value);
    };
  const reply = { resolve: counting(resolve), reject: counting(reject) };
  return { reply, promise, answers: () => answers };
}

export const dimensions = 8;

/** A unit vector in the direction of one axis. */
export function axis(index: number): Float32Array {
  const vector = new Float32Array(dimensions);
  vector[index % dimensions] = 1;
  return vector;
}

export interface UpsertOptions {
  readonly id: string;
  readonly position: number;
  readonly version?: number;
  readonly text?: string;
  readonly axis?: number;
  readonly chunks?: readonly RecordChunk[];
  readonly info?: DocumentInfo;
}

export function upsert(options: UpsertOptions): PlacedRecord {
  const { id, position, version = position, text = `text of ${id}`, axis: at = 0 } = options;
  const chunks = options.chunks ?? [{ text, vector: axis(at) }];
  return {
    ...placed(position, version),
    kind: "upsert",
    documentId: id as DocumentId,
    chunkCount: chunks.length,
    body: { info: options.info ?? {}, chunks, model: "hand", redactor: "hand" },
  };
}

export function deletion(id: string, position: number): PlacedRecord {
  return { ...placed(position, position), kind: "delete", documentId: id as DocumentId };
}

export function reject(position: number): PlacedRecord {
  const refused = { documentId: null, reason: "invalid_json", message: "not json" } as const;
  return { ...placed(position, position), kind: "reject", ...refused };
}

function placed(position: number, version: number) {
  return {
    tenant: acme,
    epoch: 1 as Epoch,
    version: version as Version,
    position: position as Position,
    previous: (position - 1) as Position,
  };
}
