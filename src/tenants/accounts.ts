/**
 * Tenants on NATS: their accounts, users and credentials, made, renewed and ended.
 *
 * Works on one folder (accounts-store.ts). Never talks to a server: it returns the accounts that
 * changed, and nats-claims.ts or a reload brings them to the server.
 */

import type { TenantId } from "../contract/ids.ts";
import {
  AccountsError,
  type AccountsFile,
  type AccountUser,
  livingAccount,
  livingUsers,
  type TenantAccount,
  withEngine,
  withoutTenant,
  withoutUser,
  withTenant,
  withUser,
} from "./accounts-file.ts";
import {
  credentials,
  engineCredentials,
  engineJwt,
  type MadeKey,
  makeKey,
  operatorJwt,
  systemJwt,
  tenantCredentials,
  tenantJwt,
} from "./accounts-jwt.ts";
import { AccountsFolder, type StorePaths } from "./accounts-store.ts";
import { type ConfForm, confForms, confOf, type Signed } from "./server-conf.ts";

export interface AccountsOptions {
  readonly folder: string;
  readonly nowMs: () => number;
}

/** What a command did. */
export interface Change {
  /** Accounts that a server must hear of. */
  readonly pushed: readonly PushedAccount[];
  readonly users: readonly AccountUser[];
}

export interface PushedAccount {
  readonly account: string;
  readonly jwt: string;
}

export interface UserOptions {
  /** How long the credentials live; undefined: until they are ended. */
  readonly livesMs?: number | undefined;
  /** Those there were stay good beside the new ones. */
  readonly keepsOld?: boolean | undefined;
}

export class TenantAccounts {
  readonly paths: StorePaths;
  readonly #folder: AccountsFolder;
  readonly #nowMs: () => number;

  constructor({ folder, nowMs }: AccountsOptions) {
    this.#folder = new AccountsFolder(folder);
    this.paths = this.#folder.paths;
    this.#nowMs = nowMs;
  }

  /** @throws AccountsError nothing was made yet */
  list(): AccountsFile {
    const file = this.#folder.read();
    if (file !== undefined) return file;
    throw new AccountsError(`${this.paths.store} holds no tenants yet: freshet tenant create`);
  }

