import { describe, expect, it } from "vitest";
import { sameOperation } from "../../src/contract/same-operation.ts";

const same = (one: string | Uint8Array, other: string | Uint8Array): boolean =>
  sameOperation(bytesOf(one), bytesOf(other));
const bytesOf = (payload: string | Uint8Array): Uint8Array =>
  typeof payload === "string" ? new TextEncoder().encode(payload) : payload;

describe("two payloads under one message id", () => {
  it.each([
    ["blanks", '{"id":"a","text":"x"}', '{ "id": "a",\n "text": "x" }'],
    ["the order of keys", '{"id":"a","text":"x"}', '{"text":"x","id":"a"}'],
    ["escapes", '{"id":"a","text":"\u00e9"}', '{"id":"a","text":"\\u00e9"}'],
    ["a default", '{"id":"a","text":"x"}', '{"op":"upsert","id":"a","text":"x"}'],
    [
      "the form of a number",
      '{"id":"a","text":"x","metadata":{"n":1}}',
      '{"id":"a","text":"x","metadata":{"n":1.0}}',
    ],
    [
      "the order of metadata",
      '{"id":"a","text":"x","metadata":{"b":1,"a":2}}',
      '{"id":"a","text":"x","metadata":{"a":2,"b":1}}',
    ],
    [
      "the form of a time and the order of labels",
      '{"id":"a","text":"x","timestamp":"2026-03-01T10:00:00Z","acl":["a","b"]}',
      '{"id":"a","text":"x","timestamp":1772359200,"acl":["b","a"]}',
    ],
    ["a delete's blanks", '{"op":"delete","id":"a"}', '{"id": "a", "op": "delete"}'],
  ])("say the same when they differ in %s", (_name, one, other) => {
    expect(same(one, other)).toBe(true);
  });

  it.each([
    ["text", '{"id":"a","text":"x"}', '{"id":"a","text":"x "}'],
    ["id", '{"id":"a","text":"x"}', '{"id":"A","text":"x"}'],
    ["operation", '{"id":"a","text":"x"}', '{"op":"delete","id":"a"}'],
    ["a field that one lacks", '{"id":"a","text":"x"}', '{"id":"a","text":"x","acl":[]}'],
    [
      "the type of a value",
      '{"id":"a","text":"x","metadata":{"n":1}}',
      '{"id":"a","text":"x","metadata":{"n":"1"}}',
    ],
    [
      "the order of a list",
      '{"id":"a","text":"x","metadata":{"n":[1,2]}}',
      '{"id":"a","text":"x","metadata":{"n":[2,1]}}',
    ],
    ["what is no document", "{broken", "{ broken"],
  ])("say something else when they differ in %s", (_name, one, other) => {
    expect(same(one, other)).toBe(false);
  });

  it("that are no documents, such as sealed ones, are compared by their bytes", () => {
    expect(same(Uint8Array.of(0xff, 1), Uint8Array.of(0xff, 1))).toBe(true);
    expect(same(Uint8Array.of(0xff, 1), Uint8Array.of(0xff, 2))).toBe(false);
  });
});
