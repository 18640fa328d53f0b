/**
 * The key store: a file of API keys that `freshet key` writes and engines read.
 *
 * Owns: what its keys open. Never: writes it.
 *
 *   KS1  what was added or revoked counts after at most `keyStoreCheckMs`, without a restart; what
 *        has expired counts no more at once;
 *   KS2  a file that cannot be read or makes no sense changes nothing; the log says so once.
 */

import { readFileSync } from "node:fs";
import {
  type ApiKey,
  apiKeyIdOf,
  hasKeyExpired,
  type Identity,
  isKeyOf,
  keyStoreSchema,
} from "../contract/api-key.ts";
import { FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { parseJsonFile } from "../contract/json-file.ts";
import { limits } from "../contract/limits.ts";
import type { Logger } from "../contract/observation.ts";
import type { Clock } from "../runtime/clock.ts";
import { RereadFile } from "../runtime/reread-file.ts";

export interface KeyStoreOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the file says, by what it is asked for. */
interface Content {
  readonly keys: ReadonlyMap<string, ApiKey>;
  readonly tenants: ReadonlySet<TenantId>;
}

export class KeyStore {
  readonly #clock: Clock;
  readonly #file: RereadFile<Content>;

  /** KS1, KS2. */
  private constructor({ path, clock, logger }: KeyStoreOptions) {
    this.#clock = clock;
    this.#file = new RereadFile({
      ...{ path, clock, read, everyMs: limits.keyStoreCheckMs },
      onNews: ({ keys }) => logger.info({ keys: keys.size }, "the key store was read again"),
      onFault: (thrown) =>
        logger.error({ reason: reasonOf(thrown) }, "the key store cannot be read"),
    });
  }

  /** @throws Error with one line that names the file and what is wrong with it */
  static open(options: KeyStoreOptions): KeyStore {
    try {
      return new KeyStore(options);
    } catch (thrown) {
      throw new Error(`FRESHET_KEY_STORE: ${reasonOf(thrown)}`, { cause: thrown });
    }
  }

  /**
   * Undefined: no such key. Who holds all of one that has expired is told so, as with a token.
   * @throws FreshetError unauthorized
   */
  identityOf(key: string): Identity | undefined {
    const id = apiKeyIdOf(key);
    if (id === undefined) return undefined;
    const found = this.#file.current().keys.get(id);
    if (found === undefined || !isKeyOf(key, found)) return undefined;
    if (hasKeyExpired(found, this.#clock.nowMs())) {
      throw new FreshetError("unauthorized", `the API key ${id} has expired`);
    }
    const { tenant, roles, groups } = found;
    const own = groups === undefined ? {} : { groups };
    return { tenant, roles: new Set(roles), ...own, credential: id };
  }

  /** Whether a key names the tenant, expired or not: what is stored is served. */
  has(tenant: TenantId): boolean {
    return this.#file.current().tenants.has(tenant);
  }
}

function read(path: string): Content {
  const bytes = readFileSync(path);
  if (bytes.length > limits.keyStoreBytesMax) throw new Error("the file is too large");
  const parsed = keyStoreSchema.safeParse(parseJsonFile(bytes));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "no key store"}`);
  }
  const { keys } = parsed.data;
  return {
    keys: new Map(keys.map((key) => [key.id, key])),
    tenants: new Set(keys.map(({ tenant }) => tenant)),
  };
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
