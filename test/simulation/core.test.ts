/**
 * The core under simulated faults: thousands of histories in which every call of every process is answered,
 * refused, lost, half done or done later, processes die at any step, zombies write, cold forgets and resurrects.
 */

import fc from "fast-check";
import { expect, it } from "vitest";
import { histories } from "./history.ts";
import { World } from "./world.ts";

const runs = 3_000;

it("any history: one record per operation, watermark and heads agree, and every answer is the oracle's (I1-I8)", async () => {
  const property = fc.asyncProperty(histories, (history) => new World().run(history));
  const found = await fc.check(property, { numRuns: runs });
  expect(found.failed ? fc.defaultReportMessage(found) : "held").toBe("held");
}, 120_000);
