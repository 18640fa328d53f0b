import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { capacityFor, type Load } from "../../src/cli/plan/capacity.ts";
import { measuredCosts } from "../../src/cli/plan/measured-costs.ts";
import { runHere } from "../support/run-cli.ts";

const load: Load = {
  documents: 1_000_000,
  chunksPerDocument: 4,
  documentChars: 2_400,
  documentsPerS: 20,
  questionsPerS: 50,
  resident: 0,
  replicas: 1,
  coresPerEngine: 4,
};

const run = (...args: string[]) => runHere(["plan", ...args]);

describe("a plan", () => {
  it("has as many engines as keep the cores seven tenths busy", () => {
    const { engines, busyCores } = capacityFor(load, measuredCosts);
    expect(engines).toBe(Math.ceil(busyCores / 0.7 / 4));
  });

  it("has as many engines as hold the resident chunks in 2 GiB of hot memory each", () => {
    const quiet = { ...load, documentsPerS: 0.001, questionsPerS: 0.001, resident: 1 };
    const { engines } = capacityFor(quiet, measuredCosts);
    expect(engines).toBe(Math.ceil((4_000_000 * measuredCosts.hotBytesPerChunk) / 2 ** 31));
  });

  it("has a second engine where a failure must be survived", () => {
    const small = { ...load, documents: 10, documentsPerS: 0.1, questionsPerS: 0.1 };
    expect(capacityFor(small, measuredCosts).engines).toBe(1);
    expect(capacityFor({ ...small, replicas: 3 }, measuredCosts).engines).toBe(2);
  });

  it("needs no less of anything when there is more to do", () => {
    const more = fc.record({
      key: fc.constantFrom("documents", "chunksPerDocument", "documentsPerS", "questionsPerS"),
      factor: fc.double({ min: 1, max: 100, noNaN: true }),
    });
    fc.assert(
      fc.property(more, ({ key, factor }) => {
        const less = capacityFor(load, measuredCosts);
        const greater = capacityFor(
          { ...load, [key]: load[key as keyof Load] * factor },
          measuredCosts,
        );
        expect(greater.engines).toBeGreaterThanOrEqual(less.engines);
        expect(greater.natsDiskBytes).toBeGreaterThanOrEqual(less.natsDiskBytes);
        expect(greater.weaviateDiskBytes).toBeGreaterThanOrEqual(less.weaviateDiskBytes);
      }),
    );
  });
});

describe("freshet plan", () => {
  it("says engines, memory and disk, and why", async () => {
    const { code, out } = await run("--documents", "1000000", "--questions-per-s", "50");
    expect(code).toBe(0);
    expect(out).toMatch(/^engines {3}\d+ with 4 cores and \d+\.\d GiB each\nNATS {6}1 server, /);
    expect(out).toContain("questions keep");
  });

  it("prints the sums and the costs it reckoned with as JSON", async () => {
    const { out } = await run("--documents", "1000", "--chunks-per-s", "500", "--json");
    const plan = JSON.parse(out);
    expect(plan.costs.embedChunksPerCoreS).toBe(500);
    expect(plan.engines).toBe(1);
  });

  it.each([
    ["--documents", "many"],
    ["--documents", "5", "--resident", "2"],
    ["--documents", "5", "--replicas", "2"],
    ["--documents", "5", "--questions-per-s", "0"],
    [],
  ])("refuses %j with a sentence", async (...args) => {
    const { code, err } = await run(...args.filter((arg) => arg !== undefined));
    expect(code).toBe(2);
    expect(err).toMatch(/a whole number|a share|Allowed choices|a number above 0|required option/);
  });
});
