import { bundleWorkflowCode } from "@temporalio/worker";
import { describe, expect, it } from "vitest";
import { workflowsPath } from "../../src/merges/temporal/bundle.ts";

describe("the workflows", () => {
  it("bundle without anything that a replay could see differently", async () => {
    const lines: string[] = [];
    const log = (...parts: unknown[]): void => void lines.push(parts.join(" "));
    const logger = { log, trace: log, debug: log, info: log, warn: log, error: log };
    // Fails by itself when a workflow imports node built-ins or a forbidden package.
    const { code } = await bundleWorkflowCode({ workflowsPath, logger });
    expect(code).toContain("mergeTenant");
    expect(code).toContain("mergeSweep");
    // What only activities need must not slip in through a shared file.
    for (const stranger of ["node_modules/zod", "src/log/", "src/cold/", "activities/"]) {
      expect(code, stranger).not.toContain(`${stranger}`);
    }
  });
});
