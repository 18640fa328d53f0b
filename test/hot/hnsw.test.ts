import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import hnswlib from "hnswlib-node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { normalFilter } from "../../src/contract/filter.ts";
import type { DocumentId, Position } from "../../src/contract/ids.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { dotProduct } from "../../src/contract/vector.ts";
import { createHotShardFactory } from "../../src/hot/hnsw.ts";
import { createHnswBuilder } from "../../src/hot/hnsw-builder.ts";
import { readLinks } from "../../src/hot/hnsw-file.ts";
import type { HotShard } from "../../src/hot/port.ts";
import { codeBytes, createVectorMemory, lowBytes, widthOf } from "../../src/hot/simd.ts";
import { clustered, hotDocument, random } from "./documents.ts";

const dimensions = 32;
const flatMax = 200;
/** Walks also where a scan would be cheaper: the graphs here are small. */
const scanBelow = 0;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "freshet-hot-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const warnings: unknown[] = [];
const logger = { ...silentLogger, warn: (fields: unknown) => void warnings.push(fields) };

function openShard(folder = directory): HotShard {
  warnings.length = 0;
  return createHotShardFactory({ directory: folder, logger, flatMax, scanBelow })({ dimensions });
}

function add(shard: HotShard, vectors: readonly Float32Array[], from = 0): void {
  vectors.forEach((vector, index) => {
    const version = from + index + 1;
    const info = { metadata: { tenth: version % 10, hundredth: version % 100 } };
    shard.upsert(hotDocument({ id: `d${from + index}`, version, info, vectors: [vector] }));
  });
}

/**
 * Ends when the estimate of the shard shows that a graph holds its rows; the time limit of the test
 * is the bound.
 */
async function graphIsIn(shard: HotShard, before: number): Promise<void> {
  while (shard.stats().bytes === before) await new Promise((resolve) => setTimeout(resolve, 10));
}

const numberOf = (hit: { documentId: string }): number => Number(hit.documentId.slice(1));

function exactNearest(
  vectors: readonly Float32Array[],
  query: { vector: Float32Array; k: number; accepts?: (index: number) => boolean },
): readonly number[] {
  return vectors
    .map((vector, index) => ({ index, score: dotProduct(vector, query.vector) }))
    .filter(({ index }) => query.accepts?.(index) ?? true)
    .toSorted((left, right) => right.score - left.score)
    .slice(0, query.k)
    .map(({ index }) => index);
}

