/**
 * A connection to Weaviate that may be down. Nothing here throws before it is used.
 *
 * Owns the vendor's client and the channel for searches. Never retries an operation: it says
 * `cold_unavailable`, and its caller knows whether to ask again.
 *
 *   WC1  while Weaviate is down a caller is refused at once, except the one that probes it after a
 *        pause;
 *   WC2  a client whose connection broke is replaced: the channel's own reconnect would wait for
 *        minutes;
 *   WC3  no operation outlives its deadline, its caller, or the server by much.
 */

import type { WeaviateClient } from "weaviate-client";
import weaviate from "weaviate-client";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Secret, TlsFiles } from "../contract/links.ts";
import type { Logger } from "../contract/observation.ts";
import { backoffMs } from "../runtime/backoff.ts";
import type { Clock } from "../runtime/clock.ts";
import { Deadline } from "../runtime/deadline.ts";
import { raceAbort } from "../runtime/race-abort.ts";
import { SearchChannel } from "./weaviate-channel.ts";
import { explainWeaviate, trustFor } from "./weaviate-tls.ts";

export interface WeaviateAddress {
  /** Base URL of the REST interface. */
  readonly url: string;
  /** `host:port` of the gRPC interface; `https:` in `url` means TLS here too. */
  readonly grpc: string;
  readonly apiKey?: string | Secret | undefined;
  /** Instead of a key: the client logs in where the server's OIDC provider is. */
  readonly oidc?: { readonly secret: Secret; readonly scopes: readonly string[] } | undefined;
  readonly tls?: TlsFiles | undefined;
}

export interface ConnectionOptions extends WeaviateAddress {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What each new client goes through before it is used. */
  readonly prepare?: ((client: WeaviateClient) => Promise<void>) | undefined;
}

/** The server answered, and the answer is that it has no such tenant (or no collection at all). */
export class UnknownTenantError extends Error {
  override readonly name = "UnknownTenantError";
}

/** The tenant is there but asleep. */
export class InactiveTenantError extends Error {
  override readonly name = "InactiveTenantError";
}

/**
 * The server, or the vendor's client, cannot take what the request says, however often it is sent.
 */
export class RequestRefusedError extends Error {
  override readonly name = "RequestRefusedError";
}

