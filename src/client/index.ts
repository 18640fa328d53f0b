/**
 * The door of the package: `import { overHttp } from "@freshet/client"`. It leans on nothing but
 * the platform: Node from 20 on, and for HTTP also browsers.
 */

import { type ClientOptions, Freshet } from "./client.ts";
import { type HttpOptions, httpTransport } from "./http.ts";
import { type NatsHeaders, type NatsOptions, natsTransport } from "./nats.ts";

/** A client over HTTP. */
export function overHttp(options: HttpOptions & ClientOptions): Freshet {
  return new Freshet(httpTransport(options), options);
}

/**
 * A client over a NATS connection of yours. Without a tenant the connection's account is the
 * tenant's own, which names no tenant in its subjects.
 */
export function overNats<Headers extends NatsHeaders>(
  options: NatsOptions<Headers> & ClientOptions,
): Freshet {
  return new Freshet(natsTransport(options), options);
}

export type { ManyResult } from "./batches.ts";
export type {
  CallOptions,
  ClientOptions,
  EventsOptions,
  Found,
  PublishOptions,
  WaitOptions,
} from "./client.ts";
export { Freshet } from "./client.ts";
export { FreshetError, type FreshetErrorCode } from "./errors.ts";
export type { HttpOptions } from "./http.ts";
export type { NatsConnectionLike, NatsHeaders, NatsMessage, NatsOptions } from "./nats.ts";
export type { Retries, Surroundings } from "./retry.ts";
export type { Published, Settled } from "./settle.ts";
export type * from "./types.ts";
