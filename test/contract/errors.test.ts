import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ErrorCode,
  errorBody,
  errorFromBody,
  errorTable,
  FreshetError,
  toFreshetError,
} from "../../src/contract/errors.ts";

const codes = Object.keys(errorTable) as ErrorCode[];
const overTheWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe("the error table", () => {
  it.each(codes)("%s: a lower-case summary, and a status that agrees with retryable", (code) => {
    const { status, retryable, summary } = errorTable[code];
    expect(summary).toMatch(/^[a-zA-Z][^\n]*[^.\n]$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    // What the caller did wrong stays wrong; 408 and 429 are about the moment, not the request.
    if (status < 500) expect(retryable).toBe(status === 408 || status === 429);
  });

  it.each(codes)("%s comes back over the wire as it was sent", (code) => {
    const error = new FreshetError(code, undefined, { details: { behind: 3 } });
    const back = errorFromBody(overTheWire(errorBody(error)));
    expect(back).toBeInstanceOf(FreshetError);
    expect(back).toMatchObject({
      code,
      message: errorTable[code].summary,
      status: errorTable[code].status,
      retryable: errorTable[code].retryable,
      details: { behind: 3 },
    });
  });

  it("carries any message and any details", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...codes),
        fc.string(),
        fc.option(fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }), {
          nil: undefined,
        }),
        (code, message, details) => {
          const back = errorFromBody(
            overTheWire(errorBody(new FreshetError(code, message, { details }))),
          );
          expect({ ...back, message: back?.message }).toEqual({
            ...new FreshetError(code, message, { details }),
            message,
          });
        },
      ),
    );
  });
});

describe("errorBody", () => {
  it("has no details when there are none, and never the cause", () => {
    const error = new FreshetError("internal", "broken", { cause: new Error("private") });
    expect(errorBody(error)).toEqual({
      error: { code: "internal", message: "broken", retryable: false },
    });
    expect(Object.keys(errorBody(error).error)).not.toContain("details");
  });
});

describe("errorFromBody", () => {
  it.each([
    null,
    undefined,
    "error",
    [],
    {},
    { error: null },
    { error: "internal" },
    { error: {} },
    { error: { code: 5 } },
    { error: { code: "no_such_code" } },
    { error: { code: "constructor" } },
    { error: { code: "__proto__" } },
  ])("is undefined for %j", (body) => {
    expect(errorFromBody(body)).toBeUndefined();
  });

  it("takes status and retryable from its own table, not from the sender", () => {
    const lie = { error: { code: "unauthorized", message: 7, retryable: true, details: "x" } };
    expect(errorFromBody(lie)).toMatchObject({
      retryable: false,
      status: 401,
      message: errorTable.unauthorized.summary,
      details: undefined,
    });
  });
});

describe("toFreshetError", () => {
  it("leaves a FreshetError alone; all else is a broken invariant, with its cause", () => {
    const known = new FreshetError("overloaded");
    expect(toFreshetError(known)).toBe(known);
    const thrown = new TypeError("x is undefined");
    expect(toFreshetError(thrown)).toMatchObject({ code: "internal", cause: thrown });
    expect(toFreshetError("text").message).toBe("text");
    expect(toFreshetError(undefined).code).toBe("internal");
  });
});
