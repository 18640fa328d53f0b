/**
 * Which accounts and users there are on NATS: the contents of `accounts.json`, and its changes as
 * values. No secret is in it; seeds and tokens lie beside it (accounts-store.ts). Pure.
 *
 *   TN1  a tenant has at most one account that lives, and its name is in no other;
 *   TN2  a user or an account that ended stays listed: only so the server learns that it ended;
 *   TN3  a tenant that comes back gets another account: what an old key signed opens nothing.
 */

import { z } from "zod";
import { isTenantId, type TenantId } from "../contract/ids.ts";

const key = z.string().regex(/^[AOU][A-Z2-7]{55}$/);
const stamp = z.iso.datetime();

const userSchema = z.object({
  key,
  created_at: stamp,
  expires_at: stamp.optional(),
  /** The server refuses what was signed for it up to this moment. */
  ended_at: stamp.optional(),
});

const accountSchema = z.object({
  tenant: z.custom<TenantId>((value) => typeof value === "string" && isTenantId(value)),
  account: key,
  /** What signs its users, with the permissions that the account gives to whom it signs. */
  signer: key,
  created_at: stamp,
  ended_at: stamp.optional(),
  users: z.array(userSchema),
});

export const accountsFileSchema = z.object({
  format: z.literal(1),
  operator: key,
  system: z.object({ account: key, signer: key, user: key }),
  engine: z.object({
    ...{ account: key, signer: key, reply_signer: key },
    /** The living ones: of engines, merge workers and the command line; of what answers. */
    user: key,
    replies: key,
    source_streams: z.array(z.string().regex(/^[^\s.*>/\\]{1,255}$/)),
    ended: z.array(z.object({ key, ended_at: stamp })),
  }),
  tenants: z.array(accountSchema),
});

export type AccountsFile = z.output<typeof accountsFileSchema>;
export type TenantAccount = z.output<typeof accountSchema>;
export type AccountUser = z.output<typeof userSchema>;

export class AccountsError extends Error {
  override readonly name = "AccountsError";
}

/** @throws AccountsError */
export function livingAccount({ tenants }: AccountsFile, tenant: TenantId): TenantAccount {
  const found = tenants.find((one) => one.tenant === tenant && one.ended_at === undefined);
  if (found !== undefined) return found;
  throw new AccountsError(`no tenant ${tenant}: freshet tenant create ${tenant}`);
}

export const livingUsers = ({ users }: TenantAccount): readonly AccountUser[] =>
  users.filter(({ ended_at }) => ended_at === undefined);

export interface NewTenant {
  readonly tenant: TenantId;
  readonly account: string;
  readonly signer: string;
  readonly user: AccountUser;
}

/** @throws AccountsError the tenant has an account (TN1) */
export function withTenant(file: AccountsFile, { user, ...made }: NewTenant): AccountsFile {
  const { tenant } = made;
  if (file.tenants.some((one) => one.tenant === tenant && one.ended_at === undefined)) {
    throw new AccountsError(
      `there is a tenant ${tenant}: freshet tenant rotate ${tenant} makes new credentials`,
    );
  }
  const { created_at } = user;
  return { ...file, tenants: [...file.tenants, { ...made, created_at, users: [user] }] };
}

export interface NewUser {
  readonly user: AccountUser;
  /** Whether those there were may connect on. */
  readonly keepsOld: boolean;
}

/** @throws AccountsError there is no such tenant */
export function withUser(
  file: AccountsFile,
  tenant: TenantId,
  { user, keepsOld }: NewUser,
): AccountsFile {
  return changed(file, livingAccount(file, tenant), (account) => {
    const before = keepsOld ? account.users : account.users.map(endedAt(user.created_at));
    return { ...account, users: [...before, user] };
  });
}

/** @throws AccountsError there is no such tenant, or no such user of it */
export function withoutUser(
  file: AccountsFile,
  tenant: TenantId,
  { key: ending, at }: { readonly key: string; readonly at: string },
): AccountsFile {
  const account = livingAccount(file, tenant);
  const known = livingUsers(account).map((user) => user.key);
  if (!known.includes(ending)) {
    throw new AccountsError(`${tenant} has no user ${ending}: freshet tenant list shows them`);
  }
  const end = endedAt(at);
  return changed(file, account, (one) => ({
    ...one,
    users: one.users.map((user) => (user.key === ending ? end(user) : user)),
  }));
}

/** The account and all who use it. @throws AccountsError there is no such tenant */
export function withoutTenant(file: AccountsFile, tenant: TenantId, at: string): AccountsFile {
  return changed(file, livingAccount(file, tenant), (account) => ({
    ...account,
    ended_at: at,
    users: account.users.map(endedAt(at)),
  }));
}

export interface NewEngine {
  readonly user: string;
  readonly replies: string;
  readonly sourceStreams: readonly string[];
  readonly at: string;
}

/** Those of before end. */
export function withEngine(file: AccountsFile, made: NewEngine): AccountsFile {
  const { engine } = file;
  const { at } = made;
  const ended = [engine.user, engine.replies].map((one) => ({ key: one, ended_at: at }));
  return {
    ...file,
    engine: {
      ...{ ...engine, user: made.user, replies: made.replies },
      source_streams: [...made.sourceStreams],
      ended: [...engine.ended, ...ended],
    },
  };
}

const endedAt =
  (at: string) =>
  (user: AccountUser): AccountUser =>
    user.ended_at === undefined ? { ...user, ended_at: at } : user;

function changed(
  file: AccountsFile,
  account: TenantAccount,
  change: (account: TenantAccount) => TenantAccount,
): AccountsFile {
  const tenants = file.tenants.map((one) => (one === account ? change(one) : one));
  return { ...file, tenants };
}
