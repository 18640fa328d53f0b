import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addClause, filterJson } from "../../src/cli/filter-flags.ts";

describe("a filter of the command line", () => {
  it.each([
    ["id=42", { id: "42" }],
    ["title=true", { title: "true" }],
    ["source=1", { source: "1" }],
    ["metadata.zip=01234", { "metadata.zip": "01234" }],
    ["metadata.release=1.10", { "metadata.release": "1.10" }],
    ["metadata.card=1546130668394913822", { "metadata.card": "1546130668394913822" }],
    ["metadata.size=1e3", { "metadata.size": "1e3" }],
    ["metadata.size=-0", { "metadata.size": "-0" }],
    ["metadata.size=+7", { "metadata.size": "+7" }],
    ["metadata.hex=0x10", { "metadata.hex": "0x10" }],
    ["metadata.blank=", { "metadata.blank": "" }],
    ["metadata.space= 7", { "metadata.space": " 7" }],
    ["metadata.inf=Infinity", { "metadata.inf": "Infinity" }],
    ["metadata.formula=a=b", { "metadata.formula": "a=b" }],
    ["metadata.url=http://x:=y", { "metadata.url": "http://x:=y" }],
  ])("takes a value as it is written: %s", (flag, filter) => {
    expect(addClause(flag)).toEqual(filter);
  });

  it.each([
    ["metadata.floor=3", { "metadata.floor": ["3", 3] }],
    ["metadata.open=true", { "metadata.open": ["true", true] }],
    ["metadata.t=-1.5", { "metadata.t": ["-1.5", -1.5] }],
  ])("finds what may have been sent as text or not: %s", (flag, filter) => {
    expect(addClause(flag)).toEqual(filter);
  });

  it.each([
    ["timestamp=1772359200", { timestamp: 1_772_359_200 }],
    ["timestamp=2026-03-01T10:00:00Z", { timestamp: "2026-03-01T10:00:00Z" }],
    ["published_at=0", { published_at: 0 }],
  ])("takes a time as seconds or RFC 3339: %s", (flag, filter) => {
    expect(addClause(flag)).toEqual(filter);
  });

  it.each([
    ["metadata.n:=5", { "metadata.n": 5 }],
    ['metadata.n:="5"', { "metadata.n": "5" }],
    ['metadata.year:={"gte":2020}', { "metadata.year": { gte: 2020 } }],
    ['id:=["a","b"]', { id: ["a", "b"] }],
  ])("takes a type from JSON: %s", (flag, filter) => {
    expect(addClause(flag)).toEqual(filter);
  });

  it.each([
    "lang",
    "=x",
    ":=1",
    "metadata.a:=",
    "metadata.a:=x",
    "metadata.a:=9007199254740993",
    'metadata.a:={"gte":9007199254740993}',
    "nofield=1",
    "type=eq",
    "Metadata.a=1",
    "timestamp=yesterday",
    'id:={"gt":1}',
    "metadata.a:={}",
  ])("refuses what cannot be meant: %s", (flag) => {
    expect(() => addClause(flag)).toThrow();
  });

  it("says which field is none, and which there are", () => {
    expect(() => addClause("nofield=1")).toThrow("nofield is no field: id, title");
    expect(() => filterJson('{"nofield": 1}')).toThrow("nofield");
  });

  it("refuses a field that is there twice, instead of forgetting the first", () => {
    expect(() => addClause("id=b", addClause("id=a"))).toThrow("twice");
  });

  it("always finds the text as it was typed", () => {
    fc.assert(
      fc.property(fc.string(), (raw) => {
        const wanted = addClause(`metadata.k=${raw}`)["metadata.k"];
        expect([wanted].flat()).toContain(raw);
      }),
    );
  });
});

describe("a whole filter in JSON", () => {
  it("is taken as it is", () => {
    const filter = { type: "and", filters: [{ type: "gte", key: "n", value: 1 }] };
    expect(filterJson(JSON.stringify(filter))).toEqual(filter);
  });

  it.each(["", "[]", "7", "null", "{", '{"a": 9007199254740993}'])("is an object: %j", (text) => {
    expect(() => filterJson(text)).toThrow();
  });
});
