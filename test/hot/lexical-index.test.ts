import { expect, test } from "vitest";
import type { ChunkTerms } from "../../src/contract/record.ts";
import { LexicalIndex } from "../../src/hot/lexical-index.ts";
import type { Row } from "../../src/hot/rows.ts";
import { createTopK } from "../../src/hot/top-k.ts";
import { countTerms, unpackTerms } from "../../src/text/chunk-terms.ts";
import { queryTerms } from "../../src/text/lexical.ts";

const rowOf = (chunk: number): Row => ({ chunk, indexed: null }) as unknown as Row;
const textOf = (at: number): string =>
  `common words of text ${at}, its own word${at} and part${at % 7}`;

function find(index: LexicalIndex, question: string): number[] {
  const best = createTopK<Row>(1_000);
  index.search(queryTerms(question), () => true, best);
  return best
    .items()
    .map(({ chunk }) => chunk)
    .toSorted((left, right) => left - right);
}

test("LI2: what was taken out does not stay, however long rows come and go", () => {
  const fresh = new LexicalIndex();
  for (let at = 0; at < 100; at += 1) fresh.add(rowOf(at), textOf(at));
  const index = new LexicalIndex();
  const live: Row[] = [];
  for (let at = 0; at < 5_000; at += 1) {
    const row = rowOf(at);
    index.add(row, textOf(at));
    live.push(row);
    if (live.length > 100) index.remove(live.shift() as Row);
  }
  expect(index.bytes()).toBeLessThan(2 * fresh.bytes());
  expect(find(index, "word4950")).toEqual([4950]);
  expect(find(index, "word4850")).toEqual([]);
  expect(find(index, "common")).toEqual(live.map(({ chunk }) => chunk));
});

test("an index that everything has left takes no memory, and goes on", () => {
  const index = new LexicalIndex();
  const rows = Array.from({ length: 50 }, (_, at) => rowOf(at));
  for (const [at, row] of rows.entries()) index.add(row, textOf(at));
  for (const row of rows) index.remove(row);
  expect(index.bytes()).toBe(0);
  index.add(rowOf(99), textOf(99));
  expect(find(index, "common")).toEqual([99]);
});

test("taking a row out twice changes nothing", () => {
  const index = new LexicalIndex();
  const row = rowOf(1);
  index.add(row, textOf(1));
  index.add(rowOf(2), textOf(2));
  index.remove(row);
  index.remove(row);
  expect(find(index, "common")).toEqual([2]);
});

test("a row whose terms were counted elsewhere is found as if they had been counted here", () => {
  const texts = Array.from({ length: 40 }, (_, at) => `${textOf(at)} ${"common ".repeat(at % 5)}`);
  const counted = unpackTerms(countTerms(texts));
  const [here, there] = [new LexicalIndex(), new LexicalIndex()];
  for (const [at, text] of texts.entries()) {
    here.add(rowOf(at), text);
    there.addCounted(rowOf(at), counted[at] as ChunkTerms);
  }
  for (const question of ["common", "word7 part3", "text of its own common"])
    expect(find(there, question)).toEqual(find(here, question));
  expect(there.bytes()).toBe(here.bytes());
});
