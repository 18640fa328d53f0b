/**
 * Is the audit trail whole? Walks the messages of its stream and names what is wrong: edits,
 * removals, insertions, changes of order. Pure: messages in, a report out.
 *
 * What it can prove, and what not: inside a chain each block names its predecessor by hash, so any
 * change shows at the next block. The newest blocks have no successor. Their removal shows in the
 * stream's own last sequence, and, where the whole stream was made anew, only against a head that
 * was noted before (`expected`). Without a key whoever can write the stream's files could compute
 * all later hashes again; against that there is the key, or a noted head.
 */

import { type AuditBlock, openBlock } from "../contract/audit-chain.ts";
import { limits } from "../contract/limits.ts";
import type { AuditHoldings, AuditMessage } from "./audit-port.ts";

export const auditProblems = [
  "edited",
  "foreign",
  "removed",
  "inserted",
  "reordered",
  "rewritten",
  "unsealed",
] as const;
export type AuditProblemKind = (typeof auditProblems)[number];

export interface AuditProblem {
  readonly kind: AuditProblemKind;
  readonly chain: string | undefined;
  readonly seq: number;
  readonly message: string;
}

/** A block of a chain, as it was noted: by `freshet audit verify --json`. */
export interface AuditHead {
  readonly chain: string;
  readonly number: number;
  readonly hash: string;
}

export interface AuditChainReport extends AuditHead {
  /** Number of the oldest block that is held; those before it left with their time. */
  readonly first: number;
  readonly blocks: number;
  readonly entries: number;
  /** Entries that had no room, as the chain itself says. */
  readonly lost: number;
  /** Starts without a stop before: up to a second before each of them is missing. */
  readonly cuts: number;
  /** Blocks without a hash under the key. */
  readonly unsealed: number;
  /** Blocks under a key that was not given. */
  readonly unproved: number;
}

export interface AuditReport {
  readonly ok: boolean;
  readonly chains: readonly AuditChainReport[];
  readonly problems: readonly AuditProblem[];
  /** Beyond those that are listed. */
  readonly moreProblems: number;
}

export interface AuditCheckOptions {
  /** Undefined: what is sealed is taken as it says. */
  readonly key: string | undefined;
  readonly expected?: readonly AuditHead[] | undefined;
  readonly nowMs: number;
}

interface Chain {
  newest: AuditBlock;
  newestSeq: number;
  first: number;
  blocks: number;
  entries: number;
  lost: number;
  cuts: number;
  unsealed: number;
  unproved: number;
  ended: boolean;
}

export class AuditCheck {
  readonly #options: AuditCheckOptions;
  readonly #chains = new Map<string, Chain>();
  readonly #problems: AuditProblem[] = [];
  readonly #unmet: Map<string, AuditHead>;
  #more = 0;
  #lastSeq: number | undefined;

  constructor(options: AuditCheckOptions) {
    this.#options = options;
    this.#unmet = new Map((options.expected ?? []).map((head) => [head.chain, head]));
  }

  /** The next message of the stream. */
  add({ chain, seq, data }: AuditMessage, holdings: AuditHoldings): void {
    this.#place(seq);
    const opened = openBlock(data, this.#options.key);
    if (opened.kind === "edited") {
      // Whoever verifies with a wrong key would else accuse somebody.
      const isSealed = this.#options.key !== undefined;
      const orKey = isSealed ? ", or it was sealed with another FRESHET_AUDIT_KEY" : "";
      return this.#tell(
        "edited",
        { chain, seq: seq },
        `its content is not what its hash says${orKey}`,
      );
    }
    if (opened.kind === "foreign" || opened.block.chain !== chain) {
      return this.#tell("foreign", { chain, seq: seq }, "this is no block of the chain");
    }
    const { block } = opened;
    const before = this.#chains.get(chain);
    if (before === undefined) this.#begin(block, seq, holdings);
    else this.#link(before, block, seq);
    this.#take(block, seq, opened.isProved);
  }

