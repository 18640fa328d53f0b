/**
 * A connection to Weaviate that may be down. Nothing here throws before it is used. Of a cluster it
 * is a connection to one node, which passes on what another one has to do.
 *
 * Owns the vendor's client and the channel for searches. Never repeats an operation (but for WC4):
 * it says `cold_unavailable`, and its caller knows whether to ask again.
 *
 *   WC1  while Weaviate is down a caller is refused at once, except the one that probes it after a
 *        pause;
 *   WC2  a client whose connection broke is replaced: the channel's own reconnect would wait for
 *        minutes;
 *   WC3  no operation outlives its deadline, its caller, or the server by much;
 *   WC4  of several nodes the first that answers is taken, and the one that was given up last only
 *        when no other does. An operation whose connection broke is done once more through another:
 *        everything here may come twice (port.ts);
 *   WC5  a node that says nothing is given up also when all who asked it had less patience than a
 *        probe: questions have.
 */

import type { WeaviateClient } from "weaviate-client";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Logger } from "../contract/observation.ts";
import { backoffMs } from "../runtime/backoff.ts";
import type { Clock } from "../runtime/clock.ts";
import { Deadline } from "../runtime/deadline.ts";
import { raceAbort } from "../runtime/race-abort.ts";
import type { SearchChannel } from "./weaviate-channel.ts";
import { addressesOf, openChannel, openClient, type WeaviateAddress } from "./weaviate-client.ts";
import { isConnectionError, LateError, NoAnswerError, translate } from "./weaviate-fault.ts";
import { explainWeaviate, trustFor } from "./weaviate-tls.ts";

export interface ConnectionOptions extends WeaviateAddress {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What each new client goes through before it is used. */
  readonly prepare?: ((client: WeaviateClient) => Promise<void>) | undefined;
  /** It found too little to say for good: it is done again before the next use. */
  readonly mustPrepareAgain?: ((client: WeaviateClient) => boolean) | undefined;
  /** In place of that, after another node of a cluster broke off: without asking its leader. */
  readonly takeOver?: ((client: WeaviateClient, from: WeaviateClient) => void) | undefined;
}

interface Connected {
  readonly address: WeaviateAddress;
  readonly client: WeaviateClient;
  readonly channel: SearchChannel;
  /** The look whether the node still answers, while there is one. */
  readonly look: { running: Promise<void> | null };
  /** Operations on it, and whether it ends with the last of them. */
  readonly use: { running: number; isLeft: boolean };
}

type State =
  | { readonly is: "closed" }
  | ({ readonly is: "connected" } & Connected)
  /** `failures` counts the attempts to connect since the outage began. */
  | { readonly is: "down"; readonly retryAtMs: number; readonly failures: number };

/** Down, and the next caller may try at once. */
const downAtOnce: State = { is: "down", retryAtMs: Number.NEGATIVE_INFINITY, failures: 0 };

const reconnects = {
  backoffMinMs: limits.coldReconnectMinMs,
  backoffMaxMs: limits.coldReconnectMaxMs,
};

interface Until {
  readonly ms: number;
  readonly caller?: AbortSignal | undefined;
}

type Work<T> = (client: WeaviateClient, signal: AbortSignal, channel: SearchChannel) => Promise<T>;

