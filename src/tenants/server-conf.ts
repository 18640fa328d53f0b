/**
 * What a nats-server of one's own includes to know the accounts and users: text for its
 * configuration, in four forms. Pure.
 *
 * Public keys and signed tokens only; no seed and no password.
 */

import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { apiSubjects, questionSubject } from "../contract/service-subjects.ts";
import { eventsSubject, publishSubject } from "../log/wire/subjects.ts";
import { type AccountsFile, livingUsers, type TenantAccount } from "./accounts-file.ts";
import {
  enginePermissions,
  type Permissions,
  replyPermissions,
  staticPermissions,
  tenantPermissions,
} from "./permissions.ts";

export const confForms = ["operator", "operator-memory", "accounts", "one-account"] as const;
export type ConfForm = (typeof confForms)[number];

/** Signed tokens: the operator's, and each account's by its public key. */
export interface Signed {
  readonly operator: string;
  readonly accounts: ReadonlyMap<string, string>;
}

export function confOf(form: ConfForm, file: AccountsFile, signed: Signed): string {
  switch (form) {
    case "operator":
      return operatorConf(file, signed);
    case "operator-memory":
      return operatorMemoryConf(file, signed);
    case "accounts":
      return accountsConf(file);
    case "one-account":
      return oneAccountConf(file);
  }
}

const written = (what: string): string =>
  `# Written by \`freshet tenant\`: ${what}\n# Include it in the configuration of a server; do not edit it.\n`;

const quoted = (value: string): string => JSON.stringify(value);
const list = (values: readonly string[]): string => `[${values.map(quoted).join(", ")}]`;

/** An operator whose accounts the server keeps in a folder, and takes while it runs. */
function operatorConf({ system }: AccountsFile, signed: Signed): string {
  return `${written("an operator, accounts pushed while the server runs")}
operator: ${signed.operator}
system_account: ${system.account}
resolver: { type: full, dir: "./freshet-accounts", allow_delete: false, interval: "2m" }
${preload(signed)}`;
}

/** The same for a server that writes no folder: each change wants a reload. */
function operatorMemoryConf({ system }: AccountsFile, signed: Signed): string {
  return `${written("an operator, accounts read from this file at each reload")}
operator: ${signed.operator}
system_account: ${system.account}
resolver: MEMORY
${preload(signed)}`;
}

function preload({ accounts }: Signed): string {
  const lines = [...accounts].map(([key, jwt]) => `  ${key}: ${jwt}\n`);
  return `resolver_preload: {\n${lines.join("")}}\n`;
}

function user(key: string, { publish, subscribe }: Permissions): string {
  const block = (name: string, { allow, deny }: Permissions["publish"]): string =>
    `        ${name}: {\n          allow: ${list(allow)}\n          deny: ${list(deny)}\n        }\n`;
  return `    {\n      nkey: ${key}\n      permissions: {\n${block("publish", publish)}${block("subscribe", subscribe)}      }\n    }\n`;
}

function engineUsers({ engine }: AccountsFile): string {
  const rights = enginePermissions({ sourceStreams: engine.source_streams });
  return user(engine.user, rights) + user(engine.replies, replyPermissions);
}

const usersOf = (account: TenantAccount, permissions: Permissions): string =>
  livingUsers(account)
    .map(({ key }) => user(key, permissions))
    .join("");

const living = ({ tenants }: AccountsFile): readonly TenantAccount[] =>
  tenants.filter(({ ended_at }) => ended_at === undefined);

/** No operator: an account for the engine and one for each tenant, users by their nkeys. */
function accountsConf(file: AccountsFile): string {
  const tenants = living(file);
  const exports = tenants.flatMap(({ tenant }) => exportsOf(tenant));
  return `${written("accounts and users by nkeys; reload the server after each change")}
accounts: {
  FRESHET: {
    jetstream: enabled
    default_permissions: ${nothing}
    exports: [\n${exports.join("")}    ]
    users: [\n${engineUsers(file)}    ]
  }
${tenants.map(tenantBlock).join("")}}
`;
}

const nothing = `{ publish: { deny: [">"] }, subscribe: { deny: [">"] } }`;

/** A tenant's name may be that of another account of the server. */
const accountName = (tenant: TenantId): string => quoted(`FRESHET_TENANT_${tenant}`);

function exportsOf(tenant: TenantId): readonly string[] {
  const to = `accounts: [${accountName(tenant)}]`;
  const answers = `response_type: stream, response_threshold: "${limits.natsAnswerMs}ms"`;
  return [
    `      { service: ${quoted(publishSubject(tenant))}, ${to} }\n`,
    `      { service: ${quoted(questionSubject(tenant))}, ${answers}, ${to} }\n`,
    `      { service: ${quoted(apiSubjects(tenant))}, ${answers}, ${to} }\n`,
    `      { stream: ${quoted(eventsSubject(tenant))}, ${to} }\n`,
  ];
}

function tenantBlock(account: TenantAccount): string {
  const { tenant } = account;
  const from = (subject: string): string => `{ account: FRESHET, subject: ${quoted(subject)} }`;
  return `  ${accountName(tenant)}: {
    default_permissions: ${nothing}
    imports: [
      { service: ${from(publishSubject(tenant))} }
      { service: ${from(questionSubject(tenant))} }
      { service: ${from(apiSubjects(tenant))} }
      { stream: ${from(eventsSubject(tenant))} }
    ]
    users: [\n${usersOf(account, staticPermissions(tenant))}    ]
  }
`;
}

/**
 * All users in one account, kept apart by their permissions. The server itself sends what it says
 * to a publish to whatever subject the publisher names, which permissions do not bind.
 */
function oneAccountConf(file: AccountsFile): string {
  const users = living(file).map((one) => usersOf(one, tenantPermissions(one.tenant)));
  return `${written("users by nkeys in one account; reload the server after each change")}
# A tenant can make the server put the acknowledgement of a publish under a subject of another
# tenant, or of the log. Readers pass over such messages. The form \`accounts\` prevents them.
authorization: {
  default_permissions: ${nothing}
  users: [\n${engineUsers(file)}${users.join("")}  ]
}
`;
}
