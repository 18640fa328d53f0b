import { expect, it } from "vitest";
import { joiningLine, recoveryLine, recoveryOf } from "../../src/contract/recovery.ts";

it("sums tenants into one line", () => {
  const recovery = recoveryOf([
    { state: "ready", records_to_replay: 700, records_replayed: 700, operations_behind: 0 },
    { state: "recovering", records_to_replay: 500, records_replayed: 20, operations_behind: 7 },
    { state: "recovering", records_to_replay: 0, records_replayed: 0, operations_behind: 0 },
  ]);
  expect(recoveryLine(recovery)).toBe(
    "1 of 3 tenants are ready, 720 of 1200 records replayed, 7 operations to catch up",
  );
});

it("says what is not here yet, and that a full log is why", () => {
  expect(joiningLine({ joining: 0, blocked_by: "overloaded" })).toBeUndefined();
  expect(joiningLine({ joining: 2 })).toBe("2 partitions of this node are not here yet");
  expect(joiningLine({ joining: 2, blocked_by: "overloaded" })).toContain("the log is full");
});
