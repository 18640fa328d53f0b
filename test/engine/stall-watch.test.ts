import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const program = fileURLToPath(new URL("./stalling-main.ts", import.meta.url));

function endOf(what: string): Promise<string> {
  const child = fork(program, ["1000", what], { stdio: "ignore" });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(signal ?? String(code)));
  });
}

it("a main thread that computes for ever ends its process; one that serves its timers does not", async () => {
  expect(await Promise.all([endOf("stall"), endOf("end")])).toEqual(["SIGKILL", "0"]);
});
