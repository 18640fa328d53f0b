/**
 * The generations of a tenant: its documents under one embedding model each, and which of them
 * answers. One small record a tenant; every change of it is one of the functions below, made by
 * compare-and-set. Pure.
 *
 *   GN1  at each moment one generation answers, and the record says which;
 *   GN2  a number is used once: what is late for one that was given up can reach no other;
 *   GN3  a generation that is fed has a record of every operation after `builtTo`, as the one that
 *        answers: so each can take the other's place, at any sequence.
 */

import { FreshetError } from "./errors.ts";
import {
  generationMax,
  generationName,
  type Position,
  type TenantId,
  type Version,
} from "./ids.ts";

/** A folder's name: it must not lead anywhere else. */
export const isModelName = (name: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name);

export interface Generation {
  readonly number: number;
  /** Name of a model that `ops/setup` installed; null: the one that the engines are set up with. */
  readonly model: string | null;
  /**
   * Up to here it was built from another one: it has the documents that were live then, and not
   * what became of each operation. 0 for the first, and while it is built.
   */
  readonly builtTo: Version;
  /** What its model makes of a sentence (`encodeProbe`); absent for the engines' own. */
  readonly probe?: string | undefined;
}

/** What was found when both were asked the same. */
export interface Comparison {
  readonly atMs: number;
  readonly questions: number;
  readonly k: number;
  /** 0 to 1: how many of the first k sources both have, on average. */
  readonly overlap: number;
  /** Of the one that answers and the other; absent without judgements. */
  readonly ndcg?: readonly [number, number] | undefined;
  /** Milliseconds, of the one that answers and the other. */
  readonly p50Ms: readonly [number, number];
  readonly p99Ms: readonly [number, number];
}

export interface Cut {
  /** What both had seen when the other one took over: the sequence of the cut-over. */
  readonly at: Version;
  readonly atMs: number;
  readonly isRolledBack: boolean;
}

interface Always {
  /** GN1. */
  readonly active: Generation;
  /** GN2: of the next one. */
  readonly next: number;
  /** Numbers of those that are given up and not removed yet. */
  readonly released: readonly number[];
}

/** The active one's watermark when the build began: what it is made of. */
interface BuiltFrom {
  /** Documents up to it are read in cold, ... */
  readonly upTo: Version;
  /** ... and what became of later operations in the records after this one. */
  readonly from: Position;
  /** Absent until a part of cold was walked. */
  readonly walk?: ColdWalk | undefined;
}

/** How far a build has walked through cold to learn what is there, in as many turns as it takes. */
export interface ColdWalk {
  /** The last object that was looked at; the walk goes on behind it. */
  readonly after: string;
  /** What was found up to there: digests of pieces that lie beside the generation's heads. */
  readonly pieces: readonly string[];
  /** There is nothing behind `after`. */
  readonly isWhole: boolean;
  /** An earlier walk missed something that the heads name. */
  readonly isSecond: boolean;
}

export type TenantGenerations =
  | ({ readonly state: "single" } & Always)
  | ({ readonly state: "building"; readonly other: Generation } & BuiltFrom & Always)
  /** DOCS is kept for it: its last records are still written by the build. */
  | ({ readonly state: "joining"; readonly other: Generation } & BuiltFrom & Always)
  /** Both are fed from DOCS by the tenant's owner (GN3). */
  | ({
      readonly state: "fed";
      readonly other: Generation;
      readonly compared?: Comparison | undefined;
      readonly cut?: Cut | undefined;
    } & Always);

/** A generation that is built: nobody feeds it yet. */
export type Building = Extract<TenantGenerations, { state: "building" | "joining" }>;

export const firstGeneration: TenantGenerations = {
  state: "single",
  active: { number: 1, model: null, builtTo: 0 as Version },
  next: 2,
  released: [],
};

// --- what a record says --------------------------------------------------------------------------

/** The generations that the tenant's owner feeds, the answering one first. */
export function fedGenerations(record: TenantGenerations): readonly Generation[] {
  return record.state === "fed" ? [record.active, record.other] : [record.active];
}

export function fedNames(tenant: TenantId, record: TenantGenerations): readonly TenantId[] {
  return fedGenerations(record).map(({ number }) => generationName(tenant, number));
}

/** Those whose cursors hold DOCS: an operation goes when each of them has its record. */
export function holdingNames(tenant: TenantId, record: TenantGenerations): readonly TenantId[] {
  const held = record.state === "joining" ? [record.active, record.other] : fedGenerations(record);
  return held.map(({ number }) => generationName(tenant, number));
}

/** All that may have something stored: an erase has to look at each. */
export function storedNames(tenant: TenantId, record: TenantGenerations): readonly TenantId[] {
  const other = record.state === "single" ? [] : [record.other.number];
  const numbers = [record.active.number, ...other, ...record.released];
  return numbers.map((number) => generationName(tenant, number));
}

export const isUnderWay = (record: TenantGenerations): record is Building =>
  record.state === "building" || record.state === "joining";

export const isReleased = (record: TenantGenerations, number: number): boolean =>
  number < record.next &&
  number !== record.active.number &&
  (record.state === "single" || number !== record.other.number);

/** One word for people. */
export type GenerationPhase =
  | "idle"
  | "building"
  | "joining"
  | "built"
  | "compared"
  | "cut-over"
  | "rolled-back";

export function phaseOf(record: TenantGenerations): GenerationPhase {
  switch (record.state) {
    case "single":
      return "idle";
    case "building":
    case "joining":
      return record.state;
    case "fed":
      if (record.cut !== undefined) return record.cut.isRolledBack ? "rolled-back" : "cut-over";
      return record.compared === undefined ? "built" : "compared";
  }
}

