import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Plants, plantKinds, written } from "./kinds.ts";
import { needlesOf, Scanner } from "./scan.ts";

const value = "Quirin.Zauberhaft+9@lighthouse.example";
const scanner = new Scanner(needlesOf("it", value));
const isFound = (text: string): boolean => scanner.text(text).has("it");

describe("the scan for planted values", () => {
  it("finds a value as it is, at the beginning, in the middle and at the end", () => {
    for (const text of [value, `x ${value}`, `${value} y`, `x${value}y`])
      expect(isFound(text)).toBe(true);
    expect(isFound("Nobody is at the light house, example or not.")).toBe(false);
  });

  it("finds a date without separators alone, and not as a part of a time or of a digest", () => {
    const dates = new Scanner(needlesOf("date", "16.12.1958"));
    const isDate = (text: string): boolean => dates.text(text).has("date");
    for (const text of ["16.12.1958", "x16.12.1958y", "16121958", "born:16121958,", "a 16121958"]) {
      expect(isDate(text), text).toBe(true);
    }
    for (const text of ["1796161219580000000", "b16121958c0", "161219581"]) {
      expect(isDate(text), text).toBe(false);
    }
  });

  it("finds it in UTF-16", () => {
    expect(scanner.text(Buffer.from(value, "utf16le")).has("it")).toBe(true);
  });

  it.each<readonly [string, (text: string) => string]>([
    ["base64", (text: string) => Buffer.from(`ab${text}c`).toString("base64")],
    ["base64, one byte on", (text: string) => Buffer.from(`abc${text}c`).toString("base64")],
    ["base64, two bytes on", (text: string) => Buffer.from(`abcd${text}c`).toString("base64")],
    ["hexadecimal", (text: string) => Buffer.from(text).toString("hex")],
    ["percent escapes", (text: string) => encodeURIComponent(text)],
    ["other case", (text: string) => text.toUpperCase()],
    ["no separators", (text: string) => text.replaceAll(/\W/g, "")],
    ["escapes of JSON", (text: string) => text.replaceAll("@", "\\u0040")],
    ["a part", (_: string) => "only zauberhaft is left"],
  ])("finds it in %s", (_name, change) => {
    expect(isFound(change(value))).toBe(true);
  });

  it("finds what lies across the blocks of a file, each as often as it is there", () => {
    const folder = mkdtempSync(join(tmpdir(), "freshet-scan-"));
    try {
      const file = join(folder, "file");
      const before = Buffer.alloc(4 * 1024 * 1024 - 10, "x");
      writeFileSync(file, Buffer.concat([before, Buffer.from(`ABCDEFGHIJ0123456789`), before]));
      const small = new Scanner(needlesOf("across", "abcdefghij0123456789"));
      expect(small.file(file).get("across")).toBe(1);
      expect(small.file(join(folder, "none")).size).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("finds each of many in any bytes around them, and nothing else", () => {
    const plants = new Plants(5);
    const all = Array.from({ length: 3 * plantKinds.length }, () => plants.next());
    const many = new Scanner(all.flatMap((plant, at) => needlesOf(String(at), plant.value)));
    const anywhere = fc.tuple(
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(all.length - 1),
      fc.uint8Array({ maxLength: 40 }),
    );
    fc.assert(
      fc.property(anywhere, ([before, at, after]) => {
        const text = Buffer.from(written(all[at] as (typeof all)[0]));
        const bytes = Buffer.concat([before, Buffer.from(" "), text, Buffer.from(" "), after]);
        expect([...many.text(bytes).keys()]).toEqual([String(at)]);
      }),
      { numRuns: 60 },
    );
  });

  it("has thirty kinds of values and more, none given twice", () => {
    expect(plantKinds.length).toBeGreaterThanOrEqual(30);
    const plants = new Plants(7);
    const given = Array.from({ length: 1_000 }, () => plants.next().value);
    expect(new Set(given).size).toBe(given.length);
  });
});