  /** After the last message. */
  end({ firstSeq, lastSeq }: AuditHoldings): AuditReport {
    // A stream whose messages have all left with their time begins after its end.
    const isEmpty = firstSeq === 0 || firstSeq > lastSeq;
    if (!isEmpty && (this.#lastSeq ?? 0) < lastSeq) {
      const missing = lastSeq - (this.#lastSeq ?? firstSeq - 1);
      const message = `the newest of the stream are gone: ${missing} sequences`;
      this.#tell("removed", { chain: undefined, seq: lastSeq }, message);
    }
    for (const { chain, number } of this.#unmet.values()) {
      const message = `block ${number}, which was noted, is not in the chain`;
      const seq = this.#chains.get(chain)?.newestSeq ?? 0;
      this.#tell("rewritten", { chain, seq }, message);
    }
    const chains = [...this.#chains].map(([chain, { newest, ...found }]) => {
      const { newestSeq: _, ended: __, ...counts } = found;
      return { chain, number: newest.number, hash: newest.hash, ...counts };
    });
    const problems = this.#problems;
    return { ok: problems.length === 0, chains, problems, moreProblems: this.#more };
  }

  /** A stream gives each message the next sequence, and loses them only at its beginning. */
  #place(seq: number): void {
    const last = this.#lastSeq;
    this.#lastSeq = Math.max(seq, last ?? 0);
    if (last === undefined || seq === last + 1) return;
    if (seq <= last)
      return this.#tell("reordered", { chain: undefined, seq: seq }, `it stands after ${last}`);
    const message = `${seq - last - 1} messages between ${last} and ${seq} are gone`;
    this.#tell("removed", { chain: undefined, seq: seq }, message);
  }

  /** The oldest block that is held: what was before it must have left with its time. */
  #begin(block: AuditBlock, seq: number, { bytes, bytesMax, firstSeq }: AuditHoldings): void {
    const { chain, number, previous } = block;
    if (previous === null) {
      if (number !== 1)
        this.#tell("rewritten", { chain, seq: seq }, `block ${number} names none before it`);
      return;
    }
    if (previous.seq >= firstSeq) {
      const message = `block ${number - 1} is gone, though the stream reaches back to it`;
      return this.#tell("removed", { chain, seq: seq }, message);
    }
    const isOld = previous.at <= this.#options.nowMs - limits.auditKeptMs + limits.auditSlackMs;
    if (isOld || bytes >= bytesMax * limits.auditFullFrom) return;
    const at = new Date(previous.at).toISOString();
    const message = `blocks up to ${number - 1}, of ${at}, are gone before their time`;
    this.#tell("removed", { chain, seq: seq }, message);
  }

  #link({ newest, newestSeq }: Chain, block: AuditBlock, seq: number): void {
    const { chain, number, previous } = block;
    const isNext = previous?.hash === newest.hash && previous.seq === newestSeq;
    if (isNext && number === newest.number + 1) return;
    if (block.hash === newest.hash) {
      return this.#tell("inserted", { chain, seq: seq }, `block ${number} is there twice`);
    }
    if (number <= newest.number) {
      return this.#tell(
        "reordered",
        { chain, seq: seq },
        `block ${number} stands after ${newest.number}`,
      );
    }
    if (number > newest.number + 1) {
      const message = `blocks ${newest.number + 1} to ${number - 1} are missing`;
      return this.#tell("removed", { chain, seq: seq }, message);
    }
    const message = `block ${number} was made after another block ${newest.number}`;
    this.#tell("rewritten", { chain, seq: seq }, message);
  }

  #take(block: AuditBlock, seq: number, isProved: boolean): void {
    const { chain, sealed, entries } = block;
    const found = this.#chains.get(chain) ?? emptyChain(block, seq);
    this.#chains.set(chain, found);
    if (!sealed && found.newest.sealed) {
      this.#tell(
        "unsealed",
        { chain, seq: seq },
        "a block without the key stands after one with it",
      );
    }
    found.newest = block;
    found.newestSeq = seq;
    found.blocks += 1;
    found.entries += entries.length;
    if (!sealed) found.unsealed += 1;
    if (!isProved) found.unproved += 1;
    for (const { operation, times } of entries) {
      if (operation === "lost") found.lost += times;
      if (operation === "start" && !found.ended) found.cuts += 1;
      found.ended = operation === "stop";
    }
    const noted = this.#unmet.get(chain);
    if (noted?.number === block.number && noted.hash === block.hash) this.#unmet.delete(chain);
  }

  #tell(kind: AuditProblemKind, place: Pick<AuditProblem, "chain" | "seq">, message: string): void {
    if (this.#problems.length >= limits.auditProblemsMax) this.#more += 1;
    else this.#problems.push({ kind, ...place, message });
  }
}

function emptyChain(block: AuditBlock, seq: number): Chain {
  return {
    ...{ newest: block, newestSeq: seq, first: block.number, blocks: 0, entries: 0 },
    ...{ lost: 0, cuts: 0, unsealed: 0, unproved: 0 },
    // Of what was before the oldest block that is held nothing is known.
    ended: true,
  };
}
