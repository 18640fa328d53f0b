import { expect, test } from "vitest";
import type { ChunkTerms } from "../../src/contract/record.ts";
import { LexicalIndex } from "../../src/hot/lexical-index.ts";
import type { Row } from "../../src/hot/rows.ts";
import { createTopK } from "../../src/hot/top-k.ts";
import { countTerms, unpackTerms } from "../../src/text/chunk-terms.ts";
import { queryTerms, titleTerms } from "../../src/text/lexical.ts";

const entry = { labels: { number: 1 } };
const rowOf = (chunk: number): Row => ({ chunk, entry, place: undefined }) as unknown as Row;
const textOf = (at: number): string =>
  `common words of text ${at}, its own word${at} and part${at % 7}`;

function add(index: LexicalIndex, row: Row, text: string): void {
  index.add(row, unpackTerms(countTerms([text]))[0] as ChunkTerms, titleTerms(undefined));
}

function find(index: LexicalIndex, question: string): number[] {
  const best = createTopK<Row>(1_000);
  index.search(queryTerms(question), { accepts: () => true }, best);
  return best
    .items()
    .map(({ chunk }) => chunk)
    .toSorted((left, right) => left - right);
}

test("LI2: what was taken out does not stay, however long rows come and go", () => {
  const fresh = new LexicalIndex();
  for (let at = 0; at < 100; at += 1) add(fresh, rowOf(at), textOf(at));
  const index = new LexicalIndex();
  const live: Row[] = [];
  for (let at = 0; at < 5_000; at += 1) {
    const row = rowOf(at);
    add(index, row, textOf(at));
    live.push(row);
    if (live.length > 100) index.remove(live.shift() as Row);
  }
  expect(index.bytes()).toBeLessThan(2 * fresh.bytes());
  expect(find(index, "4950")).toEqual([4950]);
  expect(find(index, "4850")).toEqual([]);
  expect(find(index, "common")).toEqual(live.map(({ chunk }) => chunk));
});

test("an index that everything has left takes no memory, and goes on", () => {
  const index = new LexicalIndex();
  const rows = Array.from({ length: 50 }, (_, at) => rowOf(at));
  for (const [at, row] of rows.entries()) add(index, row, textOf(at));
  for (const row of rows) index.remove(row);
  expect(index.bytes()).toBe(0);
  add(index, rowOf(99), textOf(99));
  expect(find(index, "common")).toEqual([99]);
});

test("taking a row out twice changes nothing", () => {
  const index = new LexicalIndex();
  const row = rowOf(1);
  add(index, row, textOf(1));
  add(index, rowOf(2), textOf(2));
  index.remove(row);
  index.remove(row);
  expect(find(index, "common")).toEqual([2]);
});
