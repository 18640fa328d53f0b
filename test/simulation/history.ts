/** What can happen in a simulated history, as fast-check makes and shrinks it. */

import fc from "fast-check";
import type { Answer } from "./slot.ts";

const answer: fc.Arbitrary<Answer> = fc.oneof(
  { weight: 10, arbitrary: fc.constant("ok" as const) },
  { weight: 2, arbitrary: fc.constant("fail" as const) },
  { weight: 2, arbitrary: fc.constant("lost" as const) },
  { weight: 2, arbitrary: fc.constant("late" as const) },
  { weight: 1, arbitrary: fc.constant("torn" as const) },
);

/** Up to a whole merge, which takes about twenty calls. */
const calls = fc.oneof(
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 6 }) },
  { weight: 2, arbitrary: fc.integer({ min: 7, max: 25 }) },
  { weight: 1, arbitrary: fc.constant(40) },
);

/**
 * A merge's activity may also time out or be cancelled: it runs on as a zombie, beside what comes
 * next.
 */
const mergeEnds = fc.oneof(
  { weight: 8, arbitrary: answer },
  { weight: 2, arbitrary: fc.constant("timed out" as const) },
  { weight: 1, arbitrary: fc.constant("cancelled" as const) },
);

const who = fc.constantFrom("owner" as const, "old" as const, "reader" as const);
const id = fc.constantFrom("a", "b");
const chunks = fc.integer({ min: 1, max: 3 });
const ms = fc.constantFrom(20, 120, 2_000);
const is = <Kind extends string>(kind: Kind) => fc.constant(kind);

const lose = fc.record({
  do: is("lose"),
  how: fc.constantFrom("hides" as const, "drops" as const),
  every: fc.integer({ min: 1, max: 2 }),
});

/**
 * `run`, `merge`, `confirm` and `scrub` answer some calls of one process with `ok`, and the last of
 * them with `ends`.
 */
const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: is("upsert"), id, chunks }) },
  { weight: 2, arbitrary: fc.record({ do: is("delete"), id }) },
  { weight: 1, arbitrary: fc.record({ do: is("reject"), id }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: is("publish again"), back: fc.integer({ min: 0, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: is("letters"), areTaken: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: is("run"), who, calls, ends: answer }) },
  { weight: 4, arbitrary: fc.record({ do: is("run"), who: is("zombie"), calls, ends: answer }) },
  { weight: 9, arbitrary: fc.record({ do: is("merge"), calls, ends: mergeEnds }) },
  { weight: 3, arbitrary: fc.record({ do: is("confirm"), calls, ends: mergeEnds }) },
  { weight: 2, arbitrary: fc.record({ do: is("scrub"), calls, ends: mergeEnds }) },
  { weight: 2, arbitrary: lose },
  { weight: 1, arbitrary: fc.record({ do: is("find later") }) },
  { weight: 5, arbitrary: fc.record({ do: is("work") }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: is("take over"),
      kills: fc.boolean(),
      /**
       * A start of the same node, which waits for nothing; or another node, when the server has
       * dropped the lease.
       */
      by: fc.constantFrom("same" as const, "other" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: is("step server clock"), back: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: is("kill merger") }) },
  { weight: 2, arbitrary: fc.record({ do: is("tell manifest") }) },
  { weight: 1, arbitrary: fc.record({ do: is("pass time"), ms }) },
  { weight: 3, arbitrary: fc.record({ do: is("land") }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: is("read short"), records: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: is("purge") }) },
  { weight: 1, arbitrary: fc.record({ do: is("resurrect") }) },
  { weight: 1, arbitrary: fc.record({ do: is("snapshot") }) },
  { weight: 1, arbitrary: fc.record({ do: is("restore") }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: is("evict"),
      of: fc.constantFrom("owner" as const, "old" as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: is("ask"), of: is("owner"), fresh: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: is("ask"), of: is("old"), fresh: fc.constant(false) }) },
);

export type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never;

const free: fc.Arbitrary<Command[]> = fc.array(command, {
  minLength: 8,
  maxLength: 40,
  size: "max",
});

const write: Command = { do: "upsert", id: "a", chunks: 1 };
const work: Command = { do: "work" };
const wholeMerge: Command = { do: "merge", calls: 40, ends: "ok" };
const wholeConfirm: Command = { do: "confirm", calls: 40, ends: "ok" };

/**
 * What chance alone seldom makes: a merge that something happens to at one of its calls, and whose
 * remains come to life after a later merge of the same document.
 */