function recall(found: readonly number[], wanted: readonly number[]): number {
  return wanted.filter((index) => found.includes(index)).length / wanted.length;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

describe("a tenant with more chunks than are scanned flat", () => {
  const vectors = clustered(3_000, { dimensions, clusters: 60, seed: 7 });
  const questions = clustered(40, { dimensions, clusters: 60, seed: 7 });

  /** One for all of these tests: its graph is what they cost. The last one changes it. */
  let folder: string;
  let shard: HotShard;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "freshet-hot-"));
    shard = openShard(folder);
    add(shard, vectors);
    await graphIsIn(shard, shard.stats().bytes);
  });
  afterAll(() => {
    shard.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("is searched through a graph that finds what an exact scan finds", async () => {
    const recalls = questions.map((vector) =>
      recall(
        shard.search({ vector, text: "", limit: 10 }).map(numberOf),
        exactNearest(vectors, { vector, k: 10 }),
      ),
    );
    expect(mean(recalls)).toBeGreaterThan(0.95);
    expect(warnings).toEqual([]);
  });

  test("leaves no file behind once the graph is in", async () => {
    while (readdirSync(folder).length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });

  test("H3: a filtered search is as complete, for one in ten and for one in a hundred", async () => {
    for (const [key, of] of [
      ["tenth", 10],
      ["hundredth", 100],
    ] as const) {
      const recalls = questions.map((vector) => {
        const filter = normalFilter({ [`metadata.${key}`]: 3 });
        const found = shard.search({ vector, text: "", limit: 10, filter }).map(numberOf);
        const accepts = (index: number): boolean => (index + 1) % of === 3;
        return recall(found, exactNearest(vectors, { vector, k: 10, accepts }));
      });
      expect(mean(recalls)).toBeGreaterThan(0.95);
    }
  });

  test("under churn deleted documents stay away and the others are still found", async () => {
    const next = random(11);
    const gone = new Set<number>();
    for (let step = 0; step < 1_200; step += 1) {
      const index = Math.floor(next() * vectors.length);
      gone.add(index);
      shard.delete(`d${index}` as DocumentId);
    }
    const late = clustered(600, { dimensions, clusters: 60, seed: 8 });
    add(shard, late, vectors.length);
    const all = [...vectors, ...late];
    const accepts = (index: number): boolean => !gone.has(index);
    for (let round = 0; round < 3; round += 1) {
      const recalls = questions.map((vector) => {
        const found = shard.search({ vector, text: "", limit: 10 }).map(numberOf);
        expect(found.filter((index) => gone.has(index))).toEqual([]);
        return recall(found, exactNearest(all, { vector, k: 10, accepts }));
      });
      expect(mean(recalls)).toBeGreaterThan(0.95);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    shard.dropThrough((vectors.length + 600) as Position);
    expect(shard.stats()).toMatchObject({ documents: 0, chunks: 0, bytes: 0 });
  });
});

describe("builds", () => {
  const vectors = clustered(4_000, { dimensions, clusters: 40, seed: 3 });

  test("closing a shard ends its build: no thread, no file, no result", async () => {
    const workers: Worker[] = [];
    const watch = (worker: Worker): void => void workers.push(worker);
    process.on("worker", watch);
    const shard = openShard();
    add(shard, vectors);
    while (workers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    shard.close();
    process.off("worker", watch);
    // A thread that has ended has no number any more.
    while (workers[0]?.threadId !== -1) await new Promise((resolve) => setTimeout(resolve, 10));
    while (readdirSync(directory).length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(workers).toHaveLength(1);
    expect(shard.stats()).toMatchObject({ documents: 0, chunks: 0, bytes: 0 });
    expect(warnings).toEqual([]);
  });

  test("a folder that cannot be used costs speed only", async () => {
    const file = join(directory, "not-a-folder");
    writeFileSync(file, "");
    const shard = openShard(join(file, "sub"));
    add(shard, vectors.slice(0, 300));
    while (warnings.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const [question] = clustered(1, { dimensions, clusters: 40, seed: 9 });
    const vector = question ?? new Float32Array();
    const found = shard.search({ vector, text: "", limit: 10 }).map(numberOf).toSorted();
    expect(found).toEqual(exactNearest(vectors.slice(0, 300), { vector, k: 10 }).toSorted());
    shard.close();
  });

  test("what a killed process left in the folder is removed, what a running one has is not", async () => {
    const dead = "freshet-graph-999999999-aBc123";
    const own = `freshet-graph-${process.pid}-aBc123`;
    for (const name of [dead, own, "other"]) {
      mkdirSync(join(directory, name), { recursive: true });
      writeFileSync(join(directory, name, "graph.hnsw"), "x");
    }
    const shard = openShard();
    add(shard, vectors.slice(0, 300));
    await graphIsIn(shard, shard.stats().bytes);
    while (readdirSync(directory).length > 2) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(readdirSync(directory).toSorted()).toEqual([own, "other"].toSorted());
    shard.close();
  });

  test("a build that is given up in the middle of hnswlib's code does not take the process along", async () => {
    // Wide: most of the time is the reading of rows, which aborts in a thread that is terminated.
    const wide = 2_048;
    const rows = clustered(1_200, { dimensions: wide, clusters: 10, seed: 3 });
    const open = createHotShardFactory({ directory, logger, flatMax, scanBelow });
    for (const moment of [300, 600]) {
      const given = open({ dimensions: wide });
      add(given, rows);
      // Whichever moment of the build it is.
      await new Promise((resolve) => setTimeout(resolve, moment));
      given.close();
      await expect.poll(() => readdirSync(directory), { timeout: 30_000 }).toEqual([]);
    }
    const shard = openShard();
    const before = shard.stats().bytes;
    add(shard, vectors.slice(0, 300));
    await graphIsIn(shard, before);
    shard.close();
  });

  test("builds run one after the other, and a cancelled one that waits never takes its vectors", async () => {
    const builder = createHnswBuilder(directory);
    const { arena, simd } = createVectorMemory();
    const width = widthOf(dimensions);
    const addresses = () => ({
      lowsAt: arena.allocate(100_000),
      codesAt: arena.allocate(100_000),
    });
    const source = addresses();
    for (const [row, vector] of vectors.slice(0, 20).entries()) {
      const { codesAt, lowsAt } = source;
      simd.pack(vector, {
        codesAt: codesAt + row * codeBytes(width),
        lowsAt: lowsAt + row * lowBytes(width),
      });
    }
    const input = {
      memory: arena.memory,
      dimensions,
      sources: [source],
      sourceOf: new Uint32Array(20),
      places: Uint32Array.from({ length: 20 }, (_, index) => index),
      target: addresses(),
    };
    const order: string[] = [];
    const job = (name: string, ended: () => void) => ({
      input: () => {
        order.push(`${name} starts`);
        return input;
      },
      ended: () => void order.push(`${name} ended`),
      done: () => {
        order.push(`${name} done`);
        ended();
      },
      failed: (error: unknown) => {
        order.push(`${name} failed: ${String(error)}`);
        ended();
      },
    });
    await new Promise<void>((resolve) => {
      builder.submit(job("first", () => {}));
      const cancel = builder.submit(job("cancelled", () => {}));
      builder.submit(job("second", resolve));
      cancel();
    });
    expect(order).toEqual(
      ["first", "second"].flatMap((name) => [`${name} starts`, `${name} ended`, `${name} done`]),
    );
  });
});

describe("the neighbours in an index file of hnswlib", () => {
  const vectors = clustered(300, { dimensions, clusters: 10, seed: 5 });

  function writeIndex(): string {
    const index = new hnswlib.HierarchicalNSW("ip", dimensions);
    index.initIndex(vectors.length, 4, 50);
    for (const [label, vector] of vectors.entries()) index.addPoint(Array.from(vector), label);
    const file = join(directory, "graph.hnsw");
    index.writeIndexSync(file);
    return file;
  }

  const read = (file: string) => readLinks({ file, size: vectors.length, dimensions });

  test("are read whole: every row has some, on every level that it is on, and all are rows", () => {
    const { size, base, baseWords, upper, upperWords, offsets, entry, level } = read(writeIndex());
    expect({ size, baseWords, upperWords }).toEqual({ size: 300, baseWords: 9, upperWords: 5 });
    for (let row = 0; row < size; row += 1) {
      const own = base.subarray(row * baseWords, (row + 1) * baseWords);
      const count = own[0] ?? 0;
      expect(count).toBeGreaterThan(0);
      const neighbours = [...own.subarray(1, 1 + count)];
      expect(neighbours.every((other) => other < size && other !== row)).toBe(true);
    }
    expect(level).toBeGreaterThan(0);
    expect(entry).toBeLessThan(size);
    // The lists of the entry are the last that begin where its offset says, one for each level.
    expect((offsets[entry] ?? 0) / 4 + level * upperWords).toBeLessThanOrEqual(upper.length);
  });

  test("are refused from a file that was cut anywhere, has something appended, or is of other rows", () => {
    const file = writeIndex();
    const whole = readFileSync(file);
    for (let length = 0; length < whole.length; length += 1 + Math.floor(whole.length / 60)) {
      writeFileSync(file, whole.subarray(0, length));
      expect(() => read(file)).toThrow("index file");
    }
    writeFileSync(file, Buffer.concat([whole, Buffer.of(0)]));
    expect(() => read(file)).toThrow("longer");
    writeFileSync(file, whole);
    expect(() => readLinks({ file, size: 299, dimensions })).toThrow("not the index");
    expect(() => readLinks({ file, size: 300, dimensions: 31 })).toThrow("not the index");
  });

  test("are refused where a list is too long or names no row", () => {
    const file = writeIndex();
    const whole = readFileSync(file);
    const firstRow = 96;
    whole.writeUint16LE(9, firstRow);
    writeFileSync(file, whole);
    expect(() => read(file)).toThrow("too long");
    whole.writeUint16LE(1, firstRow);
    whole.writeUint32LE(300, firstRow + 4);
    writeFileSync(file, whole);
    expect(() => read(file)).toThrow("no row");
  });
});
