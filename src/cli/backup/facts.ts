/**
 * What the messages of CHUNKS and DOCS say of each tenant, folded while they go by: the memory is a
 * few numbers a tenant. A backup is made and checked with the same fold.
 */

import type { BackupTenant, CopiedMessage } from "../../contract/backup.ts";
import { isStoredName, isTenantId, type TenantId, tenantOf } from "../../contract/ids.ts";
import { headersIn } from "../../log/wire/archive.ts";
import { isRecord, previousIn, type ReadHeader, writerOf } from "../../log/wire/record.ts";
import { tenantIn } from "../../log/wire/subjects.ts";

export interface TenantFacts {
  /** Of its newest record. */
  position: number;
  cursor: number;
  /** The chain is unbroken from here to its newest record. */
  linkedFrom: number;
  /** Of its newest operation in DOCS. */
  docs: number;
  /** Of its oldest operation in DOCS that no record answers. */
  firstOpen: number;
}

export class LogFacts {
  readonly #tenants = new Map<TenantId, TenantFacts>();
  /** The generations of each tenant. */
  readonly #names = new Map<TenantId, readonly TenantId[]>();

  of(tenant: TenantId): TenantFacts {
    const none = { position: 0, cursor: 0, linkedFrom: 0, docs: 0, firstOpen: 0 };
    const known = this.#tenants.get(tenant);
    if (known !== undefined) return known;
    this.#tenants.set(tenant, none);
    const own = this.#names.get(tenantOf(tenant)) ?? [];
    this.#names.set(tenantOf(tenant), [...own, tenant]);
    return none;
  }

  tenants(): readonly TenantId[] {
    return [...this.#tenants.keys()].sort();
  }

  /** A message of CHUNKS; what no owner wrote is passed over. */
  chunk({ subject, seq, headers }: CopiedMessage): void {
    const tenant = tenantIn(subject);
    const read = headersIn(headers);
    if (!isStoredName(tenant) || !isRecord(read)) return;
    const facts = this.of(tenant);
    const link = linkOf(read);
    if (link?.previous !== facts.position || facts.position === 0) {
      facts.linkedFrom = link?.previous ?? seq;
    }
    facts.position = seq;
    facts.cursor = link?.version ?? facts.cursor;
  }

  /** A message of DOCS, after all of CHUNKS. */
  operation({ subject, seq }: CopiedMessage): void {
    const tenant = tenantIn(subject);
    if (!isTenantId(tenant)) return;
    this.of(tenant);
    // Each generation reads the same operations.
    for (const name of this.#names.get(tenant) ?? []) {
      const facts = this.of(name);
      facts.docs = seq;
      if (facts.firstOpen === 0 && seq > facts.cursor) facts.firstOpen = seq;
    }
  }
}

/** Undefined: the record is damaged, and its tenant waits for an operator. */
function linkOf(read: ReadHeader) {
  try {
    return { previous: previousIn(read), version: writerOf(read).version };
  } catch {
    return undefined;
  }
}

/** Where a restored log ends for a tenant. */
export const endOf = ({ docs, cursor }: TenantFacts): number => Math.max(docs, cursor);

/** Records beyond the end of DOCS: such a copy is of no moment that ever was. */
export const answersAfter = ({ cursor }: TenantFacts, end: number): boolean => cursor > end;

/**
 * What keeps a tenant from being restored; undefined: nothing. `confirmed` is where an engine
 * begins to read, 0 before the first merge.
 */
export function faultOf(
  facts: TenantFacts,
  tenant: Pick<BackupTenant, "isErased" | "merged"> & { readonly confirmed: number },
): string | undefined {
  const { merged, confirmed } = tenant;
  if ((merged?.to ?? 0) > facts.position) return "its records end before what is merged";
  // Of an erased tenant the tombstone is left.
  if (tenant.isErased === true || facts.linkedFrom <= confirmed) return undefined;
  return `its records after position ${confirmed} are not all there`;
}
