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
  /** How often an erase that waits for a merge looks: ten milliseconds. */
  eraseLookEveryMs: 5 * secondMs,
  /** After this an erase asks for its merge itself, and does not leave it to an earlier one. */
  eraseMergePatienceMs: 2 * minuteMs,
  /** Erases of documents of one tenant at a time: its record names what each of them reads. */
  erasesPerTenantMax: 256,
  /** Documents of one erase: its input, its receipt and each step name them all, 70 kB. */
  eraseDocumentsMax: 1_000,
  /** Such a list over HTTP: 1,000 ids of 512 bytes, where JSON writes each in up to six. */
  eraseRequestBytesMax: 4 * 1024 * 1024,
  /** Documents of all erases of a tenant at a time: 12 bytes each in its record, 120 kB. */
  erasedPerTenantMax: 10_000,
  /** Ids of one list of the command line, in parts: 50 MB when each is as long as it may be. */
  eraseListMax: 100_000,
  /** Parts of a list under way at once: each waits for a merge, most of the time. */
  erasesOfListMax: 8,
  /** Deletes of one erase that are published at once. */
  erasePublishesMax: 16,
  /** How often deletes are published that another erase took before they were held. */
  eraseAttemptsMax: 3,
  /** Documents of one erase that are looked up in cold at once: questions share its cores. */
  eraseLookUpsMax: 4,
  /** Deletes that an erase reads at once; documents of others, up to 200 kB, lie between them. */
  eraseReadPage: 64,
  /** Resting tenants that a node's status names; it counts the others. */
  restingShownMax: 100,
} as const;

const { erasePauseMinMs, erasePauseMaxMs, eraseActivityMs, sleepLookEveryMs } = tenantLimits;

export const tenantRelations: Relations = {
  "what is known of keys is read again before it is too old": [
    below(tenantLimits.payloadKeysReadMs, tenantLimits.payloadKeysKnownMs),
  ],
  "a tenant has room for several of the largest erases": [
    below(tenantLimits.eraseDocumentsMax, tenantLimits.erasedPerTenantMax),
    below(tenantLimits.erasesPerTenantMax, tenantLimits.erasedPerTenantMax),
    // A list leaves room for others.
    below(
      tenantLimits.erasesOfListMax * tenantLimits.eraseDocumentsMax,
      tenantLimits.erasedPerTenantMax,
    ),
  ],
  "an erase pauses for less than one attempt may take": [
    below(erasePauseMinMs, erasePauseMaxMs),
    below(erasePauseMaxMs, eraseActivityMs),
  ],
  "idle tenants are looked for more often than they fall asleep": [
    below(sleepLookEveryMs, tenantLimits.tenantSleepMs),
  ],
};