const disturbedMerge: fc.Arbitrary<Command[]> = fc
  .record({
    disturbed: fc.record({
      do: is("merge"),
      // Often after the commit, where cleaning up lives on beside the next merge.
      calls: fc.oneof(fc.integer({ min: 1, max: 25 }), fc.integer({ min: 16, max: 24 })),
      ends: fc.oneof(mergeEnds, is("timed out")),
    }),
    shortRead: fc.array(
      fc.record({ do: is("read short"), records: fc.integer({ min: 1, max: 2 }) }),
      {
        maxLength: 1,
      },
    ),
    reached: fc.integer({ min: 1, max: 40 }),
    confirms: fc.boolean(),
    before: fc.array(command, { maxLength: 4 }),
    after: fc.array(command, { maxLength: 12 }),
  })
  .map(({ disturbed, shortRead, reached, confirms, before, after }) => [
    ...[write, work, wholeMerge, ...before, write, work, disturbed, ...shortRead, wholeMerge],
    ...[write, work, { do: "merge", calls: reached, ends: "ok" } as const],
    ...(confirms ? [wholeMerge, wholeConfirm] : []),
    ...[{ do: "run", who: "zombie", calls: 40, ends: "ok" } as const, { do: "land" } as const],
    ...[wholeMerge, ...after],
  ]);

/**
 * An owner that begins with a backlog and reads too little of it, and an operation that comes by
 * the reader then.
 */
const shortJoin: fc.Arbitrary<Command[]> = fc
  .record({
    before: fc.array(command, { maxLength: 4 }),
    backlog: fc.integer({ min: 1, max: 3 }),
    recovery: fc.integer({ min: 1, max: 6 }),
    records: fc.integer({ min: 1, max: 2 }),
    joining: fc.integer({ min: 1, max: 12 }),
    after: fc.array(command, { maxLength: 8 }),
  })
  .map(({ before, backlog, recovery, records, joining, after }) => [
    ...before,
    ...Array.from({ length: backlog }, () => write),
    { do: "take over", kills: true, by: "other" },
    { do: "run", who: "owner", calls: recovery, ends: "ok" },
    { do: "read short", records },
    { do: "run", who: "owner", calls: joining, ends: "ok" },
    ...[write, work, ...after],
  ]);

/**
 * Cold loses what a merge wrote; an attempt that noticed wakes up when another one has repaired it,
 * or later still.
 */
const lossyMerge: fc.Arbitrary<Command[]> = fc
  .record({
    // Mostly around the end of the writes, where a verification is about to look.
    calls: fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: 8, max: 11 }) },
      { weight: 1, arbitrary: fc.integer({ min: 5, max: 14 }) },
    ),
    loses: lose,
    noticed: fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: 1, max: 2 }) },
      { weight: 1, arbitrary: fc.integer({ min: 3, max: 6 }) },
    ),
    ends: fc.constantFrom("timed out" as const, "cancelled" as const),
    losesAgain: fc.array(lose, { maxLength: 1 }),
    confirms: fc.boolean(),
    woken: fc.integer({ min: 1, max: 12 }),
    after: fc.array(command, { maxLength: 12 }),
  })
  .map(({ calls: reached, loses, noticed, ends, losesAgain, confirms, woken, after }) => [
    ...[write, work, { do: "merge", calls: reached, ends: "ok" } as const, loses],
    ...[{ do: "merge", calls: noticed, ends } as const, wholeMerge, ...losesAgain],
    ...(confirms ? [wholeConfirm, { do: "tell manifest" } as const] : []),
    ...[{ do: "run", who: "zombie", calls: woken, ends: "ok" } as const],
    ...[{ do: "ask", of: "owner", fresh: true } as const, ...after],
  ]);

/**
 * Cold loses what is merged before the second look at it, while an owner hears of the merge, its
 * memory is needed and questions come.
 */
const lossBeforeConfirm: fc.Arbitrary<Command[]> = fc
  .record({
    before: fc.array(command, { maxLength: 4 }),
    loses: lose,
    ms,
    evicts: fc.boolean(),
    after: fc.array(command, { maxLength: 8 }),
  })
  .map(({ before, loses, ms: passes, evicts, after }) => [
    ...[...before, write, work, wholeMerge, { do: "tell manifest" } as const, loses],
    { do: "pass time", ms: passes } as const,
    ...(evicts ? [work, { do: "evict", of: "owner" } as const] : []),
    ...[{ do: "ask", of: "owner", fresh: true } as const],
    ...[{ do: "run", who: "reader", calls: 40, ends: "ok" } as const, ...after],
  ]);

