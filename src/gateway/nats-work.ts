/**
 * Requests over NATS that are being worked on, and what ends them early.
 *
 * Owns the signals of these requests. Receives cancels (`api.<tenant>.cancel`, to every node, with
 * the id that the asker gave its request) and the server's word that a piece found nobody. Never
 * answers a cancel.
 *
 *   NJ1  a tenant cancels its own requests only: the subject says whose they are;
 *   NJ2  a request whose pieces found nobody twice has no asker any more. Once is not enough: word
 *        of a new inbox may come to another server of a cluster after the question.
 */

import { Match, type Msg, type NatsConnection, nuid, type Subscription } from "nats";
import { FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { apiRoot, cancelToken, goneRoot } from "../contract/service-subjects.ts";

export interface Work {
  readonly signal: AbortSignal;
  /** Where the server says that a piece of this request found nobody. */
  readonly gone: string;
  /** Ends it with an error of ours. */
  end(error: FreshetError): void;
  done(): void;
}

interface Running {
  readonly controller: AbortController;
  readonly name: string | undefined;
  /** It waits for what may never come, so there is nothing to finish. */
  readonly isWaiting: boolean;
  missed: number;
}

/** As the asker chose it; anything else is no id, and the request cannot be cancelled. */
const idPattern = /^[A-Za-z0-9_-]{1,64}$/;
const missedMax = 2;
const noResponders = 503;

export class NatsWork {
  readonly #prefix = `${goneRoot}.${nuid.next()}`;
  readonly #running = new Map<string, Running>();
  readonly #heard: readonly Subscription[];
  #count = 0;
  #cancelled = 0;

  constructor(connection: NatsConnection) {
    // A refusal to subscribe (credentials older than this release) costs only what it is for.
    const listen = (subject: string, heard: (message: Msg) => void): Subscription =>
      connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) heard(message);
        },
      });
    this.#heard = [
      listen(`${apiRoot}.*.${cancelToken}`, (message) => this.#cancel(message)),
      listen(`${this.#prefix}.*`, (message) => this.#missed(message)),
    ];
  }

  /** What still runs is not ended by it. */
  close(): void {
    for (const subscription of this.#heard) subscription.unsubscribe();
  }

  /** How many requests were ended because their asker said so, or had gone. */
  get cancelled(): number {
    return this.#cancelled;
  }

  begin(tenant: TenantId, id: string | undefined, isWaiting = false): Work {
    this.#count += 1;
    const gone = `${this.#prefix}.${this.#count}`;
    const controller = new AbortController();
    const name = id !== undefined && idPattern.test(id) ? `${tenant}/${id}` : undefined;
    this.#running.set(gone, { controller, name, isWaiting, missed: 0 });
    return {
      ...{ signal: controller.signal, gone },
      end: (error) => controller.abort(error),
      done: () => void this.#running.delete(gone),
    };
  }

  endWaiting(error: FreshetError): void {
    for (const { controller, isWaiting } of this.#running.values()) {
      if (isWaiting) controller.abort(error);
    }
  }

  endAll(error: FreshetError): void {
    for (const { controller } of this.#running.values()) controller.abort(error);
  }

  /** NJ1. The id comes as a header, or as the text of the message. */
  #cancel(message: Msg): void {
    const tenant = message.subject.split(".")[1] ?? "";
    const given = message.headers?.get("Freshet-Request-Id", Match.IgnoreCase) ?? "";
    const id = given === "" ? message.string().slice(0, 64) : given;
    for (const one of this.#running.values()) if (one.name === `${tenant}/${id}`) this.#end(one);
  }

  /** NJ2. */
  #missed(message: Msg): void {
    const one = this.#running.get(message.subject);
    if (one === undefined || message.headers?.code !== noResponders) return;
    one.missed += 1;
    if (one.missed >= missedMax) this.#end(one);
  }

  #end({ controller }: Running): void {
    if (controller.signal.aborted) return;
    this.#cancelled += 1;
    controller.abort(new FreshetError("cancelled"));
  }
}
