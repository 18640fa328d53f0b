import fc from "fast-check";
import { expect, test } from "vitest";
import type { ColdObject } from "../../src/cold/port.ts";
import { candidateOf, objectOf, wireObject } from "../../src/cold/weaviate-object.ts";
import { packObject, unpackRecord } from "../../src/cold/weaviate-record.ts";
import { dotProduct } from "../../src/contract/vector.ts";
import { lexicalMatch } from "../../src/text/chunk-terms.ts";
import { queryTerms } from "../../src/text/lexical.ts";
import { runs } from "../support/runs.ts";
import { coldObject, direction, freshTenant } from "./objects.ts";

/** Words that share terms, stop words, compounds, and signs that end a line or quote. */
const words = fc
  .array(
    fc.constantFrom(
      ...["quokka", "Quokkas", "the", "of", "tenant-view", "l'accord", "c++", "maxAckPending"],
      ...["停水通知", "น้ำประปา", "Ünïcode", "\n", '"', "\\", ".", "1.2.3", "👩‍👩‍👧"],
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(" "));

const objects = fc
  .record({ title: fc.option(words), heading: fc.option(words), text: words, n: fc.integer() })
  .map(({ title, heading, text, n }) =>
    coldObject(freshTenant("record"), {
      ...{ id: "a", chunk: 3, text },
      ...(heading === null ? {} : { heading }),
      range: [7, 9],
      info: { ...(title === null ? {} : { title }), metadata: { n, quoted: 'a "b"\nc' } },
    }),
  );

const hitOf = (object: ColdObject) => {
  const { id, properties, vector } = wireObject(object);
  const { record, terms } = properties;
  return { id, properties: { record, terms }, vector };
};

test("what is packed comes back as it was, an empty heading as none", () => {
  fc.assert(
    fc.property(objects, (object) => {
      const { id: _, chunkCount: __, vector: ___, ...shown } = object;
      const { heading, ...rest } = unpackRecord(packObject(object).record).shown;
      expect(rest).toEqual({ ...shown, heading: undefined });
      expect(heading ?? "").toBe(shown.heading ?? "");
    }),
    { numRuns: runs(200) },
  );
});

test("a hit says of the question's terms what reading its heading and text says", () => {
  let counted = 0;
  fc.assert(
    fc.property(objects, words, (object, question) => {
      const queried = queryTerms(question);
      const found = candidateOf(hitOf(object), { vector: direction(0.5), queryTerms: queried });
      expect(found?.lexical).toEqual(lexicalMatch(queried, object));
      expect(found?.cosine).toBe(dotProduct(object.vector, direction(0.5)));
      if (unpackRecord(packObject(object).record).shownTerms !== undefined) counted += 1;
    }),
    { numRuns: runs(500) },
  );
  expect(counted).toBeGreaterThan(runs(250));
});

test("terms of another version are not counted: the text is read", () => {
  const object = coldObject(freshTenant("record"), { id: "a", text: "quokka" });
  const { record, terms } = packObject(object);
  const older = record.replace(/^\[\d+,/, "[7,");
  expect(unpackRecord(record).shownTerms).toEqual({ from: 0, count: 1 });
  expect(unpackRecord(older).shownTerms).toBeUndefined();
  const asked = { vector: direction(0), queryTerms: ["quokka"] };
  const hit = { ...hitOf(object), properties: { record: older, terms: `x ${terms}` } };
  expect(candidateOf(hit, asked)?.lexical).toEqual({ frequencies: [1], length: 1 });
});

test("an object of before records is no candidate yet, and is read from its own properties", () => {
  const properties = { documentId: "a", version: 4, chunk: 1, text: "old", info: '{"title":"t"}' };
  const asked = { vector: direction(0), queryTerms: [] };
  const hit = { id: "i", properties: {}, vector: direction(0) };
  expect(candidateOf(hit, asked)).toBeUndefined();
  const found = { uuid: "i", properties, vectors: { default: Array.from(direction(0)) } };
  expect(objectOf(found)).toMatchObject({ documentId: "a", version: 4, info: { title: "t" } });
});

test.each(["", "no line", "[]\ntext", "{}\ntext", '[11,0,"a"\ntext'])(
  "a record that nothing of ours wrote is an outage, not an answer: %j",
  (record) => {
    expect(() => unpackRecord(record)).toThrow(
      expect.objectContaining({ code: "cold_unavailable" }),
    );
  },
);
