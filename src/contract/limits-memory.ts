/** What a node's tenants may hold in memory, bytes mostly: part of `limits` (limits.ts), which is where they are read. */

const MiB = 1024 * 1024;
const minuteMs = 60 * 1000;

export const memoryLimits = {
  // --- between the log and a record ----------------------------------------------------------
  /** What an operation costs in a queue besides its payload. */
  operationOverheadBytes: 512,
  /**
   * Payloads in the mailboxes of a node's tenants, and in pages of their own reads of DOCS; and one tenant's part of
   * each. A page is counted whole before it is asked for, so a tenant has room for two, and beside ten tenants that hold
   * all they may an eleventh still has room for one.
   */
  intakeBytesMax: 64 * MiB,
  intakePagesBytesMax: 192 * MiB,
  intakeBytesPerTenantMax: 16 * MiB,
  /**
   * What those payloads become until they are appended and applied: prepared text, tokens, vectors, the record. Counted
   * before, at its worst (`recordBytesPerTextByteMax` and the text itself): 40 of the largest documents of a node, and
   * eight of one tenant, or 64 of 32 KiB.
   */
  inHandBytesMax: 160 * MiB,
  inHandBytesPerTenantMax: 32 * MiB,
  /** The same in bytes of their records: at least one of the largest. A shard takes in what comes at once. */
  shardMailboxBytesMax: 8 * MiB,
  /**
   * An engine's memory beyond its hot shards, whatever its tenants send: 704 MiB for code, model, arenas of both lanes
   * and V8 (622 were measured), and the sum of all pools of bytes. Asserted in test/contract/limits.test.ts and held
   * under a flood by test/failures/flood.servers.test.ts.
   */
  engineBytesMax: 1_792 * MiB,

  // --- hot shard -----------------------------------------------------------------------------
  /** Below this many chunks an exact scan beats walking a graph. */
  hotFlatMax: 4_096,
  /** Memory of all hot shards of a node; at the bound publishers are refused until merges make room. */
  hotBytesPerNodeMax: 2_048 * MiB,
  hotBytesPerTenantMax: 512 * MiB,
  /** Part of a node's hot memory that only tenants below their share of it may use: a quarter, a few large tenants. */
  hotReserveBytes: 512 * MiB,
  /** Largest tenants of a full node that are merged for room: as many as one merge worker merges at once. */
  pressureTenantsMax: 4,
  /** A tenant that was asked to merge and has not after this makes place for others; a full merge takes a minute. */
  pressurePatienceMs: 2 * minuteMs,
  /** One that was skipped is asked again after this: its merges may go again. */
  pressureForgetMs: 15 * minuteMs,
  /** Vectors and graphs of a node: twice `hotBytesPerNodeMax`, as a build copies its rows, and all that 32 bits address. */
  hotArenaBytesMax: 4_096 * MiB,
  /** Fields that a shard keeps an index of, for filters: as many as one filter may name. */
  hotFilterFieldsMax: 16,
} as const;
