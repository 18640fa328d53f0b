import { expect, it } from "vitest";
import { linesOf, stateOf } from "../../src/cli/reembed/print.ts";
import { firstGeneration } from "../../src/contract/generation.ts";
import type { TenantId } from "../../src/contract/ids.ts";

it("the status of a build that never began says why, and what goes on", () => {
  const why = "no model nope in /models; install it: ops/setup/main.ts --model <name>";
  const generations = firstGeneration;
  const outcome = { status: "FAILED", why };
  const state = stateOf({ tenant: "acme" as TenantId, generations, outcome });
  expect(state).toMatchObject({ phase: "idle", failed: "FAILED", why });
  expect(linesOf(state)).toContainEqual(
    `its workflow is failed (${why}): freshet reembed start --tenant acme goes on, or abandon gives it up`,
  );
});

it("the status of a build that is tried again says why, and how to give it up", () => {
  const why = "the graph makes vectors of 30522 dimensions, expected 128";
  const outcome = { status: "RUNNING", why };
  const state = stateOf({ tenant: "acme" as TenantId, generations: firstGeneration, outcome });
  expect(state).toMatchObject({ phase: "idle", why });
  expect(linesOf(state)).toContainEqual(
    `its last step failed and is tried again: ${why}; abandon gives it up`,
  );
});
