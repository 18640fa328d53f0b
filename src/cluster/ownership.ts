/**
 * Which node a partition belongs to, and what a node does about it. Pure: snapshots of the lease
 * store in, moves out. Only liveness depends on it: two nodes that decide differently meet at the
 * lease, and after it at the fence.
 *
 *   O1  the same names give the same answer on every node, and a name that joins or leaves moves
 *       only partitions that become or were its own (rendezvous hashing);
 *   O2  a node that joins is given partitions once it was seen steadily; until then it takes only
 *       free ones;
 *   O3  a partition that its node does not take passes to another, so that none stays without an
 *       owner.
 */

import { digestOf } from "../contract/digest.ts";
import type { Partition } from "../contract/ids.ts";

/**
 * The node that a partition belongs to: the one with the highest score. Undefined when there are
 * none.
 */
export function preferredNode(partition: Partition, nodes: Iterable<string>): string | undefined {
  let best: { readonly node: string; readonly score: number } | undefined;
  for (const node of nodes) {
    const score = scoreOf(partition, node);
    const isBetter = best === undefined || score > best.score;
    if (isBetter || (score === best?.score && node < best.node)) best = { node, score };
  }
  return best?.node;
}

/**
 * Any would do; with this one the names that `ops/start` gives share the eight partitions of a new
 * log evenly.
 */
const salt = 439;
const encoder = new TextEncoder();

/**
 * 48 bits of SHA-256: names and partitions that differ in one character must score independently.
 */
function scoreOf(partition: Partition, node: string): number {
  const digest = digestOf(encoder.encode(`${salt}/${partition}/${node}`));
  return Number.parseInt(digest.slice(0, 12), 16);
}

/** The nodes that count, from one look at the store to the next (O2). */
export class Members {
  readonly #me: string;
  readonly #settleMs: number;
  /** Since when each other node was present at every look, monotonic milliseconds. */
  #since: ReadonlyMap<string, number> | undefined;

  constructor(options: { readonly me: string; readonly settleMs: number }) {
    this.#me = options.me;
    this.#settleMs = options.settleMs;
  }

  /**
   * Names that count now, this node's own among them. A node that the store has forgotten is gone:
   * it missed all its renewals of a lease time. Those of the very first look were there before this
   * node and count at once.
   */
  see(nodes: readonly string[], atMs: number): readonly string[] {
    const before = this.#since;
    const since = new Map(
      nodes.map((node) => [node, before?.get(node) ?? (before ? atMs : atMs - this.#settleMs)]),
    );
    since.delete(this.#me);
    this.#since = since;
    const settled = [...since].filter(([, sinceMs]) => atMs - sinceMs >= this.#settleMs);
    return [this.#me, ...settled.map(([node]) => node)].sort();
  }
}

/** What a node knows when it decides: its latest look. */
export interface OwnershipView {
  /** Names of the nodes that count, this one's among them. */
  readonly nodes: readonly string[];
  /** Partitions whose lease is held. */
  readonly held: ReadonlySet<Partition>;
  /** Monotonic milliseconds of the look. */
  readonly atMs: number;
}

export type Move =
  /** Ask for the lease now. */
  | { readonly kind: "take" }
  | { readonly kind: "keep" }
  /** End the tenure and give the lease back: the partition is another node's. */
  | { readonly kind: "hand-over"; readonly to: string }
  /** This node's own, but another one still holds it: wait for the hand-over. */
  | { readonly kind: "await" }
  | { readonly kind: "leave" };

/** The decisions of one node about one partition. */
export class PartitionClaim {
  readonly #partition: Partition;
  readonly #me: string;
  readonly #takeAnywayMs: number;
  /** Nodes that did not take this partition; each until it leaves. */
  readonly #passedOver = new Set<string>();
  /** The last answer: every look asks again, nearly always with the same names. */
  #drawn: { readonly of: string; readonly node: string } | undefined;
  #freeSinceMs: number | undefined;
  #awaitedSinceMs: number | undefined;

  constructor(options: {
    readonly partition: Partition;
    readonly me: string;
    /** How long a partition may stay free, or be awaited, milliseconds. */
    readonly takeAnywayMs: number;
  }) {
    this.#partition = options.partition;
    this.#me = options.me;
    this.#takeAnywayMs = options.takeAnywayMs;
  }

  /** @param isMine whether this node serves it now */
  next(view: OwnershipView, isMine: boolean): Move {
    for (const node of this.#passedOver) {
      if (!view.nodes.includes(node)) this.#passedOver.delete(node);
    }
    if (isMine) return this.#asOwner(view);
    if (view.held.has(this.#partition)) return this.#whileHeld(view);
    this.#awaitedSinceMs = undefined;
    return this.#whileFree(view);
  }

  #asOwner(view: OwnershipView): Move {
    this.#freeSinceMs = undefined;
    this.#awaitedSinceMs = undefined;
    const preferred = this.#preferred(view);
    return preferred === this.#me ? { kind: "keep" } : { kind: "hand-over", to: preferred };
  }

  #whileHeld(view: OwnershipView): Move {
    this.#freeSinceMs = undefined;
    if (this.#preferred(view) !== this.#me) {
      this.#awaitedSinceMs = undefined;
      return { kind: "leave" };
    }
    this.#awaitedSinceMs ??= view.atMs;
    const awaitedMs = view.atMs - this.#awaitedSinceMs;
    return { kind: awaitedMs < this.#takeAnywayMs ? "await" : "leave" };
  }

  #whileFree(view: OwnershipView): Move {
    this.#freeSinceMs ??= view.atMs;
    const preferred = this.#preferred(view);
    if (preferred === this.#me) return { kind: "take" };
    if (view.atMs - this.#freeSinceMs < this.#takeAnywayMs) return { kind: "leave" };
    this.#passedOver.add(preferred); // O3
    this.#freeSinceMs = view.atMs;
    return this.#preferred(view) === this.#me ? { kind: "take" } : { kind: "leave" };
  }

  /** This node is never passed over: it is certainly there. */
  #preferred({ nodes }: OwnershipView): string {
    const candidates = nodes.filter((node) => !this.#passedOver.has(node));
    const of = candidates.join();
    if (this.#drawn?.of !== of) {
      this.#drawn = { of, node: preferredNode(this.#partition, candidates) ?? this.#me };
    }
    return this.#drawn.node;
  }
}