export class Connection {
  readonly #options: ConnectionOptions;
  #state: State = downAtOnce;
  #connecting: Promise<Connected> | null = null;
  readonly #addresses: readonly WeaviateAddress[];
  /** Where it was last tried in vain. */
  #avoided: WeaviateAddress | null = null;
  /** Of a cluster, the client that was used last. */
  #last: WeaviateClient | null = null;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#addresses = addressesOf(options);
  }

  /**
   * Runs one operation.
   * @throws FreshetError cold_unavailable | cancelled, UnknownTenantError, InactiveTenantError,
   *   RequestRefusedError
   */
  run<T>(work: Work<T>, caller?: AbortSignal): Promise<T> {
    return this.#twice(work, { ms: limits.coldRequestMs, caller });
  }

  /** As `run`, for what a cluster's leader has to agree to. */
  runOnSchema<T>(work: Work<T>): Promise<T> {
    return this.#twice(work, { ms: this.#schemaMs, caller: undefined });
  }

  get isCluster(): boolean {
    return this.#addresses.length > 1;
  }

  /** Between two looks at what a cluster carries out by and by. */
  pause(ms: number): Promise<void> {
    return this.#options.clock.sleep(ms);
  }

  /** A node alone has no leader to wait for. */
  get #schemaMs(): number {
    return this.isCluster ? limits.coldClusterSchemaMs : limits.coldRequestMs;
  }

  /** WC4. */
  async #twice<T>(work: Work<T>, until: Until): Promise<T> {
    try {
      return await this.#once(work, until);
    } catch (error) {
      const isWorthIt = error instanceof BrokenError && this.#addresses.length > 1;
      if (!isWorthIt || hasGone(until.caller)) throw outcomeOf(error);
    }
    try {
      return await this.#once(work, until);
    } catch (error) {
      throw outcomeOf(error);
    }
  }

  async #once<T>(work: Work<T>, until: Until): Promise<T> {
    const { caller } = until;
    if (hasGone(caller)) throw new FreshetError("cancelled");
    // A wait that is none needs no bound, which is two timers and three signals a search.
    const connected =
      this.#state.is === "connected"
        ? this.#state
        : await this.#bounded({ ms: limits.coldRequestMs, caller }, () => this.#connected());
    const { client, channel, use } = connected;
    use.running += 1;
    try {
      return await this.#bounded(until, (ended) =>
        Promise.race([
          this.#working(client, () => work(client, ended, channel)),
          this.#outage(connected, ended),
        ]),
      );
    } catch (error) {
      if (hasGone(caller)) throw new FreshetError("cancelled");
      if (!isConnectionError(error)) throw translate(error);
      this.#giveUp(client, error);
      throw new BrokenError("the connection broke", { cause: error });
    } finally {
      use.running -= 1;
      if (use.isLeft && use.running === 0) end(connected);
    }
  }

  #working<T>(client: WeaviateClient, work: () => Promise<T>): Promise<T> {
    const { prepare, mustPrepareAgain } = this.#options;
    if (mustPrepareAgain?.(client) !== true) return work();
    return (prepare?.(client) ?? Promise.resolve()).then(work);
  }

  /** Resolves when Weaviate says that it is ready. */
  probe(): Promise<void> {
    const { is } = this.#state;
    return this.#look(is === "connected" ? this.#state.address : this.#firstAddress());
  }

  /**
   * A node of a cluster calls itself unready while it wonders about another one, so of those that
   * are in use less is asked.
   */
  #look({ url }: WeaviateAddress, what = this.#addresses.length > 1 ? "live" : "ready") {
    const path = `${url.replace(/\/$/, "")}/v1/.well-known/${what}`;
    return this.#bounded({ ms: limits.coldConnectMs }, (signal) => checkPath(path, signal));
  }

  close(): void {
    if (this.#state.is === "connected") end(this.#state);
    this.#state = { is: "closed" };
  }

  async #connected(): Promise<Connected> {
    switch (this.#state.is) {
      case "closed":
        throw new FreshetError("cold_unavailable", "the cold shard is closed");
      case "connected":
        return this.#state;
      case "down":
        if (
          this.#connecting === null &&
          this.#options.clock.monotonicMs() < this.#state.retryAtMs
        ) {
          throw new FreshetError("cold_unavailable");
        }
        this.#connecting ??= this.#connect(this.#state.failures).finally(() => {
          this.#connecting = null;
        });
        return await this.#connecting;
    }
  }

  async #connect(failures: number): Promise<Connected> {
    let address = this.#firstAddress();
    let client: WeaviateClient | null = null;
    try {
      for (const each of this.#addresses) trustFor(each, () => {});
      address = await this.#choose();
      client = await openClient(address);
      await this.#learnVersion(client);
      await this.#prepare(client, failures === 0);
    } catch (cause) {
      client?.close().catch(() => {});
      this.#isDown(address, failures, cause);
      throw cause instanceof FreshetError
        ? cause
        : new FreshetError("cold_unavailable", undefined, { cause });
    }
    if (this.#state.is === "closed") {
      client.close().catch(() => {});
      throw new FreshetError("cold_unavailable", "the cold shard is closed");
    }
    const channel = openChannel(address, client);
    const own = { look: { running: null }, use: { running: 0, isLeft: false } };
    const connected: Connected = { address, client, channel, ...own };
    this.#state = { is: "connected", ...connected };
    this.#last = this.#addresses.length > 1 ? client : null;
    this.#options.logger.info({ url: address.url }, "weaviate is connected");
    return connected;
  }

  /** WC4. @throws what the last look says when none answers */
  async #choose(): Promise<WeaviateAddress> {
    const first = this.#firstAddress();
    if (this.#addresses.length === 1) {
      await this.#look(first);
      return first;
    }
    const others = this.#addresses.filter((address) => address !== this.#avoided);
    const answering = (addresses: readonly WeaviateAddress[], what: "live" | "ready") =>
      Promise.any(addresses.map((address) => this.#look(address, what).then(() => address)));
    return await answering(others, "ready").catch(() =>
      answering(this.#addresses, "live").catch((none: AggregateError) => {
        throw none.errors.at(-1);
      }),
    );
  }

  #firstAddress(): WeaviateAddress {
    const [first = this.#options] = this.#addresses;
    return first;
  }

  /**
   * The vendor asks for the server's version with each collection that is named, and waits for none
   * of these requests, until it knows it: one that fails then ends the process as an unhandled
   * rejection. Asked here, it is asked once.
   */
  #learnVersion(client: WeaviateClient): Promise<unknown> {
    return this.#bounded({ ms: limits.coldConnectMs }, () => client.getWeaviateVersion());
  }

  /** What may be another server after a while is asked everything again. */
  async #prepare(client: WeaviateClient, isNextToLast: boolean): Promise<void> {
    const { takeOver, prepare = async () => {} } = this.#options;
    if (takeOver !== undefined && isNextToLast && this.#last !== null) {
      takeOver(client, this.#last);
      return;
    }
    await this.#bounded({ ms: this.#schemaMs }, () => prepare(client));
  }

  #isDown(address: WeaviateAddress, failures: number, error: unknown): void {
    if (this.#state.is === "closed") return;
    const { clock, logger } = this.#options;
    const { url } = address;
    this.#avoided = address;
    // Once per outage, not once per attempt.
    if (failures === 0) {
      const says = error instanceof FreshetError ? error.message : "weaviate does not answer";
      logger.warn({ error, url }, says);
      void explainWeaviate(address, error).then((why) => {
        if (why !== undefined) logger.error({ url }, why);
      });
    }
    const retryAtMs = clock.monotonicMs() + backoffMs(reconnects, failures);
    this.#state = { is: "down", retryAtMs, failures: failures + 1 };
  }

  /** Only the client that failed is given up: a slow failure must not close its successor. */
  #giveUp(client: WeaviateClient, error: unknown): void {
    if (this.#state.is !== "connected" || this.#state.client !== client) return;
    const { address } = this.#state;
    const { logger } = this.#options;
    logger.warn({ error, url: address.url }, "the connection to weaviate broke");
    this.#avoided = address;
    const left = this.#state;
    this.#state = downAtOnce;
    // The node answers: what waits for an answer of another tenant's may have it.
    if (error instanceof LateError) left.use.isLeft = true;
    else end(left);
  }

  /**
   * Rejects when Weaviate stops answering while an operation runs; the vendor would keep retrying.
   */
  async #outage(connected: Connected, ended: AbortSignal): Promise<never> {
    for (;;) {
      await this.#options.clock.sleep(limits.coldProbeEveryMs, ended);
      if (ended.aborted) throw hasEnded;
      await this.#lookAt(connected);
    }
  }

  /** One look for all operations that wait; it goes on when they have ended (WC5). */
  async #lookAt({ address, client, look }: Connected): Promise<void> {
    look.running ??= this.#look(address)
      .catch((error: unknown) => {
        this.#giveUp(client, error);
        throw error;
      })
      .finally(() => {
        look.running = null;
      });
    await look.running;
  }

  /**
   * The work's result, unless its deadline or its caller's end comes first. The work's signal
   * aborts as soon as its result is of no use.
   */
  async #bounded<T>(until: Until, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { ms, caller } = until;
    const deadline = new Deadline(this.#options.clock, ms, caller);
    const { signal } = deadline;
    try {
      return await raceAbort(work(signal), signal);
    } catch (error) {
      throw deadline.isOver ? new LateError(`no answer within ${ms} ms`) : error;
    } finally {
      deadline.end(hasEnded);
    }
  }
}

function end({ client, channel }: Connected): void {
  client.close().catch(() => {});
  channel.close();
}

/**
 * Asked directly: the vendor's `isReady` starts a second request without waiting for it, whose
 * failure ends the process as an unhandled rejection.
 */
async function checkPath(url: string, signal: AbortSignal): Promise<void> {
  const reply = await fetch(url, { signal });
  await reply.body?.cancel();
  if (!reply.ok) throw new NoAnswerError("weaviate is not ready");
}

/** Its cause is what broke the connection, on our side of the node. */
class BrokenError extends Error {
  override readonly name = "BrokenError";
}

function outcomeOf(error: unknown): unknown {
  return error instanceof BrokenError ? translate(error.cause) : error;
}

function hasGone(caller: AbortSignal | undefined): boolean {
  return caller?.aborted === true;
}

/** One for all: made for each operation it would come with a stack. */
const hasEnded = new NoAnswerError("the operation has ended");
