/**
 * RD1 and RD4 for texts that are made to cost. Work is counted, so that no machine is too slow for
 *    this test.
 */

import fc from "fast-check";
import type * as PhoneNumbers from "libphonenumber-js/max";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { Spent } from "../../src/text/recognisers/effort.ts";
import { questionRedactor } from "../../src/text/redact-fields.ts";
import { type RedactOptions, redact as redactUnder } from "../../src/text/redaction.ts";
import { testKey, testRedactor, withoutDigests } from "../support/redactor.ts";
import { runs } from "../support/runs.ts";
import { adversarialText } from "./adversarial-texts.ts";

const calls = vi.hoisted(() => ({ count: 0 }));
vi.mock("libphonenumber-js/max", async (original) => {
  const real = await original<typeof PhoneNumbers>();
  const counted =
    <Arguments extends unknown[], Result>(check: (...given: Arguments) => Result) =>
    (...given: Arguments): Result => {
      calls.count += 1;
      return check(...given);
    };
  return {
    ...real,
    isPossiblePhoneNumber: counted(real.isPossiblePhoneNumber),
    isValidPhoneNumber: counted(real.isValidPhoneNumber),
  };
});

const chars = 1_024;
/** Of each look, of which the last checks nothing new. */
const checksMax = 2 * (limits.redactionCandidatesMin + limits.redactionCandidatesPerKiBMax);
/** Each look goes over the text once, and over the characters near a find a few times more. */
const visitsPerCharacterMax = 60;

const redact = (text: string, options: Partial<RedactOptions> = {}) => {
  const redacted = redactUnder(text, { key: testKey, ...options });
  return { ...redacted, text: withoutDigests(redacted.text) };
};

const repeated = (unit: string): string => unit.repeat(Math.ceil(chars / unit.length));

describe("redaction of a text that is made to cost", () => {
  beforeEach(() => {
    calls.count = 0;
  });

  test("RD1, RD4: stays within its checks and visits, and a second redaction finds nothing more", () => {
    fc.assert(
      fc.property(adversarialText(chars), (text) => {
        calls.count = 0;
        const spent = new Spent();
        const once = redactUnder(text, { key: testKey, spent }).text;
        expect(calls.count).toBeLessThanOrEqual(checksMax);
        expect(spent.visits).toBeLessThanOrEqual(visitsPerCharacterMax * chars);
        expect(redactUnder(once, { key: testKey }).text).toBe(once);
      }),
      { numRuns: runs(500) },
    );
  });

  test("a question that stopped a node for half a second costs a bounded number of checks", () => {
    redact(`${"+12025550123".repeat(17)} ${repeated("001 001 001 001 001 ")}`.slice(0, chars));
    expect(calls.count).toBeLessThanOrEqual(checksMax);
  });

  test("numbers joined by a plus are all found, however many", () => {
    const { text, counts } = redact("+12025550123".repeat(400));
    expect(counts.PHONE).toBe(400);
    expect(text).toBe("[PHONE]".repeat(400));
  });

  test("RD1: of more candidates than may be checked none is left, whichever came first", () => {
    // No country has the code 999, and each number is another one: all would stay if all were
    // checked.
    const numbers = Array.from({ length: 400 }, (_, n) => `+999 ${100_000 + n}`);
    const few = numbers.slice(0, 20).join("; ");
    expect(redact(few).text).toBe(few);
    const { text } = redact(numbers.join("; "));
    expect(calls.count).toBeLessThanOrEqual(
      20 + limits.redactionCandidatesMin + 6 * limits.redactionCandidatesPerKiBMax,
    );
    expect(new Set(text.split("; "))).toEqual(new Set(["[PHONE]"]));
  });

  test("the texts of a question share one bound", () => {
    const { line } = questionRedactor(testRedactor);
    const redactOne = (text: string): string => withoutDigests(line(text));
    for (let n = 0; n < 64; n += 1) redactOne(`+999 ${100_000 + n}0, +999 ${100_000 + n}1`);
    expect(calls.count).toBeLessThanOrEqual(limits.questionRedactionCandidatesMax);
    expect(redactOne("+999 1234567")).toBe("[PHONE]");
  });

  test("a private key whose end never comes goes to where no key could go on, however far that is", () => {
    const begin = `-----BEGIN ${"PRIVATE"} KEY-----`;
    expect(redact(`${begin}\n${"QUJD\n".repeat(8_000)}==. The end.`).text).toBe(
      "[API_KEY]. The end.",
    );
  });

  test("a text of nothing but beginnings of private keys is searched for their ends once", () => {
    const { counts } = redact(`-----BEGIN ${"PRIVATE"} KEY-----! `.repeat(5_000));
    expect(counts.API_KEY).toBe(5_000);
  });
});
