/**
 * The folder that holds the accounts of NATS: seeds, signed tokens, credentials, and what a server
 * includes.
 *
 * Owns the folder. Only its owner may look into it. One command changes it at a time.
 *
 *   AF1  a seed lies in the folder before `accounts.json` names its key, which is replaced in one
 *        step: a command that is killed leaves what there was, or all that it made;
 *   AF2  tokens and configurations follow from `accounts.json` and the seeds; the next command
 *        writes those anew that one which was cut short had not written.
 */

import {
  chmodSync,
  closeSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { TenantId } from "../contract/ids.ts";
import { isHeld, takeLock } from "../runtime/lock-file.ts";
import { makeFolder } from "../runtime/make-folder.ts";
import { AccountsError, type AccountsFile, accountsFileSchema } from "./accounts-file.ts";

/** Where what a person needs lies. */
export interface StorePaths {
  readonly store: string;
  readonly engineCreds: string;
  readonly repliesCreds: string;
  readonly pushCreds: string;
  readonly conf: (form: string) => string;
  readonly tenantCreds: (tenant: TenantId) => string;
  /** The same user's seed alone, for servers without an operator. */
  readonly tenantSeed: (tenant: TenantId) => string;
}

export function storePaths(store: string): StorePaths {
  return {
    store,
    engineCreds: join(store, "creds", "engine.creds"),
    repliesCreds: join(store, "creds", "replies.creds"),
    pushCreds: join(store, "creds", "push.creds"),
    conf: (form) => join(store, "nats", `${form}.conf`),
    tenantCreds: (tenant) => join(store, "tenants", `${tenant}.creds`),
    tenantSeed: (tenant) => join(store, "tenants", `${tenant}.nk`),
  };
}

const folders = ["keys", "creds", "tenants", "jwt", "nats"];
const ownerFolder = 0o700;
const ownerFile = 0o600;

export class AccountsFolder {
  readonly paths: StorePaths;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.paths = storePaths(folder);
  }

  /** Undefined: nothing was made here yet. @throws AccountsError the file is no such store */
  read(): AccountsFile | undefined {
    const path = join(this.#folder, "accounts.json");
    if (!existsSync(path)) return undefined;
    const parsed = accountsFileSchema.safeParse(jsonOf(path));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new AccountsError(
      `${path} holds no accounts: ${issue?.path.join(".")}: ${issue?.message}`,
    );
  }

  /** @throws AccountsError what it would hold is no such store */
  write(file: AccountsFile): void {
    const parsed = accountsFileSchema.safeParse(file);
    if (!parsed.success) {
      throw new AccountsError(`not written: ${parsed.error.issues[0]?.message}`);
    }
    this.put(join(this.#folder, "accounts.json"), `${JSON.stringify(file, null, 2)}\n`);
  }

  /** Alone with the folder until `work` is done. @throws AccountsError another command is at it */
  async changing<Result>(work: () => Promise<Result>): Promise<Result> {
    const lock = join(this.#folder, "lock");
    const held = await this.#prepare(lock);
    try {
      return await work();
    } finally {
      closeSync(held);
      rmSync(lock, { force: true });
    }
  }

  async #prepare(lock: string): Promise<number> {
    try {
      makeFolder(this.#folder, ownerFolder);
      // A folder that existed before has the rights of any folder.
      chmodSync(this.#folder, ownerFolder);
      for (const name of folders) {
        makeFolder(join(this.#folder, name), ownerFolder);
      }
      return await takeLock(lock);
    } catch (cause) {
      const message = isHeld(cause)
        ? `another command changes ${this.#folder}; if none runs, remove ${lock}`
        : `${this.#folder} cannot be written: ${(cause as Error).message}`;
      throw new AccountsError(message, { cause });
    }
  }

  saveSeed(key: string, seed: string): void {
    this.put(join(this.#folder, "keys", `${key}.nk`), seed);
  }

  /** @throws AccountsError it is not here */
  readonly seedOf = (key: string): string => {
    const path = join(this.#folder, "keys", `${key}.nk`);
    try {
      return readFileSync(path, "utf8").trim();
    } catch (cause) {
      throw new AccountsError(`${path} is missing: restore it from a copy of the store`, { cause });
    }
  };

  saveJwt(key: string, jwt: string): void {
    this.put(join(this.#folder, "jwt", `${key}.jwt`), jwt);
  }

  /** Before what it says changes (AF2). */
  forgetJwt(key: string): void {
    this.remove(join(this.#folder, "jwt", `${key}.jwt`));
  }

  savedJwt(key: string): string | undefined {
    const path = join(this.#folder, "jwt", `${key}.jwt`);
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  }

  /** A reader never sees half a file. */
  put(path: string, text: string): void {
    const beside = `${path}.new`;
    writeFileSync(beside, text, { mode: ownerFile });
    renameSync(beside, path);
  }

  remove(path: string): void {
    rmSync(path, { force: true });
  }
}

function jsonOf(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new AccountsError(`${path} cannot be read as JSON`, { cause });
  }
}
