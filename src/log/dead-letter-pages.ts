/**
 * Dead letters as they are looked through: pages of those of a tenant, and one with what it is
 * about.
 */

import type { ErrorCode } from "../contract/errors.ts";
import type { TenantId, Version } from "../contract/ids.ts";
import type { DeadLetter, DeadLetterLog } from "./dead-letter-port.ts";
import type { DocsLog } from "./port.ts";

export interface Page {
  readonly letters: readonly DeadLetter[];
  /** What `after` has to be for the next page; undefined when this is the last one. */
  readonly next: Version | undefined;
}

export interface PageRequest {
  /** A tenant, or a token that is none. */
  readonly tenant: string;
  readonly reason?: ErrorCode | undefined;
  readonly max: number;
  readonly after: Version;
}

/** Letters in the order of their operations; of one reason, when it is given. */
export async function pageOf(
  deadLetters: Pick<DeadLetterLog, "list">,
  { tenant, reason, max, after }: PageRequest,
): Promise<Page> {
  const letters: DeadLetter[] = [];
  for (let from = after; ; ) {
    const some = await deadLetters.list(tenant, max + 1, from);
    letters.push(...some.filter((letter) => reason === undefined || letter.reason === reason));
    if (letters.length > max) {
      const page = letters.slice(0, max);
      return { letters: page, next: page.at(-1)?.version };
    }
    const last = some.at(-1);
    if (last === undefined || some.length <= max) return { letters, next: undefined };
    from = last.version;
  }
}

/** What the publisher sent; undefined when DOCS does not hold it any more. */
export async function payloadOf(
  docs: Pick<DocsLog, "readTenant" | "open">,
  tenant: TenantId,
  version: Version,
): Promise<Uint8Array | undefined> {
  const after = (version - 1) as Version;
  const [operation] = await docs.readTenant({ tenant, after, max: 1 });
  return operation?.version === version ? docs.open(operation) : undefined;
}
