/**
 * Planted bugs: what proves that the checker can fail. Each is a change of the real code, made in a copy of it, with the
 * faults that bring it to light. A run with one of them must end with a violation of the kind that it names.
 */

import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { limits } from "../../src/contract/limits.ts";
import { type Fault, mergeWorkers, type PlannedFault } from "./faults.ts";
import type { Violation } from "./history.ts";

export interface Patch {
  readonly file: string;
  /** Must be in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface PlantedBug {
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly faults: readonly PlannedFault[];
  /** The kinds of violation that show it. */
  readonly shows: readonly Violation["kind"][];
}

/** The same fault again and again: whether the bug shows depends on what goes on at the time. */
function every(ms: number, until: number, ...faults: readonly Fault[]): readonly PlannedFault[] {
  const times = Array.from({ length: Math.floor(until / ms) }, (_, index) => ms * (index + 1));
  return times.flatMap((atMs) => faults.map((fault) => ({ atMs, fault })));
}

const mergeRound = "workflows/merge-round.ts";

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: "commit before verify",
    patches: [
      {
        file: mergeRound,
        find: `  const verified = await writeVerified(steps, hooks, plan);
  if ("kind" in verified) return verified;
  if (!hooks.shouldContinue()) return { kind: "paused" };
  const { written, refused } = verified;
`,
        replace: "  const { written, refused } = { written: 0, refused: [] };\n",
      },
      {
        file: mergeRound,
        find: "  switch (committed.kind) {",
        replace: "  await writeVerified(steps, hooks, plan);\n  switch (committed.kind) {",
      },
      {
        // Else hot would keep what is committed until the second look, which writes what is missing.
        file: "activities/merge/commit.ts",
        find: "    confirmed: confirmedTo(manifest),",
        replace: "    confirmed: to,",
      },
    ],
    faults: every(
      9_000,
      60_000,
      ...mergeWorkers.map((target) => ({
        ...({ kind: "fail-point", target, point: "before cold.upsert", calls: 1 } as const),
        ...({ action: "kill", lastsMs: 5_000 } as const),
      })),
    ),
    shows: ["answer"],
  },
  {
    name: "drop the expectation header",
    patches: [
      {
        file: "src/log/nats/publish.ts",
        find: "    headers: messageHeaders(message.headers ?? {}),\n    expect: { lastSubjectSequence: message.expectedLast },",
        replace:
          '    headers: messageHeaders({ "Freshet-Previous": String(message.expectedLast), ...message.headers }),\n' +
          '    ...(message.subject.startsWith("chunks.") ? {} : { expect: { lastSubjectSequence: message.expectedLast } }),',
      },
      {
        // Else readers would take a record without a condition for a foreign message, and the bug would be another one.
        file: "src/log/wire/record.ts",
        find: 'const conditionHeader = "Nats-Expected-Last-Subject-Sequence";',
        replace: 'const conditionHeader = "Freshet-Previous";',
      },
    ],
    faults: [1, 2].map((engine) => ({
      atMs: engine === 1 ? 2_000 : 30_000,
      fault: {
        kind: "fail-point",
        target: `engine-${engine}`,
        point: "before chunks.append",
        calls: 3,
        action: "freeze",
        // The lease has run out, and another node's fence is written, when it wakes up.
        lastsMs: 24_000,
      },
    })),
    shows: ["log"],
  },
  {
    name: "believe the lease",
    patches: [
      {
        file: "actors/question/question.ts",
        find: "    return proofs.prove({ partition, epoch: this.#lookup.epoch }, this.#request.signal);",
        replace:
          "    void proofs;\n    void partition;\n    this.#checkLease();\n    return Promise.resolve();",
      },
    ],
    // It wakes up behind a slow link: its renewals and appends, which would tell it, take their time.
    faults: [1, 2].flatMap((engine) => {
      const [target, atMs] = [`engine-${engine}` as const, engine === 1 ? 2_000 : 30_000];
      const link = { from: target, to: "nats" } as const;
      return [
        { atMs, fault: { kind: "sleep", target, lastsMs: 22_000 } as const },
        {
          atMs: atMs + 2_000,
          fault: { kind: "delay", link, delayMs: 1_500, lastsMs: 23_000 } as const,
        },
      ];
    }),
    shows: ["answer"],
  },
  {
    name: "answer before heads are loaded",
    patches: [
      {
        file: "actors/tenant-view/view.ts",
        find: 'return this.#state.kind === "ready" ? this.#state.data : undefined;',
        replace: `if (this.#state.kind === "unloaded") {
      const { tenant, markerEveryMs, createHot } = this.#options;
      const nothing = { stored: null, heads: new Heads() };
      return new ViewData({ tenant, hot: createHot(), markerEveryMs, ...nothing });
    }
    return this.#state.data;`,
      },
      {
        file: "actors/tenant-view/view.ts",
        find: "import type { Heads } from",
        replace: "import { Heads } from",
      },
    ],
    faults: every(
      10_000,
      60_000,
      { kind: "kill", target: "engine-1", lastsMs: 500 },
      { kind: "kill", target: "engine-2", lastsMs: 500 },
    ),
    shows: ["answer"],
  },
  {
    name: "mask before instead of after the cold search",
    patches: [
      {
        file: "actors/question/search.ts",
        find: '      const cold = await this.#stages.time("cold", () =>',
        replace: `      const early = await this.#maskAndSearchHot(snapshot, []);
      const cold = await this.#stages.time("cold", () =>`,
      },
      {
        file: "actors/question/search.ts",
        find: '      if (outcome.kind === "dropped") {',
        replace: `      if (early.kind === "found") Object.assign(outcome, { hot: early.hot });
      if (outcome.kind === "dropped") {`,
      },
    ],
    faults: every(
      6_000,
      60_000,
      {
        kind: "delay",
        link: { from: "engine-1", to: "weaviate" },
        delayMs: 200,
        lastsMs: 5_000,
      },
      {
        kind: "delay",
        link: { from: "engine-2", to: "weaviate" },
        delayMs: 200,
        lastsMs: 5_000,
      },
    ),
    shows: ["answer"],
  },
  {
    name: "accept a broken chain",
    patches: [
      {
        file: "src/log/chain.ts",
        find: "if (placed.previous !== this.#last || placed.position > this.#to) throw this.broken();",
        replace: "if (placed.position > this.#to) throw this.broken();",
      },
    ],
    faults: [
      ...mergeWorkers.map((target) => ({
        atMs: 500,
        fault: { kind: "kill", target, lastsMs: 50_000 } as const,
      })),
      { atMs: 15_000, fault: { kind: "lose-records", target: "nats", lastsMs: 0 } },
      { atMs: 16_000, fault: { kind: "kill", target: "engine-1", lastsMs: 500 } },
      { atMs: 16_000, fault: { kind: "kill", target: "engine-2", lastsMs: 500 } },
    ],
    shows: ["answer"],
  },
  {
    name: "join the reader where a read happened to end",
    patches: [
      {
        file: "actors/tenant-writer/intake.ts",
        find: "    if (!this.#followsReader) this.#followsReader = await this.#isNext(operation);\n",
        replace: "    this.#followsReader = true;\n",
      },
      {
        // What the reader skipped would else be read in the end: somebody publishes all the time here.
        file: "actors/directory/route.ts",
        find: "    if (takenIn < this.#skippedTo) return false;\n",
        replace: "    void takenIn;\n",
      },
      {
        // What a copy says that lags, which on one server none does.
        file: "src/log/nats/docs.ts",
        find: "    const through = await this.lastVersion(tenant);",
        replace: "    const through = Math.random() < 0.5 ? 0 : await this.lastVersion(tenant);",
      },
    ],
    faults: every(
      8_000,
      50_000,
      { kind: "kill", target: "engine-1", lastsMs: 2_000 },
      { kind: "kill", target: "engine-2", lastsMs: 2_000 },
    ),
    shows: ["log", "answer"],
  },
  {
    name: "delete what a verification did not find",
    patches: [
      {
        file: "activities/merge/verify.ts",
        find: "    for (const { id, record } of absent) {",
        replace: `    if (absent.length > 0) await ports.cold.deleteIds(tenant, absent.map(({ id }) => id));
    for (const { id, record } of absent) {`,
      },
      {
        // What Weaviate loses at kill -9 is then seen often, and not once in hours.
        file: "src/cold/weaviate.ts",
        find: "      await flush(connection, tenant, objects.find((object) => !refused.includes(object))?.id);\n      return refused;",
        replace: "      return refused;",
      },
    ],
    faults: [
      // Only a kill right after a write loses it, so there are many.
      ...every(2_000, 60_000, { kind: "kill", target: "weaviate", lastsMs: 100 }),
      ...every(
        1_000,
        60_000,
        ...mergeWorkers.map((target) => ({
          ...({ kind: "fail-point", target, point: "before cold.deleteIds", calls: 1 } as const),
          // The other worker has written, verified, committed and confirmed when this one goes on.
          ...({ action: "freeze", lastsMs: limits.mergeHeartbeatMs + 15_000 } as const),
        })),
      ),
    ],
    shows: ["answer"],
  },
  {
    name: "resident one document early",
    patches: [
      {
        file: "actors/tenant-view/data.ts",
        find: "return this.#keeps && this.#hot.size === this.#heads.size;",
        replace: "return this.#keeps && this.#hot.size >= this.#heads.size - 1;",
      },
    ],
    // After each start a question loads its tenant again, and others come before the last document is there.
    faults: every(
      8_000,
      60_000,
      { kind: "kill", target: "engine-1", lastsMs: 500 },
      { kind: "kill", target: "engine-2", lastsMs: 500 },
    ),
    shows: ["answer"],
  },
  {
    name: "watermark without heads",
    patches: [
      {
        file: "activities/merge/commit.ts",
        find: "    incarnation: incarnationOf(to),\n    pieces,",
        replace: "    incarnation: incarnationOf(to),\n    pieces: manifest.pieces,",
      },
    ],
    faults: [],
    shows: ["manifest", "answer"],
  },
];

const copied = ["src", "actors", "workflows", "activities", "package.json", "tsconfig.json"];

/** A copy of the repository's code with the patches in it. @throws Error when a patch has no unique place */
export function plant(patches: readonly Patch[], root: string, copy: string): void {
  for (const name of copied) cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  for (const patch of patches) {
    const path = join(copy, patch.file);
    writeFileSync(path, applyPatch(readFileSync(path, "utf8"), patch));
  }
}

export function applyPatch(code: string, { file, find, replace }: Patch): string {
  const [before, after, ...more] = code.split(find);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`${file} has no single place for the patch "${find.trim().split("\n")[0]}"`);
  }
  return `${before}${replace}${after}`;
}
