/**
 * Tells running servers what accounts there are: over a connection to the system account of an
 * operator's servers. Each of them answers; one that took it passes it on to the others.
 */

import { ErrorCode, type NatsConnection, NatsError } from "nats";
import { z } from "zod";
import { limits } from "../contract/limits.ts";
import type { PushedAccount } from "./accounts.ts";
import { AccountsError } from "./accounts-file.ts";
import { claimsSubject } from "./permissions.ts";

const replySchema = z.object({
  data: z.object({ code: z.number() }).optional(),
  error: z.object({ description: z.string() }).optional(),
});

/** @throws AccountsError a server refuses one, or none takes any */
export async function pushAccounts(
  connection: NatsConnection,
  accounts: readonly PushedAccount[],
): Promise<void> {
  for (const { account, jwt } of accounts) {
    const reply = replySchema.safeParse(await answer(connection, jwt));
    const refusal = reply.data?.error?.description;
    if (refusal !== undefined) {
      throw new AccountsError(`the server refuses account ${account}: ${refusal}`);
    }
    if (reply.data?.data?.code !== 200) {
      throw new AccountsError(`the server's answer about account ${account} is not known`);
    }
  }
}

async function answer(connection: NatsConnection, jwt: string): Promise<unknown> {
  try {
    const message = await connection.request(claimsSubject, jwt, { timeout: limits.natsPushMs });
    return message.json();
  } catch (cause) {
    const takesNone =
      cause instanceof NatsError &&
      (cause.code === ErrorCode.NoResponders || cause.code === ErrorCode.Timeout);
    const says = takesNone
      ? "the server takes no pushed accounts: it needs the resolver of operator.conf, others are reloaded"
      : `the server cannot be told: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new AccountsError(says, { cause });
  }
}
