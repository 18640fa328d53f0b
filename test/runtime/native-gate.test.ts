import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { NativeGate, NativeGateKeeper } from "../../src/runtime/native-gate.ts";

test("threads that build graphs are ended, and their process ends, without an abort (NG1)", async () => {
  const program = fileURLToPath(new URL("./fixtures/end-threads.ts", import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (data: Buffer) => {
    errors += data.toString();
  });
  const end = await new Promise((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal })),
  );
  expect({ end, errors }).toEqual({ end: { code: 7, signal: null }, errors: "" });
}, 60_000);

test("a closed gate lets no call begin, and waits for all that have", async () => {
  const keeper = new NativeGateKeeper();
  const gate = new NativeGate(keeper.memory);
  const ends: (() => void)[] = [];
  const calls = [1, 2].map(() =>
    gate.run(() => new Promise<void>((resolve) => void ends.push(resolve))),
  );
  let isClosed = false;
  const closing = keeper.close().then((value) => {
    isClosed = value;
  });
  expect(() => gate.runSync(() => "called")).toThrow("this thread is being ended");
  ends[0]?.();
  await calls[0];
  expect(isClosed).toBe(false);
  ends[1]?.();
  await Promise.all([...calls, closing]);
  expect(isClosed).toBe(true);
  expect(await keeper.close()).toBe(true);
  expect(keeper.closeNow()).toBe(true);
  keeper.forget();
});
