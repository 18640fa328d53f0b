/**
 * Field case 58: one key that ended in half a character made Weaviate refuse every page that it was
 * in.
 */
import fc from "fast-check";
import { Reader, Writer } from "protobufjs";
import { expect, test } from "vitest";
import { nativeFilter } from "../../src/cold/weaviate-filter.ts";
import { wireObject } from "../../src/cold/weaviate-object.ts";
import { unpackRecord } from "../../src/cold/weaviate-record.ts";
import { parseOperation } from "../../src/contract/document.ts";
import { normalFilter } from "../../src/contract/filter.ts";
import type { DocumentId } from "../../src/contract/ids.ts";
import { parseQuestion } from "../../src/contract/query.ts";
import { createPreparer } from "../../src/ingest/preparer.ts";
import { createMemoryTokenizer } from "../../src/text/memory.ts";
import { codePoint } from "../support/code-point.ts";
import { testRedactor } from "../support/redactor.ts";
import { runs } from "../support/runs.ts";
import { coldObject, freshTenant } from "./objects.ts";

const prepare = createPreparer({ tokenizer: createMemoryTokenizer(), redactor: testRedactor });

/** What a careless sender cuts and joins, between letters of all planes. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: codePoint, maxLength: 12 }),
      fc.constantFrom("\ud83c", "\udf85", "\u0000", "\u001f", "\u0301", "👩‍👩‍👧‍👦", "word "),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""));

/** Every text of a value, keys included. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...textsOf(inner)]);
}

/** As the vendor's client puts it on the wire; the server decodes strictly. */
function wireText(text: string): string {
  const bytes = new Reader(new Writer().string(text).finish()).bytes();
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

test("whatever the contract accepts of a document reaches the wire as the text that it was", () => {
  const field = fc.option(anyText, { nil: undefined });
  const metadata = fc.option(
    fc.dictionary(anyText, fc.oneof(anyText, fc.array(anyText, { maxLength: 3 })), { maxKeys: 3 }),
    { nil: undefined },
  );
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.record({ id: anyText, text: anyText, title: field, source: field, metadata }),
      (document) => {
        const payload = new TextEncoder().encode(JSON.stringify(document));
        const parsed = parseOperation(payload, 100_000);
        if (!parsed.ok || parsed.operation.op === "delete") return;
        const { info, chunks } = prepare(parsed.operation);
        for (const { text, heading } of chunks) {
          const object = coldObject(freshTenant("wire"), { id: parsed.operation.id, text });
          const stored = wireObject({ ...object, heading, info });
          accepted += 1;
          for (const each of textsOf(stored)) expect(wireText(each)).toBe(each);
        }
      },
    ),
    { numRuns: runs(400) },
  );
  expect(accepted).toBeGreaterThan(runs(20));
});

test("whatever the contract accepts of a question and its filter does too", () => {
  let accepted = 0;
  const value = fc.oneof(anyText, fc.array(anyText, { minLength: 1, maxLength: 3 }));
  const name = fc.oneof(
    fc.constantFrom("id", "title", "source"),
    anyText.map((key) => `metadata.${key}`),
  );
  fc.assert(
    fc.property(anyText, fc.dictionary(name, value, { maxKeys: 3 }), (query, filter) => {
      let question: ReturnType<typeof parseQuestion>;
      try {
        question = parseQuestion({ query, filter });
      } catch {
        return;
      }
      accepted += 1;
      expect(wireText(question.query)).toBe(question.query);
      const wanted = normalFilter(question.filter ?? {});
      for (const each of textsOf(nativeFilter(wanted))) expect(wireText(each)).toBe(each);
    }),
    { numRuns: runs(400) },
  );
  expect(accepted).toBeGreaterThan(runs(20));
});

test("a record that an earlier Freshet wrote with such a key is repaired, and its info comes back as it was", () => {
  const info = { metadata: { "label \ud83c": "red" } };
  const stored = wireObject(coldObject(freshTenant("old"), { id: "cut", info }));
  for (const each of textsOf(stored)) expect(wireText(each)).toBe(each);
  expect(unpackRecord(stored.properties.record).shown.info).toEqual(info);
});

test("an id is what names a document, so it is not repaired", () => {
  const id = "cut \ud83c" as DocumentId;
  expect(wireObject(coldObject(freshTenant("id"), { id })).properties.documentId).toBe(id);
});
