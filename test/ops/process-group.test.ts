import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterEach, expect, it } from "vitest";
import { groupOf, isGroupAlive, killGroup } from "../../ops/servers/process-group.ts";
import { eventually } from "../support/promises.ts";

const parents: number[] = [];
afterEach(() => {
  for (const parent of parents.splice(0)) killGroup(parent);
});

/** A process that leads a group of its own, whose parent never asks how it ended. */
async function uncollected(program: string): Promise<number> {
  const script = `setsid ${program} & echo $!; exec sleep 60`;
  const parent = spawn("bash", ["-c", script], {
    ...{ detached: true, stdio: ["ignore", "pipe", "ignore"] },
  });
  parents.push(parent.pid ?? 0);
  const [line] = await once(createInterface(parent.stdout ?? process.stdin), "line");
  return Number(line);
}

it("a group is alive while a process of it runs, and not when all have ended uncollected (SV2)", async () => {
  const group = await uncollected("sleep 60");
  await eventually(() => expect(groupOf(group)).toEqual([group]));
  expect(isGroupAlive(group)).toBe(true);
  killGroup(group);
  await eventually(() => expect(isGroupAlive(group)).toBe(false));
  // It is still there for signals, which is what made this wait for process 1 of a container.
  expect(() => process.kill(-group, 0)).not.toThrow();
});

it("a group that never was is not alive, and killing it is no error", () => {
  const group = 2 ** 22 + 1;
  expect(isGroupAlive(group)).toBe(false);
  expect(() => killGroup(group)).not.toThrow();
});
