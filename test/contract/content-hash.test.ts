import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { contentHash } from "../../src/contract/content-hash.ts";
import { parseOperation, type UpsertOperation } from "../../src/contract/document.ts";

function published(json: string): UpsertOperation {
  const parsed = parseOperation(Buffer.from(json), 1_000);
  if (!parsed.ok || parsed.operation.op !== "upsert") throw new Error("not accepted");
  return parsed.operation;
}

const hashOf = (fields: Readonly<Record<string, unknown>>): string =>
  contentHash(published(JSON.stringify({ id: "d", text: "a text", ...fields })));

describe("the content hash", () => {
  test("is what its definition says, so that another program can make it", () => {
    const fields = { timestamp: 5, acl: ["b", "a"], metadata: { z: 1, a: ["é"] } };
    const array =
      '["freshet-content-1","a text",null,null,5000,null,null,["a","b"],[["a",["é"]],["z",1]]]';
    const digest = createHash("sha256").update(array).digest("hex");
    expect(hashOf(fields)).toBe(digest.slice(0, 32));
  });

  test("is the same whatever the order of keys, also of keys that are numbers", () => {
    const entries = fc.uniqueArray(
      fc.tuple(fc.oneof(fc.nat(30).map(String), fc.constantFrom("a", "B", "ä")), fc.integer()),
      { selector: ([key]) => key, maxLength: 8 },
    );
    fc.assert(
      fc.property(entries, fc.infiniteStream(fc.nat()), (pairs, order) => {
        const shuffled = [...pairs]
          .map((pair) => ({ pair, at: order.next().value as number }))
          .sort((left, right) => left.at - right.at)
          .map(({ pair }) => pair);
        const metadata = Object.fromEntries(pairs);
        expect(hashOf({ metadata: Object.fromEntries(shuffled) })).toBe(hashOf({ metadata }));
      }),
    );
  });

  test("is the same for the same time, language and set of labels, however they are written", () => {
    const one = { timestamp: "1970-01-01T01:00:05+01:00", language: "DE-ch", acl: ["b", "a", "b"] };
    const other = { timestamp: 5, language: "de-CH", acl: ["a", "b"], id: "another", op: "upsert" };
    expect(hashOf(one)).toBe(hashOf(other));
  });

  test.each([
    ["text", { text: "b text" }],
    ["title", { title: "" }],
    ["source", { source: "a text" }],
    ["timestamp", { timestamp: 0 }],
    ["expiry", { expires_at: 0 }],
    ["language", { language: "en" }],
    ["labels, even an empty set", { acl: [] }],
    ["metadata, even none of it", { metadata: {} }],
    ["the type of a value", { metadata: { a: "1" } }],
  ])("changes with the %s", (_field, fields) => {
    expect(hashOf(fields)).not.toBe(hashOf({}));
    expect(hashOf({ metadata: { a: "1" } })).not.toBe(hashOf({ metadata: { a: 1 } }));
  });
});
