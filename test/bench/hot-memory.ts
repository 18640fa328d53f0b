/** Memory: what a tenant costs that has nothing hot, and what a full shard costs over its raw bytes. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { tenantId } from "../../src/contract/ids.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { startMemoryEngine } from "../support/memory-engine.ts";
import type { BenchContext } from "./context.ts";
import { fillShard } from "./hot-shards.ts";
import { dimensions } from "./models.ts";
import { measured, type Row } from "./report.ts";
import { makeVectors } from "./vectors.ts";

const tenants = 1_000;
const vectors = 50_000;
const settleMs = 200;
const patienceMs = 60_000;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Heap and buffers of this thread, after everything that can go has gone. */
async function retainedBytes(): Promise<number> {
  for (let pass = 0; pass < 3; pass += 1) {
    collectGarbage();
    await systemClock.sleep(settleMs);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * Actors, heads and shards of tenants whose only document is merged and dropped. The log in memory that
 * they stand on is kept over both readings, so it is not counted.
 */
export async function idleTenantRow({ say }: BenchContext): Promise<Row> {
  say(`${tenants} tenants with nothing hot`);
  let engine: ReturnType<typeof startMemoryEngine> | undefined = startMemoryEngine();
  const { log, cold, merges } = engine;
  const names = Array.from({ length: tenants }, (_, index) => tenantId(`tenant-${index}`));
  for (const tenant of names) {
    const payload = new TextEncoder().encode(
      JSON.stringify({ id: "1", text: `the notes of ${tenant}` }),
    );
    const { seq } = await log.docs.publish({ tenant, payload });
    await engine.event(seq);
    await merges.force(tenant);
  }
  const until = systemClock.monotonicMs() + patienceMs;
  while (engine.topology.directory.hotTotals().bytes > 0 && systemClock.monotonicMs() < until) {
    await systemClock.sleep(settleMs);
  }
  const hotBytes = engine.topology.directory.hotTotals().bytes;
  const running = await retainedBytes();
  await engine.topology.stop();
  engine = undefined;
  const stopped = await retainedBytes();
  await merges.close();
  await log.close();
  await cold.close();
  const each = (running - stopped) / tenants;
  const row = { name: "hot.idle_tenant_bytes", unit: "bytes", value: each, n: tenants };
  return {
    ...measured({ ...row, p50: each, p99: each }),
    note: `heap and buffers of this thread with the actors less without; ${hotBytes} hot bytes left`,
  };
}

/** 50,000 one-chunk documents, against the bytes of their vectors (4 a number) and of their text in UTF-8. */
export async function bytesRow(
  { say, scratch }: BenchContext,
  textOf: (index: number) => string,
): Promise<Row> {
  say(`memory of ${vectors} vectors with text`);
  const { base } = makeVectors(vectors, 0);
  let textBytes = 0;
  // A text of its own for each: strings that share memory would flatter us.
  const ownText = (index: number): string => {
    const bytes = Buffer.from(`${textOf(index)} ${index}`);
    textBytes += bytes.length;
    return bytes.toString();
  };
  const before = await retainedBytes();
  const rssBefore = process.memoryUsage.rss();
  const { shard, arena } = await fillShard({ vectors: base, textOf: ownText, scratch });
  const held = (await retainedBytes()) - before;
  const rss = process.memoryUsage.rss() - rssBefore;
  const said = shard.stats().bytes;
  const grown = arena.memory.buffer.byteLength;
  const allocated = arena.bytes;
  const value = held + allocated;
  shard.close();
  const raw = vectors * dimensions * 4 + textBytes;
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  const row = { name: "hot.bytes_vs_raw", unit: "bytes", value, against: raw, n: vectors };
  return {
    ...measured({ ...row, p50: value, p99: value }),
    note: `${Math.floor((2 ** 30 * vectors) / value)} chunks per GiB with their text, ${Math.round((value - textBytes) / vectors)} bytes each beyond it; heap ${mib(held)}, arena ${mib(allocated)} (grown to ${mib(grown)} by the build, which copies its rows; the rest is free for others); the shard accounts ${mib(said)}; resident set grew by ${mib(rss)}; raw text ${mib(textBytes)}`,
  };
}
