import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { freePort } from "../ops/servers/ports.ts";

const module = fileURLToPath(new URL("../src/stray-requests.ts", import.meta.url));

function run(code: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const script = `import { surviveStrayRequests } from ${JSON.stringify(module)}; surviveStrayRequests(); ${code}`;
  return promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script]);
}

const goesOn = "setTimeout(() => console.log('alive'), 200);";

it("a process survives a request that nobody waits for, and says so", async () => {
  const { stdout, stderr } = await run(`fetch("http://127.0.0.1:${await freePort()}"); ${goesOn}`);
  expect(stdout).toBe("alive\n");
  expect(stderr).toMatch(/^freshet: a request that nobody waits for failed: Error: connect/);
});

it("any other rejection that nobody handles still ends it", async () => {
  await expect(run(`Promise.reject(new TypeError("a bug")); ${goesOn}`)).rejects.toThrow("a bug");
});