/**
 * One range read begins too late, and past the fence that every range begins with: that of a
 * merge's step, or of an owner that loads, once it has asked DOCS.
 */
const shortRange: fc.Arbitrary<Command[]> = fc
  .record({
    records: fc.integer({ min: 1, max: 3 }),
    disturbed: fc.oneof(
      fc.record({ do: is("merge"), calls: fc.integer({ min: 1, max: 16 }), ends: is("ok") }),
      fc.record({
        do: is("run"),
        who: is("owner"),
        calls: fc.integer({ min: 1, max: 4 }),
        ends: is("ok"),
      }),
    ),
    after: fc.array(command, { maxLength: 8 }),
  })
  .map(({ records, disturbed, after }) => [
    ...[write, { ...write, id: "b" } as const, work],
    ...(disturbed.do === "run" ? [{ do: "take over", kills: true, by: "same" } as const] : []),
    ...[disturbed, { do: "read short", records } as const],
    disturbed.do === "run" ? work : wholeMerge,
    ...[{ do: "ask", of: "owner", fresh: true } as const],
    ...[{ do: "run", who: "reader", calls: 40, ends: "ok" } as const, ...after],
  ]);

/**
 * Cold is set back to before what was confirmed, and something happens to the merge that repairs
 * it: no look follows.
 */
const lossyRepair: fc.Arbitrary<Command[]> = fc
  .record({
    disturbed: fc.record({
      do: is("merge"),
      calls: fc.integer({ min: 4, max: 12 }),
      ends: mergeEnds,
    }),
    after: fc.array(command, { maxLength: 8 }),
  })
  .map(({ disturbed, after }) => [
    ...[{ do: "snapshot" } as const, write, work, wholeMerge, wholeConfirm],
    ...[{ do: "restore" } as const, disturbed, wholeMerge],
    ...[{ do: "ask", of: "owner", fresh: true } as const, ...after],
  ]);

/** An owner that has not heard of its successor is asked when that one has written. */
const oldOwner: fc.Arbitrary<Command[]> = fc
  .record({
    by: fc.constantFrom("same" as const, "other" as const),
    between: fc.array(command, { maxLength: 4 }),
    after: fc.array(command, { maxLength: 8 }),
  })
  .map(({ by, between, after }) => [
    ...[write, work, { do: "take over", kills: false, by } as const, ...between, write, work],
    ...[{ do: "ask", of: "old", fresh: false } as const],
    ...[{ do: "run", who: "reader", calls: 40, ends: "ok" } as const, ...after],
  ]);

/** A merge commits while no letter is taken. */
const owedLetters: fc.Arbitrary<Command[]> = fc
  .record({
    before: fc.array(command, { maxLength: 4 }),
    disturbed: fc.record({ do: is("merge"), calls, ends: mergeEnds }),
    after: fc.array(command, { maxLength: 8 }),
  })
  .map(({ before, disturbed, after }) => [
    ...[...before, { do: "letters", areTaken: false } as const],
    ...[{ do: "reject", id: "a" } as const, work, disturbed, wholeMerge, ...after],
  ]);

/**
 * What is merged for good is kept, and its room is needed at some step of a question that relies on
 * it.
 */
const keptRows: fc.Arbitrary<Command[]> = fc
  .record({
    before: fc.array(command, { maxLength: 4 }),
    more: fc.array(command, { maxLength: 3 }),
    reached: fc.integer({ min: 0, max: 3 }),
    between: fc.array(command, { maxLength: 3 }),
    after: fc.array(command, { maxLength: 8 }),
  })
  .map(({ before, more, reached, between, after }) => [
    ...[...before, write, work, wholeMerge, wholeConfirm, { do: "tell manifest" } as const],
    ...[{ do: "pass time", ms: 120 } as const, ...more, work],
    ...[{ do: "ask", of: "owner", fresh: true } as const],
    { do: "run", who: "reader", calls: reached, ends: "ok" } as const,
    ...[{ do: "evict", of: "owner" } as const, ...between],
    ...[{ do: "run", who: "reader", calls: 40, ends: "ok" } as const, ...after],
  ]);

/** Each is one place where a fault would show. */
const directed = fc.oneof(
  lossBeforeConfirm,
  shortRange,
  lossyRepair,
  oldOwner,
  owedLetters,
  keptRows,
);

export const histories: fc.Arbitrary<Command[]> = fc.oneof(
  { weight: 2, arbitrary: free },
  { weight: 1, arbitrary: disturbedMerge },
  { weight: 1, arbitrary: shortJoin },
  { weight: 1, arbitrary: lossyMerge },
  { weight: 2, arbitrary: directed },
);
