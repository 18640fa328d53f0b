import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accessOf, aclDefaults, admits, shownLabels } from "../../src/contract/access.ts";
import { limits } from "../../src/contract/limits.ts";

const label = fc.constantFrom("a", "b", "c", "team:ops", "группа", " a", "");
const labels = fc.option(fc.uniqueArray(label), { nil: undefined });
const groups = fc.array(label);
const aclDefault = fc.constantFrom(...aclDefaults);

describe("the clause of a credential", () => {
  it("is none without groups: the whole tenant is seen (AC3)", () => {
    expect(accessOf(undefined, "deny")).toBeUndefined();
    expect(admits(undefined, [])).toBe(true);
  });

  it("admits a document by one of its labels, or by its having none (AC2)", () => {
    const isLabel = (text: string): boolean => text !== "" && text.trim() === text;
    fc.assert(
      fc.property(groups, aclDefault, labels, (own, fallback, carried) => {
        const seen =
          carried === undefined
            ? fallback === "allow"
            : carried.some((each) => own.includes(each) && isLabel(each));
        expect(admits(accessOf(own, fallback), carried)).toBe(seen);
      }),
    );
  });

  it("lets nobody in to a document whose list of labels is empty", () => {
    for (const fallback of aclDefaults) expect(admits(accessOf(["a"], fallback), [])).toBe(false);
  });

  it("has the same key for the same groups in any order, and for no others", () => {
    fc.assert(
      fc.property(groups, groups, aclDefault, (one, other, fallback) => {
        const [left, right] = [accessOf(one, fallback), accessOf(other, fallback)];
        const written = (list: Iterable<string> = []): string => JSON.stringify([...list].sort());
        const isSame = written(left?.groups) === written(right?.groups);
        expect(left?.key === right?.key).toBe(isSame);
      }),
    );
    expect(accessOf(["a,b"], "allow")?.key).not.toBe(accessOf(["a", "b"], "allow")?.key);
    expect(accessOf(["a"], "allow")?.key).not.toBe(accessOf(["a"], "deny")?.key);
  });

  it("leaves out what can be no label, which only narrows it", () => {
    const wrong = ["", " a", "a\u0000", "\ud800", "x".repeat(limits.aclLabelCharsMax + 1)];
    expect([...(accessOf([...wrong, "a"], "allow")?.groups ?? [])]).toEqual(["a"]);
  });

  it("shows of a document's labels those that are the reader's own", () => {
    expect(shownLabels(accessOf(["b", "x"], "allow"), ["a", "b"])).toEqual(["b"]);
    expect(shownLabels(undefined, ["a", "b"])).toEqual(["a", "b"]);
  });
});
