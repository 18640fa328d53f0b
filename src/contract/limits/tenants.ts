/** How tenants sleep and are erased. */

import { below, type Relations } from "./relation.ts";
import { minuteMs, secondMs } from "./units.ts";

export const tenantLimits = {
  /** Messages that are overwritten at once: each is an fsync, and publishers share the disk. */
  erasePageMax: 32,
  /** Between two looks of an erase at what others still have to finish, first and longest. */
  erasePauseMinMs: secondMs,
  erasePauseMaxMs: minuteMs,
  /** One attempt of a removal; a repetition removes the rest. */
  eraseActivityMs: 60 * minuteMs,
  /** A tenant that nobody asks or writes to for so long gives up its memory. */
  tenantSleepMs: 30 * minuteMs,
  /** How often a partition looks which of its tenants are idle, at most. */
  sleepLookEveryMs: 30 * secondMs,
  /** Tenants that a partition puts to sleep at one look: each costs some requests. */
  sleepsPerLookMax: 64,
  /** How long a node goes by what it knows of a tenant's keys: one read for all tenants. */
  payloadKeysKnownMs: 2 * secondMs,
  /** The next read begins so long after the last one: it is over before anybody has to wait. */
  payloadKeysReadMs: 1 * secondMs,
  /** Keys of a tenant; each seals until the next one, and opens for good. */
  payloadKeysMax: 64,
  /** A wrapped key has 80. */
  wrappedKeyCharsMax: 128,
  /** Tenants that a finding of `freshet doctor` names. */
  doctorNamesMax: 10,
  /** Operations of raw text that a sweep overwrites for one tenant: each is an fsync. */
  rawPerSweepMax: 2_000,
  /** How often an erase that waits for a merge, or an earlier erase, looks: ten milliseconds. */
  eraseLookEveryMs: 5 * secondMs,
  /** Erases of documents of one tenant at a time: its record names what each of them reads. */
  erasesPerTenantMax: 256,
  /** Resting tenants that a node's status names; it counts the others. */
  restingShownMax: 100,
} as const;

const { erasePauseMinMs, erasePauseMaxMs, eraseActivityMs, sleepLookEveryMs } = tenantLimits;

export const tenantRelations: Relations = {
  "what is known of keys is read again before it is too old": [
    below(tenantLimits.payloadKeysReadMs, tenantLimits.payloadKeysKnownMs),
  ],
  "an erase pauses for less than one attempt may take": [
    below(erasePauseMinMs, erasePauseMaxMs),
    below(erasePauseMaxMs, eraseActivityMs),
  ],
  "idle tenants are looked for more often than they fall asleep": [
    below(sleepLookEveryMs, tenantLimits.tenantSleepMs),
  ],
};
