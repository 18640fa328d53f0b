/**
 * Keys and signed tokens of operator, accounts and users, by NATS' own libraries.
 *
 * A bound that an account's token leaves out is zero, and a list that a user's leaves out is
 * everything: here each is said. What a user may do is part of its account, with the key that signs
 * such users (a scope). So it can be changed there, a user's token stays small (servers take 4 KiB
 * of a connecting client), and users that the account's own key signs may do nothing. The library
 * stamps the time of signing itself.
 */

import {
  encodeAccount,
  encodeActivation,
  encodeOperator,
  encodeUser,
  fmtCreds,
  type SigningKey,
} from "@nats-io/jwt";
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from "@nats-io/nkeys";
import { limits } from "../contract/limits.ts";
import {
  apiSubjects,
  everyApiSubject,
  everyQuestion,
  questionSubject,
} from "../contract/service-subjects.ts";
import { eventsSubject, publishSubject } from "../log/wire/subjects.ts";
import type { AccountsFile, AccountUser, TenantAccount } from "./accounts-file.ts";
import { signing } from "./accounts-jwt-signing.ts";
import {
  accountPermissions,
  enginePermissions,
  local,
  type Permissions,
  pushPermissions,
  replyPermissions,
} from "./permissions.ts";

export interface MadeKey {
  readonly key: string;
  readonly seed: string;
}

export const makeKey = {
  operator: () => madeOf(createOperator()),
  account: () => madeOf(createAccount()),
  user: () => madeOf(createUser()),
} as const;

const text = new TextDecoder();
const madeOf = (pair: KeyPair): MadeKey => ({
  key: pair.getPublicKey(),
  seed: text.decode(pair.getSeed()),
});

/** A seed by its public key. */
export type Seeds = (key: string) => string;

const pairOf = (seeds: Seeds, key: string): KeyPair =>
  signing(fromSeed(Buffer.from(seeds(key))), key);

const unbounded = { subs: -1, data: -1, payload: -1, conn: -1, imports: -1, exports: -1 };
const noStreams = { mem_storage: 0, disk_storage: 0, streams: 0, consumer: 0 };
const allStreams = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** For users of the account that no scope is for. */
const nothing = { pub: { deny: [">"] }, sub: { deny: [">"] } };

export async function operatorJwt({ operator, system }: AccountsFile, seeds: Seeds) {
  const settings = { system_account: system.account };
  return await encodeOperator("freshet", pairOf(seeds, operator), settings);
}

/** Those who are signed by this key may so much. */
function scope(signer: string, role: string, { publish, subscribe }: Permissions): SigningKey {
  const template = {
    ...{ data: -1, payload: -1, subs: -1, bearer_token: false },
    allowed_connection_types: ["STANDARD" as const, "WEBSOCKET" as const],
    pub: { allow: [...publish.allow], deny: [...publish.deny] },
    sub: { allow: [...subscribe.allow], deny: [...subscribe.deny] },
  };
  return { kind: "user_scope", key: signer, role, template };
}

/** JetStream in the system account would end the server at its start. */
export async function systemJwt({ operator, system }: AccountsFile, seeds: Seeds) {
  const bounds = { ...unbounded, ...noStreams, leaf: 0, wildcards: true, disallow_bearer: true };
  const signer = pairOf(seeds, operator);
  const account = {
    limits: bounds,
    default_permissions: nothing,
    signing_keys: [scope(system.signer, "push", pushPermissions)],
  };
  return await encodeAccount("SYS", pairOf(seeds, system.account), account, { signer });
}

