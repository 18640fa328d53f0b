import { expect, it } from "vitest";
import { lagOf } from "../../src/cli/reembed/lag.ts";

const lag = { number: 2, before: 5, reached: 5, wanted: 9, waitedMs: 10_000, nodes: 1 };

it("a generation that comes nearer is not said to lack its model", () => {
  const said = lagOf({ ...lag, reached: 7 });
  expect(said).toMatch(/^generation 2 is at sequence 7, and has to reach 9: it comes nearer/);
  expect(said).toMatch(/run the command again$/);
});

it("one that nobody feeds is told so, and one that stands still sends to its engine's log", () => {
  expect(lagOf({ ...lag, nodes: 0 })).toMatch(/no engine runs that feeds it; start one$/);
  expect(lagOf(lag)).toMatch(/has not moved for 10 s: .*engine's log/);
});
