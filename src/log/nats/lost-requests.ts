/**
 * What JetStream was asked before a connection was lost is given up when there is one again.
 *
 * The client (2.29) throws away what it could not send, and the server answers where it was asked:
 * nothing comes any more, but each waits out its time, and so does whatever waits for it. The check
 * of the log's identity, begun a moment too early, kept every publish of a node away from a NATS
 * that had been back for five seconds. Its outcome is unknown, as at the end of that time. What
 * other processes are asked stays: in a cluster they may answer yet.
 */

import { ErrorCode, type NatsConnection, NatsError } from "nats";

/** The API, and what is stored with an acknowledgement. */
const forJetStream = /^(?:\$JS\.API|\$KV|docs|chunks|heads|dlq|audit)\./;

interface Waiting {
  readonly requestSubject: string;
  resolver(error: Error, message: object): void;
}

/** As far as the client is built: it has no word for it. */
interface Client {
  readonly protocol: { readonly muxSubscriptions: { all(): readonly Waiting[] } };
}

export function giveUpLostRequests(connection: NatsConnection): void {
  const { protocol } = connection as unknown as Client;
  for (const waiting of protocol.muxSubscriptions.all()) {
    if (!forJetStream.test(waiting.requestSubject)) continue;
    waiting.resolver(NatsError.errorForCode(ErrorCode.Disconnect), {});
  }
}