// --- changes -------------------------------------------------------------------------------------

const refuse = (message: string): FreshetError => new FreshetError("invalid_request", message);

function never(record: TenantGenerations, wanted: string): FreshetError {
  const now = phaseOf(record);
  if (now === "idle") return refuse(`nothing is re-embedded, so ${wanted}: reembed start begins`);
  return refuse(`generation ${newOf(record)} is ${now}, so ${wanted}`);
}

/** The one that the phase is of: after a cut-over it is the one that answers. */
function newOf(record: TenantGenerations): number {
  const isCut = record.state === "fed" && record.cut?.isRolledBack === false;
  return record.state === "single" || isCut ? record.active.number : record.other.number;
}

export function begin(
  record: TenantGenerations,
  plan: Pick<Generation, "model" | "probe"> & BuiltFrom,
): TenantGenerations {
  if (record.state !== "single")
    throw never(record, "no other one can begin: finish or abandon it");
  if (record.next > generationMax) throw refuse("the tenant has had all its generations");
  const { from, upTo, ...made } = plan;
  const { active, released, next } = record;
  const other = { number: next, builtTo: 0 as Version, ...made };
  return { state: "building", active, other, from, upTo, released, next: next + 1 };
}

/**
 * A turn has walked on. Of two attempts one goes on, and the other one ends.
 * @param step.before where it began
 */
export function walked(
  record: TenantGenerations,
  step: {
    readonly number: number;
    readonly before: ColdWalk | undefined;
    readonly walk: ColdWalk;
  },
): TenantGenerations {
  const { number, before, walk } = step;
  if (!isUnderWay(record) || record.other.number !== number) throw given(number);
  if (isSameWalk(record.walk, walk)) return record;
  if (isSameWalk(record.walk, before)) return { ...record, walk };
  throw new FreshetError("not_ready", "another attempt walks through cold for this generation");
}

function isSameWalk(one: ColdWalk | undefined, other: ColdWalk | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.after === other.after &&
    one.isWhole === other.isWhole &&
    one.isSecond === other.isSecond &&
    one.pieces.join() === other.pieces.join()
  );
}

/** Pieces that a walk has stored under the name of a generation that is built. */
export function walkPieces(record: TenantGenerations, number: number): readonly string[] {
  if (!isUnderWay(record) || record.other.number !== number) return [];
  return record.walk?.pieces ?? [];
}

/** The build has nearly caught up: from now on DOCS is kept for it. */
export function join(record: TenantGenerations, number: number): TenantGenerations {
  if (record.state === "single" || record.other.number !== number) throw given(number);
  return record.state === "building" ? { ...record, state: "joining" } : record;
}

/**
 * It has caught up with all that had a record when DOCS was kept for it.
 * @param builtTo the version of its newest record
 */
export function feed(
  record: TenantGenerations,
  { number, builtTo }: Pick<Generation, "number" | "builtTo">,
): TenantGenerations {
  if (record.state === "single" || record.other.number !== number) throw given(number);
  if (record.state === "building") throw new FreshetError("internal", "fed before it joined");
  if (record.state === "fed") return record;
  const { active, other, released, next } = record;
  return { state: "fed", active, other: { ...other, builtTo }, released, next };
}

function given(number: number): FreshetError {
  return refuse(`generation ${number} was given up`);
}

export function compare(record: TenantGenerations, compared: Comparison): TenantGenerations {
  if (record.state !== "fed") throw never(record, "it cannot be compared yet");
  return { ...record, compared };
}

/** GN1. @param at what both have seen */
export function cutOver(
  record: TenantGenerations,
  {
    at,
    atMs,
    isForced,
  }: { readonly at: Version; readonly atMs: number; readonly isForced: boolean },
): TenantGenerations {
  if (record.state !== "fed") throw never(record, "it cannot answer yet");
  if (record.cut?.isRolledBack === false)
    throw refuse(`generation ${record.active.number} answers`);
  if (record.compared === undefined && !isForced) {
    throw refuse("the two were not compared: reembed compare first, or cut over with --force");
  }
  return swapped(record, { at, atMs, isRolledBack: false });
}

export function rollBack(
  record: TenantGenerations,
  { at, atMs }: { readonly at: Version; readonly atMs: number },
): TenantGenerations {
  if (record.state !== "fed" || record.cut?.isRolledBack !== false) {
    throw never(record, "there is no cut-over to roll back");
  }
  return swapped(record, { at, atMs, isRolledBack: true });
}

function swapped(
  record: Extract<TenantGenerations, { state: "fed" }>,
  cut: Cut,
): TenantGenerations {
  const { active: other, other: active } = record;
  return { ...record, active, other, cut };
}

/** The old one is not needed any more. */
export function finish(record: TenantGenerations): TenantGenerations {
  if (record.state !== "fed" || record.cut?.isRolledBack !== false) {
    throw never(record, "there is no old one to give up: cut over first");
  }
  return withoutOther(record);
}

/** The new one is not wanted. */
export function abandon(record: TenantGenerations): TenantGenerations {
  if (record.state === "single") throw never(record, "there is nothing to abandon");
  if (record.state === "fed" && record.cut?.isRolledBack === false) {
    throw never(record, "it answers: roll back first");
  }
  return withoutOther(record);
}

function withoutOther(record: Exclude<TenantGenerations, { state: "single" }>): TenantGenerations {
  const { active, next } = record;
  return { state: "single", active, next, released: [...record.released, record.other.number] };
}

export function removed(record: TenantGenerations, number: number): TenantGenerations {
  return { ...record, released: record.released.filter((one) => one !== number) };
}
