import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { systemClock } from "../../../src/runtime/clock.ts";

const program = fileURLToPath(new URL("./orphan.ts", import.meta.url));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it("a child that computes for ever ends with its parent, also when that is killed", async () => {
  const parent = spawn(process.execPath, [program, "parent"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [said] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(said.toString());
  expect(isAlive(pid)).toBe(true);
  // Past the point where its event loop serves nothing any more.
  await systemClock.sleep(600);
  expect(isAlive(pid)).toBe(true);
  parent.kill("SIGKILL");
  while (isAlive(pid)) await systemClock.sleep(20);
});
