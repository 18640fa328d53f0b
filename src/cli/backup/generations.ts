/**
 * Whether generations began or were given up while a backup read: their records are copied first,
 * what is stored under their names last. A backup whose record names one that was removed meanwhile
 * would have nothing of it, and one whose record does not name one that began would give its number
 * away again (GN2), over what is stored of it.
 */

import type { CopiedMessage } from "../../contract/backup.ts";
import { firstGeneration, type TenantGenerations } from "../../contract/generation.ts";
import type { TenantId } from "../../contract/ids.ts";
import { isErased } from "../../contract/tenant-life.ts";
import type { Log } from "../../log/port.ts";
import { decodeGenerations } from "../../log/wire/generation.ts";
import { generationsPrefix } from "../../log/wire/subjects.ts";

export class CopiedGenerations {
  readonly #records = new Map<TenantId, TenantGenerations>();

  /** A message of the stream of manifests. */
  message({ subject, body }: CopiedMessage): void {
    if (!subject.startsWith(generationsPrefix)) return;
    const record = decodeGenerations(body);
    const tenant = subject.slice(generationsPrefix.length) as TenantId;
    if (record !== undefined) this.#records.set(tenant, record);
  }

  /** The fault, or undefined. Called after everything was read. */
  async changedSince({
    generations: store,
    lives,
  }: Pick<Log, "generations" | "lives">): Promise<string | undefined> {
    for await (const { tenant, generations } of store.all()) {
      const copied = this.#records.get(tenant) ?? firstGeneration;
      if (isOfSame(copied, generations)) continue;
      // Of an erased tenant nothing is kept.
      if (isErased((await lives.get(tenant)).life)) continue;
      return `generations of ${tenant} began or were given up while they were read`;
    }
    return undefined;
  }
}

const numbersOf = (record: TenantGenerations): readonly number[] => [
  record.active.number,
  ...(record.state === "single" ? [] : [record.other.number]),
];

/** Which of two answers may have changed: both are there. */
function isOfSame(copied: TenantGenerations, now: TenantGenerations): boolean {
  const there = numbersOf(now);
  return copied.next === now.next && numbersOf(copied).every((number) => there.includes(number));
}
