/**
 * The connection that answers: requests come in on it, and what it may write are inboxes.
 *
 * A requester chooses where the answer goes. The gateway answers inboxes only; a user of its own,
 * whose permissions on the server allow no more, makes that hold without trust in this code.
 */

import type { NatsConnection } from "nats";
import type { Secret } from "../../contract/links.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { NatsAccess } from "./access.ts";
import { openConnection, type Reports } from "./connection.ts";

export interface ReplyUser {
  readonly credsFile: string | undefined;
  readonly nkeySeed: Secret | undefined;
}

/** As the log is reached, under another user. @throws FreshetError log_unavailable */
export async function connectReplies(
  access: NatsAccess,
  user: ReplyUser,
  reports: Reports & { readonly clock: Clock },
): Promise<NatsConnection> {
  const { user: _, password: __, token: ___, ...link } = access;
  const as = { ...link, ...user, credsSetting: "FRESHET_NATS_REPLY_CREDS_FILE" };
  const { connection } = await openConnection(as, reports);
  return connection;
}
