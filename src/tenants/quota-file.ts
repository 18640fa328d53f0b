/**
 * The file of `FRESHET_QUOTAS_FILE`, read again when it changes.
 *
 * Owns: what its entries and defaults mean together. Never: writes it.
 *
 *   QF1  a change holds after at most `quotasCheckMs`, without a restart;
 *   QF2  a file that cannot be read or makes no sense changes nothing: the quotas of before hold,
 *        and the log says once what is wrong and what to do.
 */

import { readFileSync } from "node:fs";
import type { TenantId } from "../contract/ids.ts";
import { parseJsonFile } from "../contract/json-file.ts";
import { limits } from "../contract/limits.ts";
import type { Logger } from "../contract/observation.ts";
import {
  type AnswerDefaults,
  type Quota,
  type QuotaEntry,
  quotasFileSchema,
} from "../contract/quota.ts";
import type { Clock } from "../runtime/clock.ts";
import { RereadFile } from "../runtime/reread-file.ts";

/** What may be used, as it is now. */
export interface QuotaSource {
  ofTenant(tenant: TenantId): Quota;
  ofCredential(credential: string): Quota;
  /** How a tenant's answers are to be written. */
  answersOf(tenant: TenantId): AnswerDefaults;
}

export const noQuotas: QuotaSource = {
  ofTenant: () => ({}),
  ofCredential: () => ({}),
  answersOf: () => ({}),
};

export interface QuotaFileOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Entries joined with their defaults. */
interface Content {
  readonly fallback: Quota;
  readonly tenants: ReadonlyMap<string, Quota>;
  readonly credentialFallback: Quota;
  readonly credentials: ReadonlyMap<string, Quota>;
  readonly answers: {
    readonly fallback: AnswerDefaults;
    readonly tenants: ReadonlyMap<string, AnswerDefaults>;
  };
}

export class QuotaFile implements QuotaSource {
  readonly #file: RereadFile<Content>;

  /** QF1, QF2. */
  private constructor({ path, clock, logger }: QuotaFileOptions) {
    this.#file = new RereadFile({
      ...{ path, clock, read, everyMs: limits.quotasCheckMs },
      onNews: ({ tenants }) => logger.info({ tenants: tenants.size }, "the quotas were read again"),
      onFault(thrown) {
        const says = "the quotas of before still hold: correct the file, it is read again then";
        logger.error({ file: path, reason: reasonOf(thrown) }, says);
      },
    });
  }

  /** @throws Error with one line that names the file, what is wrong with it, and what to do */
  static open(options: QuotaFileOptions): QuotaFile {
    try {
      return new QuotaFile(options);
    } catch (thrown) {
      const says = `FRESHET_QUOTAS_FILE: ${options.path}: ${reasonOf(thrown)}`;
      throw new Error(`${says}; see ops/guides/quotas.md`, { cause: thrown });
    }
  }

  ofTenant(tenant: TenantId): Quota {
    const { tenants, fallback } = this.#file.current();
    return tenants.get(tenant) ?? fallback;
  }

  ofCredential(credential: string): Quota {
    const { credentials, credentialFallback } = this.#file.current();
    return credentials.get(credential) ?? credentialFallback;
  }

  answersOf(tenant: TenantId): AnswerDefaults {
    const { tenants, fallback } = this.#file.current().answers;
    return tenants.get(tenant) ?? fallback;
  }
}

function read(path: string): Content {
  const bytes = readFileSync(path);
  if (bytes.length > limits.quotasFileBytesMax) throw new Error("the file is too large");
  const parsed = quotasFileSchema.safeParse(parseJsonFile(bytes));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.map(String).join(".") ?? "";
    const inner = issue?.code === "invalid_key" ? issue.issues[0] : issue;
    throw new Error(`${place === "" ? "the file" : place}: ${inner?.message ?? "makes no sense"}`);
  }
  const { default: common = {}, tenants, credential_default, credentials, answers } = parsed.data;
  const { default: written = {}, tenants: writtenOf = new Map() } = answers ?? {};
  const own = credential_default ?? {};
  return {
    fallback: joined(common, {}),
    tenants: joinedAll(common, tenants),
    credentialFallback: joined(own, {}),
    credentials: joinedAll(own, credentials),
    answers: {
      fallback: written,
      tenants: new Map([...writtenOf].map(([name, entry]) => [name, { ...written, ...entry }])),
    },
  };
}

function joinedAll(
  common: QuotaEntry,
  entries: ReadonlyMap<string, QuotaEntry> = new Map(),
): ReadonlyMap<string, Quota> {
  return new Map([...entries].map(([name, entry]) => [name, joined(common, entry)]));
}

/** Field by field; `null` is unlimited. */
function joined(common: QuotaEntry, entry: QuotaEntry): Quota {
  const all: readonly (readonly [string, unknown])[] = Object.entries({ ...common, ...entry });
  return Object.fromEntries(all.filter(([, value]) => typeof value === "number"));
}

function reasonOf(thrown: unknown): string {
  const code = (thrown as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "there is no such file";
  if (code !== undefined) return `the file cannot be read (${code})`;
  return thrown instanceof Error ? thrown.message : String(thrown);
}