  /** With the first tenant also operator and engine. @throws AccountsError there is one */
  create(tenant: TenantId, options: UserOptions = {}): Promise<Change> {
    return this.#changing(async (file) => {
      const account = this.#keep(makeKey.account());
      const signer = this.#keep(makeKey.account());
      const user = this.#user(options);
      const next = withTenant(file, { tenant, account, signer, user });
      return await this.#settle(next, { tenant, made: user });
    });
  }

  /** @throws AccountsError there is no such tenant */
  rotate(tenant: TenantId, options: UserOptions = {}): Promise<Change> {
    return this.#changing(async (file) => {
      livingAccount(file, tenant);
      const user = this.#user(options);
      const next = withUser(file, tenant, { user, keepsOld: options.keepsOld ?? false });
      return await this.#settle(next, { tenant, made: user });
    });
  }

  /** One user of it, or the tenant. @throws AccountsError there is no such tenant or user */
  revoke(tenant: TenantId, key?: string): Promise<Change> {
    return this.#changing(async (file) => {
      const at = this.#stamp();
      if (key !== undefined) {
        return await this.#settle(withoutUser(file, tenant, { key, at }), { tenant });
      }
      const next = withoutTenant(file, tenant, at);
      this.#folder.remove(this.paths.tenantCreds(tenant));
      this.#folder.remove(this.paths.tenantSeed(tenant));
      return await this.#settle(next, { tenant });
    });
  }

  /** New credentials for the engine; those of before end. */
  renewEngine(sourceStreams: readonly string[]): Promise<Change> {
    return this.#changing(async (file) => {
      const user = this.#keep(makeKey.user());
      const replies = this.#keep(makeKey.user());
      const next = withEngine(file, { user, replies, sourceStreams, at: this.#stamp() });
      this.#folder.forgetJwt(next.engine.account);
      this.#folder.write(next);
      await this.#saveEngine(next);
      const jwt = await this.#signed(next.engine.account, engineJwt(next, this.#folder.seedOf));
      await this.#saveConfs(next);
      return { pushed: [{ account: next.engine.account, jwt }], users: [] };
    });
  }

  /** All accounts as a server must know them, also those that have ended. */
  async all(): Promise<readonly PushedAccount[]> {
    const file = this.list();
    const signed = await this.#folder.changing(() => this.#signAll(file));
    return [...signed.accounts].map(([account, jwt]) => ({ account, jwt }));
  }

  /** What a server of one's own includes. */
  async conf(form: ConfForm): Promise<string> {
    const file = this.list();
    return confOf(form, file, await this.#folder.changing(() => this.#signAll(file)));
  }

  #changing(work: (file: AccountsFile) => Promise<Change>): Promise<Change> {
    return this.#folder.changing(
      async () => await work(this.#folder.read() ?? (await this.#begin())),
    );
  }

  async #begin(): Promise<AccountsFile> {
    const file: AccountsFile = {
      format: 1,
      operator: this.#keep(makeKey.operator()),
      system: {
        ...{ account: this.#keep(makeKey.account()), signer: this.#keep(makeKey.account()) },
        user: this.#keep(makeKey.user()),
      },
      engine: {
        account: this.#keep(makeKey.account()),
        signer: this.#keep(makeKey.account()),
        reply_signer: this.#keep(makeKey.account()),
        ...{ user: this.#keep(makeKey.user()), replies: this.#keep(makeKey.user()) },
        ...{ source_streams: [], ended: [] },
      },
      tenants: [],
    };
    this.#folder.write(file);
    await this.#saveEngine(file);
    return file;
  }

  #keep({ key, seed }: MadeKey): string {
    this.#folder.saveSeed(key, seed);
    return key;
  }

  #stamp(inMs = 0): string {
    return new Date(this.#nowMs() + inMs).toISOString();
  }

  #user({ livesMs }: UserOptions): AccountUser {
    const until = livesMs === undefined ? {} : { expires_at: this.#stamp(livesMs) };
    return { key: this.#keep(makeKey.user()), created_at: this.#stamp(), ...until };
  }

  /** Writes what a changed tenant means. `made`: the user whose credentials are new. */
  async #settle(
    file: AccountsFile,
    { tenant, made }: { readonly tenant: TenantId; readonly made?: AccountUser },
  ): Promise<Change> {
    const account = file.tenants.findLast((one) => one.tenant === tenant);
    if (account === undefined) throw new AccountsError(`no tenant ${tenant}`);
    this.#folder.forgetJwt(account.account);
    this.#folder.write(file);
    if (made !== undefined) await this.#saveTenant(account, made);
    const jwt = await this.#signed(account.account, tenantJwt(file, account, this.#folder.seedOf));
    await this.#saveConfs(file);
    return { pushed: [{ account: account.account, jwt }], users: livingUsers(account) };
  }

  async #saveTenant(account: TenantAccount, user: AccountUser): Promise<void> {
    const { seedOf } = this.#folder;
    const text = await credentials(tenantCredentials(account, user), seedOf);
    this.#folder.put(this.paths.tenantCreds(account.tenant), text);
    this.#folder.put(this.paths.tenantSeed(account.tenant), `${seedOf(user.key)}\n`);
  }

  async #saveEngine(file: AccountsFile): Promise<void> {
    const { seedOf } = this.#folder;
    for (const of of engineCredentials(file)) {
      const path = `${this.paths.store}/creds/${of.name}`;
      this.#folder.put(`${path}.creds`, await credentials(of, seedOf));
      this.#folder.put(`${path}.nk`, `${seedOf(of.user.key)}\n`);
    }
  }

  async #signed(account: string, signing: Promise<string>): Promise<string> {
    const jwt = await signing;
    this.#folder.saveJwt(account, jwt);
    return jwt;
  }

  async #saveConfs(file: AccountsFile): Promise<void> {
    const signed = await this.#signAll(file);
    for (const form of confForms) {
      this.#folder.put(this.paths.conf(form), confOf(form, file, signed));
    }
  }

  /** Signed before stays as it is: the server takes what was signed later for newer. */
  async #signAll(file: AccountsFile): Promise<Signed> {
    const { seedOf } = this.#folder;
    const { system, engine, tenants } = file;
    const accounts = new Map<string, string>();
    const add = async (account: string, sign: () => Promise<string>): Promise<void> => {
      const known = this.#folder.savedJwt(account);
      accounts.set(account, known ?? (await this.#signed(account, sign())));
    };
    await add(system.account, () => systemJwt(file, seedOf));
    await add(engine.account, () => engineJwt(file, seedOf));
    for (const one of tenants) await add(one.account, () => tenantJwt(file, one, seedOf));
    const operator =
      this.#folder.savedJwt(file.operator) ??
      (await this.#signed(file.operator, operatorJwt(file, seedOf)));
    return { operator, accounts };
  }
}
