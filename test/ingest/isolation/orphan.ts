/**
 * With `parent` it forks itself, tells the child's process id on standard output, and waits. The
 * child computes for ever once it has said that it is watched. A program, not a test.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { endWithParent } from "../../../src/runtime/end-with-parent.ts";

if (process.argv[2] === "parent") {
  const child = fork(fileURLToPath(import.meta.url), ["child"], { stdio: "ignore" });
  child.once("message", () => process.stdout.write(`${child.pid}\n`));
} else {
  endWithParent(100);
  process.send?.("watched");
  setTimeout(() => {
    for (;;);
  }, 200);
}
