/** `max_staleness_ms` and `min_seq` over a real log, against publishers in processes of their own. */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import { parseQuestion } from "../../src/contract/query.ts";
import { connectTo } from "../log/nats-harness.ts";
import { HistoryEngine } from "../support/history-engine.ts";
import { startMemoryEngine } from "../support/memory-engine.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import { codeOf, eventually } from "../support/promises.ts";
import { equalDigests, equalToLive, tellAsOfStory } from "./as-of-story.ts";

const program = fileURLToPath(new URL("../support/run-publisher.ts", import.meta.url));
const readsWanted = 10_000;
/** What a busy machine does not bring in this time it leaves out. */
const patienceMs = 60_000;
const readersAtOnce = 8;
const bounds = [0, 5, 50, 1_000] as const;
/** What a question lives with while its tenant changes hands. */
const passing = new Set(["too_stale", "not_visible_yet", "not_ready", "overloaded", "no_results"]);

let server: PrivateNats;
const publishers: ChildProcess[] = [];

beforeAll(async () => {
  server = await startPrivateNats();
});
afterAll(async () => {
  for (const publisher of publishers) publisher.kill("SIGKILL");
  await server[Symbol.asyncDispose]();
});

it("1,000 questions as of 100 operations find the same after two merges and a restart (QZ1)", async () => {
  const log = await connectTo(server);
  const history = new HistoryEngine(5, { log, graceMs: 0, confirmMs: 0 });
  const story = await tellAsOfStory(history, { operations: 100, questions: 10 });
  expect([await equalDigests(story), equalToLive(story)]).toEqual([1_000, 1_000]);
  await history.stop();
}, 300_000);

interface Acked {
  readonly seq: number;
  readonly atMs: number;
}

function startPublisher(tenant: TenantId, everyMs: number): Acked[] {
  const acked: Acked[] = [];
  const publisher = spawn(process.execPath, [program, server.url, tenant, String(everyMs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  publishers.push(publisher);
  if (publisher.stdout === null) throw new Error("a publisher has no output");
  createInterface(publisher.stdout).on("line", (line) => {
    const [seq, atMs] = line.split(" ").map(Number) as [number, number];
    acked.push({ seq, atMs });
  });
  return acked;
}

function countsOf(codes: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

/** The newest operation that was acknowledged before a time. */
function owedAt(acked: readonly Acked[], atMs: number): number {
  return acked.findLast((one) => one.atMs < atMs)?.seq ?? 0;
}

it("answers questions, ten thousand where there is time, beside two publishers, and none lacks what it may not lack (I8)", async () => {
  const tenants = ["left", "right"].map((name) => {
    const tenant = name as TenantId;
    return { tenant, acked: startPublisher(tenant, 150) };
  });
  await eventually(() => expect(tenants.every(({ acked }) => acked.length > 5)).toBe(true));
  const engine = startMemoryEngine({ log: await connectTo(server) });
  const violations: string[] = [];
  const refused: string[] = [];
  let [reads, turns, restarts] = [0, 0, 0];
  const begunMs = Date.now();
  const { signal } = new AbortController();
  const readOne = async (turn: number): Promise<void> => {
    const { tenant, acked } = tenants[turn % 2] as (typeof tenants)[number];
    const maxStalenessMs = bounds[(turn >> 1) % bounds.length] as number;
    const minSeq = turn % 5 === 0 ? (acked.at(-1)?.seq ?? 0) : 0;
    const question = parseQuestion({
      query: "Which crane lifts stones?",
      ...{ mode: "search", wait_ms: 8_000, max_staleness_ms: maxStalenessMs },
      ...(minSeq === 0 ? {} : { min_seq: minSeq }),
    });
    const sentMs = Date.now();
    const asked = engine.service.ask({ tenant, question, signal });
    const code = await codeOf(asked);
    if (code !== "none") {
      refused.push(code);
      await sleep(20);
      return;
    }
    const { visible_seq: visible } = await asked;
    reads += 1;
    const owed = Math.max(owedAt(acked, sentMs - maxStalenessMs), minSeq);
    if (visible < owed) violations.push(`${maxStalenessMs} ms: ${visible} lacks ${owed}`);
  };
  const reader = async (): Promise<void> => {
    while (reads < readsWanted && Date.now() < begunMs + patienceMs) {
      turns += 1;
      await readOne(turns);
      const isDue = reads > (restarts + 1) * 3_000 || Date.now() > begunMs + patienceMs / 2;
      if (isDue && restarts < 1 + reads / 5_000) {
        restarts += 1;
        await engine.restart();
      }
    }
  };
  await Promise.all(Array.from({ length: readersAtOnce }, reader));
  const endedMs = Date.now();
  await engine.stop();
  process.stderr.write(
    `${reads} reads, ${restarts} restarts, refused ${JSON.stringify(countsOf(refused))}\n`,
  );
  expect(reads).toBeGreaterThan(200);
  expect(violations).toEqual([]);
  expect(refused.filter((code) => !passing.has(code))).toEqual([]);
  // Publishers were at work all the time, however short it was.
  for (const { acked } of tenants) {
    expect(acked.length).toBeGreaterThan(20);
    expect(acked.at(-1)?.atMs).toBeGreaterThan(endedMs - 5_000);
  }
}, 300_000);
