import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { collectionFolders, readCollection } from "./beir.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "freshet-beir-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function writeCollection(path: string): void {
  mkdirSync(join(path, "qrels"), { recursive: true });
  const lines = (...values: object[]) =>
    values.map((value) => `${JSON.stringify(value)}\n`).join("");
  writeFileSync(
    join(path, "corpus.jsonl"),
    lines({ _id: "d1", title: "Wings", text: "lift" }, { _id: "d2", title: "", text: "drag" }),
  );
  writeFileSync(
    join(path, "queries.jsonl"),
    lines({ _id: "q1", text: "what lifts" }, { _id: "q2", text: "nothing answers this" }),
  );
  writeFileSync(
    join(path, "qrels", "test.tsv"),
    "query-id\tcorpus-id\tscore\nq1\td1\t3\nq1\td2\t0\nq2\td1\t0\n",
  );
}

describe("a collection in BEIR form", () => {
  it("has documents with their titles, and the queries that have an answer", () => {
    writeCollection(folder);
    const { documents, queries, unanswerable } = readCollection(folder);
    expect(documents).toEqual([
      { id: "d1", text: "Wings\nlift", title: "Wings", body: "lift" },
      { id: "d2", text: "drag", body: "drag" },
    ]);
    expect(queries).toEqual([{ text: "what lifts", answers: [], gains: new Map([["d1", 3]]) }]);
    expect(unanswerable).toEqual(["nothing answers this"]);
  });

  it("is found as the folder itself or inside it", () => {
    const inside = join(folder, "one");
    writeCollection(inside);
    expect(collectionFolders(folder)).toEqual([inside]);
    expect(collectionFolders(inside)).toEqual([inside]);
    expect(() => collectionFolders(join(folder, "two"))).toThrow("no collection");
  });
});
