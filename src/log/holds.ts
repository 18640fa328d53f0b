/**
 * What erases of documents that are under way hold: their deletes, which alone say which documents
 * they are of. Held against retention, and against each other: an erase removes all operations of
 * its tenant below its own but those.
 */

import type { TenantId, Version } from "../contract/ids.ts";
import {
  type HeldDeletes,
  hasRoomToHold,
  heldDeletesOf,
  holdsOf,
  othersOf,
  withErase,
  withHolds,
} from "../contract/tenant-privacy.ts";
import { changePrivacy } from "./privacy.ts";
import type { PrivacyStore } from "./privacy-port.ts";

export interface Held {
  readonly tenant: TenantId;
  readonly versions: HeldDeletes;
}

/**
 * What all erases of the tenant hold, with this one; undefined while its record has no room, also
 * for the rest of a list of which a node of an earlier release has left the first delete alone.
 */
export async function hold(
  store: Pick<PrivacyStore, "get" | "put">,
  { tenant, versions }: Held,
): Promise<readonly HeldDeletes[] | undefined> {
  const [first] = versions;
  const now = await changePrivacy(store, tenant, (stored) => {
    const others = withHolds(
      stored,
      holdsOf(stored).filter((held) => held !== first),
    );
    return hasRoomToHold(others, versions.length) ? withErase(stored, versions) : undefined;
  });
  const all = heldDeletesOf(now);
  const own = all.find((held) => held[0] === first);
  return own?.length === versions.length ? all : undefined;
}

export async function letGo(
  store: Pick<PrivacyStore, "get" | "put">,
  { tenant, versions }: Held,
): Promise<void> {
  const [first] = versions;
  await changePrivacy(store, tenant, (now) => {
    const left = holdsOf(now).filter((held) => held !== first);
    return left.length === holdsOf(now).length ? undefined : withHolds(now, left);
  });
}

/** Deletes that others hold. */
export async function heldByOthers(
  store: Pick<PrivacyStore, "get">,
  { tenant, versions }: Held,
): Promise<ReadonlySet<Version>> {
  const held = heldDeletesOf((await store.get(tenant)).privacy);
  return new Set(othersOf(held, versions).flat());
}