interface Connected {
  readonly client: WeaviateClient;
  readonly channel: SearchChannel;
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

type Work<T> = (client: WeaviateClient, signal: AbortSignal, channel: SearchChannel) => Promise<T>;

export class Connection {
  readonly #options: ConnectionOptions;
  #state: State = downAtOnce;
  #connecting: Promise<Connected> | null = null;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /**
   * Runs one operation.
   * @throws FreshetError cold_unavailable | cancelled, UnknownTenantError, InactiveTenantError,
   *   RequestRefusedError
   */
  async run<T>(work: Work<T>, signal?: AbortSignal): Promise<T> {
    if (hasGone(signal)) throw new FreshetError("cancelled");
    const ms = limits.coldRequestMs;
    const connected = await this.#bounded({ ms, caller: signal }, () => this.#connected());
    const { client, channel } = connected;
    try {
      return await this.#bounded({ ms, caller: signal }, (ended) =>
        Promise.race([work(client, ended, channel), this.#outage(ended)]),
      );
    } catch (error) {
      if (hasGone(signal)) throw new FreshetError("cancelled");
      if (isConnectionError(error)) this.#giveUp(client, error);
      throw translate(error);
    }
  }

  /** Resolves when Weaviate says that it is ready. */
  probe(): Promise<void> {
    const { url } = this.#options;
    return this.#bounded({ ms: limits.coldConnectMs }, (signal) => checkReady(url, signal));
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
    const { url, logger } = this.#options;
    let client: WeaviateClient | null = null;
    try {
      client = await openClient(this.#options);
      await this.probe();
      await this.#learnVersion(client);
      await this.#prepare(client);
    } catch (cause) {
      client?.close().catch(() => {});
      this.#isDown(failures, cause);
      throw cause instanceof FreshetError
        ? cause
        : new FreshetError("cold_unavailable", undefined, { cause });
    }
    if (this.#state.is === "closed") {
      client.close().catch(() => {});
      throw new FreshetError("cold_unavailable", "the cold shard is closed");
    }
    const connected: Connected = { client, channel: openChannel(this.#options, client) };
    this.#state = { is: "connected", ...connected };
    logger.info({ url }, "weaviate is connected");
    return connected;
  }

  /**
   * The vendor asks for the server's version with each collection that is named, and waits for none
   * of these requests, until it knows it: one that fails then ends the process as an unhandled
   * rejection. Asked here, it is asked once.
   */
  #learnVersion(client: WeaviateClient): Promise<unknown> {
    return this.#bounded({ ms: limits.coldConnectMs }, () => client.getWeaviateVersion());
  }

  #prepare(client: WeaviateClient): Promise<void> {
    const { prepare = async () => {} } = this.#options;
    return this.#bounded({ ms: limits.coldRequestMs }, () => prepare(client));
  }

  #isDown(failures: number, error: unknown): void {
    if (this.#state.is === "closed") return;
    const { url, clock, logger } = this.#options;
    // Once per outage, not once per attempt.
    if (failures === 0) {
      const says = error instanceof FreshetError ? error.message : "weaviate does not answer";
      logger.warn({ error, url }, says);
      void explainWeaviate(this.#options, error).then((why) => {
        if (why !== undefined) logger.error({ url }, why);
      });
    }
    const retryAtMs = clock.monotonicMs() + backoffMs(reconnects, failures);
    this.#state = { is: "down", retryAtMs, failures: failures + 1 };
  }

  /** Only the client that failed is given up: a slow failure must not close its successor. */
  #giveUp(client: WeaviateClient, error: unknown): void {
    if (this.#state.is !== "connected" || this.#state.client !== client) return;
    const { url, logger } = this.#options;
    logger.warn({ error, url }, "the connection to weaviate broke");
    end(this.#state);
    this.#state = downAtOnce;
  }

  /**
   * Rejects when Weaviate stops answering while an operation runs; the vendor would keep retrying.
   */
  async #outage(ended: AbortSignal): Promise<never> {
    for (;;) {
      await this.#options.clock.sleep(limits.coldProbeEveryMs, ended);
      if (ended.aborted) throw new NoAnswerError(hasEnded);
      await this.probe();
    }
  }

  /**
   * The work's result, unless its deadline or its caller's end comes first. The work's signal
   * aborts as soon as its result is of no use.
   */
  async #bounded<T>(
    until: { readonly ms: number; readonly caller?: AbortSignal | undefined },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { ms, caller } = until;
    const deadline = new Deadline(this.#options.clock, ms, caller);
    const ended = new AbortController();
    const signal = AbortSignal.any([deadline.signal, ended.signal]);
    try {
      return await raceAbort(work(signal), deadline.signal);
    } catch (error) {
      throw deadline.isOver ? new NoAnswerError(`no answer within ${ms} ms`) : error;
    } finally {
      deadline.clear();
      // A reason of our own: the default is made with a stack for each operation.
      ended.abort(hasEnded);
    }
  }
}

/** The vendor's client as it is: nothing is asked of the server yet. */
export function openClient(address: WeaviateAddress): Promise<WeaviateClient> {
  const { url, grpc } = address;
  const rest = new URL(url);
  const secure = rest.protocol === "https:";
  const channel = new URL(`${rest.protocol}//${grpc}`);
  const port = (from: URL): number => Number(from.port) || (secure ? 443 : 80);
  const open = () =>
    weaviate.connectToCustom({
      httpHost: rest.hostname,
      httpPort: port(rest),
      httpSecure: secure,
      ...(rest.pathname === "/" ? {} : { httpPath: rest.pathname.replace(/\/$/, "") }),
      grpcHost: channel.hostname,
      grpcPort: port(channel),
      grpcSecure: secure,
      ...credentials(address),
      // The vendor's checks print to the console when they fail; `ready` asks the same without.
      skipInitChecks: true,
    });
  return trustFor(address, open);
}

function credentials({ apiKey, oidc }: WeaviateAddress) {
  if (oidc !== undefined) {
    const { secret, scopes } = oidc;
    const clientSecret = secret();
    return {
      authCredentials: new weaviate.AuthClientCredentials({ clientSecret, scopes: [...scopes] }),
    };
  }
  if (apiKey === undefined) return {};
  const key = typeof apiKey === "string" ? apiKey : apiKey();
  return { authCredentials: new weaviate.ApiKey(key) };
}

function openChannel(address: WeaviateAddress, client: WeaviateClient): SearchChannel {
  const { url, grpc, apiKey, oidc, tls } = address;
  const isOpen = apiKey === undefined && oidc === undefined;
  // The vendor's client has the token, and gets a new one when it ends.
  const bearer = async () => (await client.getConnectionDetails()).bearerToken;
  return new SearchChannel({
    url: `${new URL(url).protocol}//${grpc}`,
    tls,
    ...(isOpen ? {} : { bearer }),
  });
}

function end({ client, channel }: Connected): void {
  client.close().catch(() => {});
  channel.close();
}

/**
 * Asked directly: the vendor's `isReady` starts a second request without waiting for it, whose
 * failure ends the process as an unhandled rejection.
 */
async function checkReady(url: string, signal: AbortSignal): Promise<void> {
  const reply = await fetch(`${url.replace(/\/$/, "")}/v1/.well-known/ready`, { signal });
  await reply.body?.cancel();
  if (!reply.ok) throw new NoAnswerError("weaviate is not ready");
}

function hasGone(caller: AbortSignal | undefined): boolean {
  return caller?.aborted === true;
}

const hasEnded = "the operation has ended";

/** Weaviate did not answer, or not in time. */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

function translate(error: unknown): Error {
  if (error instanceof FreshetError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (isUnknownTenant(message)) return new UnknownTenantError(message, { cause: error });
  if (isInactiveTenant(message)) return new InactiveTenantError(message, { cause: error });
  if (isRefusedRequest(error)) return new RequestRefusedError(message, { cause: error });
  return new FreshetError("cold_unavailable", undefined, { cause: error });
}

/** Weaviate 1.35 has no codes for these; the conformance suite notices when its wording changes. */
export function isUnknownTenant(message: string): boolean {
  return /tenant not found|could not find class|class .* not found/i.test(message);
}

export function isInactiveTenant(message: string): boolean {
  return /tenant not active/i.test(message);
}

const clientRefusals = new Set(["WeaviateSerializationError", "WeaviateInvalidInputError"]);

/**
 * By the gRPC status that the vendor leaves in its message, and by what its client throws before it
 * sends. Half a character, for one, comes back as INTERNAL: the server cannot decode the request.
 */
export function isRefusedRequest(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (clientRefusals.has(error.name)) return true;
  return /INVALID_ARGUMENT|OUT_OF_RANGE|error unmarshalling request|message (with a size )?larger than/i.test(
    error.message,
  );
}

function isConnectionError(error: unknown): boolean {
  if (error instanceof FreshetError) return false;
  if (error instanceof NoAnswerError) return true;
  const text = error instanceof Error ? `${error.message} ${String(error.cause)}` : String(error);
  return /UNAVAILABLE|ECONNREFUSED|ECONNRESET|fetch failed|socket hang up|timed out|aborted|CANCELLED/i.test(
    text,
  );
}