/** The account that owns the log, and offers subjects of a tenant to whom it signs them. */
export async function engineJwt({ operator, engine }: AccountsFile, seeds: Seeds) {
  const answers = {
    ...{ type: "service" as const, token_req: true, response_type: "Stream" as const },
    response_threshold: limits.natsAnswerMs * 1e6,
  };
  const account = {
    limits: { ...unbounded, ...allStreams, leaf: 0, wildcards: true, disallow_bearer: true },
    default_permissions: nothing,
    signing_keys: [
      scope(engine.signer, "engine", enginePermissions({ sourceStreams: engine.source_streams })),
      scope(engine.reply_signer, "replies", replyPermissions),
    ],
    exports: [
      {
        ...{ name: "docs", subject: "docs.*", type: "service" as const, token_req: true },
        response_type: "Singleton" as const,
      },
      { name: "query", subject: everyQuestion, ...answers },
      { name: "api", subject: everyApiSubject, ...answers },
      { name: "events", subject: "events.*", type: "stream" as const, token_req: true },
    ],
    revocations: revocationsOf(engine.ended),
  };
  const signer = pairOf(seeds, operator);
  return await encodeAccount("FRESHET", pairOf(seeds, engine.account), account, { signer });
}

export async function tenantJwt(
  { operator, engine }: AccountsFile,
  { tenant, account: key, signer: userSigner, users, ended_at }: TenantAccount,
  seeds: Seeds,
) {
  const isOver = ended_at !== undefined;
  const imports = isOver ? [] : await importsOf({ tenant, key, engine: engine.account, seeds });
  const bounds = {
    ...{ ...unbounded, ...noStreams, leaf: 0, exports: 0, imports: 4, wildcards: true },
    ...{ disallow_bearer: true, subs: limits.natsTenantSubscriptionsMax },
    conn: isOver ? 0 : limits.natsTenantConnectionsMax,
  };
  const revocations = revocationsOf(users);
  const signing_keys = [scope(userSigner, "tenant", accountPermissions)];
  const rights = { default_permissions: nothing, signing_keys };
  const account = { limits: bounds, ...rights, imports, revocations };
  return await encodeAccount(tenant, pairOf(seeds, key), account, {
    signer: pairOf(seeds, operator),
  });
}

interface ImportsOf {
  readonly tenant: TenantAccount["tenant"];
  readonly key: string;
  readonly engine: string;
  readonly seeds: Seeds;
}

async function importsOf({ tenant, key, engine, seeds }: ImportsOf) {
  const wanted = [
    { name: local.docs, subject: publishSubject(tenant), type: "service" },
    { name: local.query, subject: questionSubject(tenant), type: "service" },
    { name: local.api, subject: apiSubjects(tenant), type: "service" },
    { name: local.events, subject: eventsSubject(tenant), type: "stream" },
  ] as const;
  return await Promise.all(
    wanted.map(async ({ name, subject, type }) => {
      const data = { subject };
      const issuer = pairOf(seeds, engine);
      const token = await encodeActivation(subject, pairOf(seeds, key), issuer, type, data);
      return { name, account: engine, subject, local_subject: name, type, token };
    }),
  );
}

function revocationsOf(
  users: readonly Pick<AccountUser, "key" | "ended_at">[],
): Record<string, number> {
  return Object.fromEntries(
    users.flatMap(({ key, ended_at }) =>
      ended_at === undefined ? [] : [[key, secondsOf(ended_at)]],
    ),
  );
}

const secondsOf = (stamp: string): number => Math.ceil(Date.parse(stamp) / 1000);

export interface Credentials {
  readonly name: string;
  readonly user: Pick<AccountUser, "key" | "expires_at">;
  readonly account: string;
  readonly signer: string;
}

/** The contents of a creds file. */
export async function credentials(of: Credentials, seeds: Seeds): Promise<string> {
  const { name, user, account, signer } = of;
  const pair = pairOf(seeds, user.key);
  const until = user.expires_at === undefined ? {} : { exp: secondsOf(user.expires_at) };
  const signing = { ...until, signer: pairOf(seeds, signer), scopedUser: true };
  return text.decode(
    fmtCreds(await encodeUser(name, pair, pairOf(seeds, account), {}, signing), pair),
  );
}

export const engineCredentials = ({ engine, system }: AccountsFile): readonly Credentials[] => {
  const { account, signer, reply_signer, user, replies } = engine;
  return [
    { name: "engine", user: { key: user }, account, signer },
    { name: "replies", user: { key: replies }, account, signer: reply_signer },
    { ...system, name: "push", user: { key: system.user } },
  ];
};

export const tenantCredentials = (
  { tenant, account, signer }: TenantAccount,
  user: AccountUser,
): Credentials => ({ name: tenant, user, account, signer });
