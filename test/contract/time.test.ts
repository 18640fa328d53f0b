import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkOperation } from "../../src/contract/document.ts";
import { parseTime, timeMs, timeSchema } from "../../src/contract/time.ts";

const accepts = (time: unknown): boolean => timeSchema.safeParse(time).success;

describe("a time", () => {
  test.each([
    ["2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000Z"],
    ["2026-03-01t10:00:00z", "2026-03-01T10:00:00.000Z"],
    ["2026-03-01 10:00:00Z", "2026-03-01T10:00:00.000Z"],
    ["2026-03-01T10:00Z", "2026-03-01T10:00:00.000Z"],
    ["2026-03-01T10:00:00-00:00", "2026-03-01T10:00:00.000Z"],
    ["2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00.000Z"],
    ["2026-03-01T00:15:00+23:59", "2026-02-28T00:16:00.000Z"],
    ["2026-03-01T10:00:00.1Z", "2026-03-01T10:00:00.100Z"],
    ["2026-03-01T10:00:00.123456789Z", "2026-03-01T10:00:00.123Z"],
    ["2026-03-01T10:00:00.999999999Z", "2026-03-01T10:00:00.999Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
    ["0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"],
    ["0099-12-31T23:59:59Z", "0099-12-31T23:59:59.000Z"],
    ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"],
    ["1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
    ["2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"],
  ])("as RFC 3339 allows it is understood (RFC1, RFC2): %s", (text, moment) => {
    expect(parseTime(text)).toBe(Date.parse(moment));
  });

  test.each([
    ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"],
    ["1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.000Z"],
    ["2015-07-01T02:59:60.500+03:00", "2015-07-01T00:00:00.500Z"],
  ])("may be a leap second at the end of a month (RFC3): %s", (text, moment) => {
    expect(parseTime(text)).toBe(Date.parse(moment));
  });

  test.each([
    ["0000-01-01T00:00:00+14:00", "0000-01-01T00:00:00.000Z"],
    ["9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59.999Z"],
  ])("that its offset pushes out of the years is their end (RFC4): %s", (text, moment) => {
    expect(parseTime(text)).toBe(Date.parse(moment));
  });

  test.each([
    "yesterday",
    "",
    "2026-03-01",
    "2026-03-01T10:00:00",
    "2026-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-03-01T24:00:00Z",
    "2026-03-01T10:60:00Z",
    "2026-03-01T10:00:61Z",
    "2026-03-01T10:00:60Z",
    "2016-12-31T22:59:60Z",
    "2026-03-01T10:00:00+24:00",
    "2026-03-01T10:00:00+02:60",
    "2026-03-01T10:00:00+0200",
    "2026-03-01T10:00:00.Z",
    "2026-03-01T10:00:00,5Z",
    "20260301T100000Z",
    "12026-03-01T10:00:00Z",
    "-2026-03-01T10:00:00Z",
    " 2026-03-01T10:00:00Z",
    "2026-03-01T10:00:00Z\n",
    "２０２６-03-01T10:00:00Z",
    `2026-03-01T10:00:00.${"1".repeat(64)}Z`,
    1_772_359_200_000,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    true,
    null,
    ["2026-03-01T10:00:00Z"],
  ])("is refused when it is none: %s", (time) => {
    expect(accepts(time)).toBe(false);
  });

  test("of any moment in any zone is that moment", () => {
    const at = fc.date({
      min: new Date("0001-01-02T00:00:00Z"),
      max: new Date("9999-12-30T00:00:00Z"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(at, fc.integer({ min: -1439, max: 1439 }), (date, offset) => {
        const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1);
        const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
        const zone = [hours, minutes].map((part) => String(part).padStart(2, "0")).join(":");
        const text = `${local}${offset < 0 ? "-" : "+"}${zone}`;
        expect(parseTime(text)).toBe(date.getTime());
        expect(parseTime(text.replace("T", "t"))).toBe(date.getTime());
      }),
    );
  });

  test("as unix seconds is kept in milliseconds, rounded", () => {
    expect([0, -0, 1.0004, 1.0006, -1.5].map(timeMs)).toEqual([0, 0, 1000, 1001, -1500]);
    expect(Object.is(timeMs(-0), 0)).toBe(true);
  });
});

describe("a document", () => {
  const check = (fields: object) => checkOperation({ id: "a", text: "words", ...fields }, 1_000);
  const refusal = (fields: object): string => {
    const checked = check(fields);
    return checked.ok ? "accepted" : `${checked.error.code}: ${checked.error.message}`;
  };

  test.each([1546130668394913822n, -1546130668394913822n, 2n ** 53n, 2n ** 63n])(
    "with a whole number that JSON would round is refused by field: %s",
    (number) => {
      const said =
        "invalid_document: metadata: a number beyond 9007199254740991 loses digits: send it as text";
      expect(refusal({ metadata: JSON.parse(`{"order": ${number}}`) })).toBe(said);
      expect(refusal({ metadata: JSON.parse(`{"orders": [1, ${number}]}`) })).toBe(said);
      expect(refusal({ metadata: JSON.parse(`{"order": ${number}.0}`) })).toBe(said);
    },
  );

  test("with a number that no float64 is, is refused the same way", () => {
    expect(refusal({ metadata: JSON.parse('{"size": 1e400}') })).toContain("send it as text");
    expect(refusal({ metadata: JSON.parse('{"sizes": [-1e400]}') })).toContain("send it as text");
  });

  test.each([
    "9007199254740991",
    "-9007199254740991",
    "-0",
    "0.12345678901234567890",
    "1e-400",
    "12345.678901234567890123",
  ])("keeps a number that is exact, or a decimal: %s", (literal) => {
    expect(check({ metadata: JSON.parse(`{"size": ${literal}}`) }).ok).toBe(true);
  });

  test("with a time that is none is told what one looks like", () => {
    expect(refusal({ timestamp: "yesterday" })).toBe(
      "invalid_document: timestamp: is no time as RFC 3339 writes it, such as 2026-03-01T10:00:00Z",
    );
    expect(refusal({ timestamp: 1_772_359_200_000 })).toContain("timestamp: is no unix time in s");
    expect(refusal({ timestamp: null })).toContain("timestamp: a time is RFC 3339 text");
  });
});
