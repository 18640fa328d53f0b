import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type BurnRule, burnRules, expectedAt, type Outcome, type Sample } from "./burn-rate.ts";
import { compare } from "./objectives.ts";

const minuteMs = 60_000;
const rule = burnRules.find(({ alert }) => alert === "FreshetFreshnessBurnsFast") as BurnRule;

/** A sample a second: of each minute's sixty the first `bad` ones are bad. */
function samplesOf(badByMinute: readonly number[], outcome: Outcome = "bad"): readonly Sample[] {
  return badByMinute.flatMap((bad, minute) =>
    Array.from({ length: 60 }, (_, second) => ({
      objective: "freshness" as const,
      atMs: minute * minuteMs + second * 1_000,
      outcome: second < bad ? outcome : ("good" as const),
    })),
  );
}

describe("what a burn-rate alert should say", () => {
  it("is nothing while all is well, and nothing at all before there is enough to tell", () => {
    const samples = samplesOf(Array(10).fill(0));
    expect(expectedAt(rule, samples, 10_000)).toBe("unsure");
    expect(expectedAt(rule, samples, 10 * minuteMs)).toBe("silent");
  });

  it("is that it burns once it has burnt for the rule's time, in both windows", () => {
    const samples = samplesOf([0, 0, 0, 60, 60, 60, 60, 60, 60]);
    expect(expectedAt(rule, samples, 3 * minuteMs)).toBe("silent");
    expect(expectedAt(rule, samples, 5 * minuteMs)).toBe("unsure");
    expect(expectedAt(rule, samples, 9 * minuteMs)).toBe("firing");
  });

  it("is silence again when the short window is clean, however much the long one holds", () => {
    const samples = samplesOf([60, 60, 60, 60, 60, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(expectedAt(rule, samples, 5 * minuteMs)).toBe("firing");
    expect(expectedAt(rule, samples, 12 * minuteMs)).toBe("silent");
  });

  it("is left open near the bound, and where nobody answered", () => {
    expect(expectedAt(rule, samplesOf(Array(12).fill(9)), 12 * minuteMs)).toBe("unsure");
    expect(expectedAt(rule, samplesOf(Array(12).fill(60), "unknown"), 12 * minuteMs)).toBe(
      "unsure",
    );
  });

  it("is compared moment by moment with what fired", () => {
    const samples = samplesOf([...Array(5).fill(0), ...Array(7).fill(60)]);
    const moments = [4, 12].map((minute) => minute * minuteMs);
    const right = compare(samples, new Set([`${rule.alert} ${12 * minuteMs}`]), moments);
    expect(right.judged[rule.alert]).toEqual({ firing: 1, silent: 1, fired: 1 });
    expect(right.wrong).toEqual([]);
    const inverse = compare(samples, new Set([`${rule.alert} ${4 * minuteMs}`]), moments);
    expect(inverse.wrong).toEqual([
      `${rule.alert} fired at 1970-01-01T00:04:00.000Z`,
      `${rule.alert} was silent at 1970-01-01T00:12:00.000Z`,
    ]);
  });

  it("rests on the rules that operators get", () => {
    const file = new URL("../../ops/prometheus/alerts.yml", import.meta.url);
    const { groups } = parse(readFileSync(file, "utf8")) as {
      groups: { rules: { alert: string; expr: string; for: string }[] }[];
    };
    const alerts = groups.flatMap(({ rules }) => rules).filter(({ alert }) => /Burns/.test(alert));
    const windowOf = (ms: number): string =>
      ms < 60 * minuteMs ? `${ms / minuteMs}m` : `${ms / 60 / minuteMs}h`;
    expect(
      alerts.map(({ alert, expr, for: held }) => ({
        alert,
        held,
        windows: expr.match(/\d+[mh]/g),
        shares: expr
          .match(/[\d.]+ \* [\d.]+/g)
          ?.map((product) => product.split(" * ").reduce((all, each) => all * Number(each), 1)),
      })),
    ).toEqual(
      burnRules.map(({ alert, share, shortMs, longMs, forMs }) => ({
        ...{ alert, held: windowOf(forMs), shares: [share, share] },
        windows: [windowOf(shortMs), windowOf(longMs)],
      })),
    );
  });
});
