/**
 * What this node answers over NATS: inboxes only.
 *
 * A requester chooses the reply subject, and the server does not ask whether it may publish there.
 * An answer to `chunks.0.b` would be stored in a log over a connection that may write it
 * (a confused deputy). So a request without an inbox is not worked on at all.
 */

import type { Msg, NatsConnection, Subscription, SubscriptionOptions } from "nats";
import { isInbox } from "../contract/inbox.ts";
import type { Metrics } from "../contract/observation.ts";

export interface ReplyOptions {
  readonly surface: "service" | "peer";
  readonly metrics: Metrics;
  /**
   * Told of a subject to which the server refuses to subscribe. Where it is given, such a refusal
   * ends nothing else: credentials may be older than what is subscribed to.
   */
  readonly onRefused?: ((subject: string) => void) | undefined;
}

/**
 * The same connection, whose subscriptions are given only requests that have an inbox. It goes
 * around whatever a library subscribes to and answers by itself, as the micro service does on
 * `$SRV.>`.
 */
export function answeringInboxes(
  connection: NatsConnection,
  { surface, metrics, onRefused }: ReplyOptions,
): NatsConnection {
  const subscribe = (subject: string, options: SubscriptionOptions = {}): Subscription => {
    const { callback } = options;
    if (callback === undefined) throw new TypeError("requests are taken by a callback");
    let refused = false;
    const subscription = connection.subscribe(subject, {
      ...options,
      callback: (error, message: Msg) => {
        if (error !== null && onRefused !== undefined) {
          refused = true;
          onRefused(subject);
          return;
        }
        if (error === null && !isInbox(message.reply)) {
          metrics.count("replies_refused_total", { surface });
          return;
        }
        callback(error, message);
      },
    });
    if (onRefused === undefined) return subscription;
    // The library ends the whole service when one of its subscriptions has ended.
    const closed = subscription.closed.then(() =>
      refused ? new Promise<void>(() => {}) : undefined,
    );
    return Object.create(subscription, { closed: { value: closed } }) as Subscription;
  };
  return Object.create(connection, {
    subscribe: { value: subscribe },
    // The library makes it once and keeps it, with the connection that it was first asked through.
    _services: { value: undefined, writable: true },
  }) as NatsConnection;
}
