import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it } from "vitest";
import type { TenantId } from "../../../src/contract/ids.ts";
import { silentLogger } from "../../../src/contract/observation.ts";
import { createChildIsolation } from "../../../src/ingest/isolation/child-process.ts";
import type { Isolation } from "../../../src/ingest/isolation/port.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { codeOf } from "../../support/promises.ts";
import { testKey } from "../../support/redactor.ts";

const acme = "acme" as TenantId;
const program = fileURLToPath(new URL("./misbehaving-child.ts", import.meta.url));
const opened: Isolation[] = [];

afterEach(async () => {
  for (const isolation of opened.splice(0)) await isolation.close();
});

function open(options: { readonly argument?: string; readonly idleMs?: number } = {}) {
  const children: ChildProcess[] = [];
  const { argument = "well", idleMs = 60_000 } = options;
  const isolation = createChildIsolation({
    fork: () => {
      const child = fork(program, [argument], { serialization: "advanced", stdio: "ignore" });
      children.push(child);
      return child;
    },
    documentTextBytesMax: 1_000,
    redactionKeyOf: () => testKey,
    clock: systemClock,
    logger: silentLogger,
    limits: {
      attemptsMax: 3,
      readyMs: argument === "mute" ? 300 : 20_000,
      silenceMs: 500,
      idleMs,
      backoff: { backoffMinMs: 10, backoffMaxMs: 20 },
    },
  });
  opened.push(isolation);
  const work = (word: string, signal = new AbortController().signal, tenant = acme) =>
    isolation.process(new TextEncoder().encode(word), signal, tenant);
  return { isolation, children, work };
}

const failed = (word: string) => ({
  kind: "reject",
  documentId: `the ${word}`,
  reason: "document_failed",
  message: "the document could not be processed",
});

it("works on documents one after the other in one child", async () => {
  const { work, children } = open();
  const outcomes = await Promise.all(["a", "b", "c"].map((word) => work(word)));
  expect(outcomes).toEqual(
    ["a", "b", "c"].map((w) => ({ kind: "delete", documentId: `the ${w}` })),
  );
  expect(children).toHaveLength(1);
});

it.each(["die", "hang", "mute"])(
  "CI1, CI2: a document that makes each child %s is rejected, and the next one is not",
  async (word) => {
    const { work, children } = open();
    const [deadly, next] = await Promise.all([work(word), work("innocent")]);
    expect(deadly).toEqual(failed(word));
    expect(next).toEqual({ kind: "delete", documentId: "the innocent" });
    expect(children).toHaveLength(4);
  },
);

it("CI1: a child that is killed by hand once or twice costs its document nothing", async () => {
  const { work, children } = open();
  await work("first");
  for (let kills = 0; kills < 2; kills += 1) {
    const working = work("innocent");
    children.at(-1)?.kill("SIGKILL");
    expect(await working).toEqual({ kind: "delete", documentId: "the innocent" });
  }
});

it("gives the refusal of the model back as it is, and keeps the child", async () => {
  const { work, children } = open();
  expect(await codeOf(work("refuse"))).toBe("embedding_failed");
  await work("next");
  expect(children).toHaveLength(1);
});

it.each(["dead", "mute"])(
  "CI3: children that never become ready (%s) blame nobody",
  async (argument) => {
    const { work } = open({ argument });
    expect(await codeOf(work("innocent"))).toBe("embedding_unavailable");
  },
);

it("CI4: a caller that goes is answered at once, in work or waiting, and those behind it go on", async () => {
  const { work } = open();
  const caller = new AbortController();
  const gone = [work("mute", caller.signal), work("a", caller.signal)];
  const next = work("next");
  caller.abort();
  expect(await Promise.all(gone.map(codeOf))).toEqual(["cancelled", "cancelled"]);
  expect(await next).toEqual({ kind: "delete", documentId: "the next" });
});

it("CI4: closing answers everybody and leaves no child", async () => {
  const { work, isolation, children } = open();
  await work("first");
  const waiting = Promise.all([work("mute"), work("a")].map(codeOf));
  await isolation.close();
  expect(await waiting).toEqual(["cancelled", "cancelled"]);
  for (const { exitCode, signalCode } of children) expect(exitCode ?? signalCode).not.toBeNull();
  expect(await codeOf(work("late"))).toBe("cancelled");
});

it("CI5: one tenant's suspects, however many, keep another's waiting for one of them only (B4)", async () => {
  const { work } = open();
  const order: string[] = [];
  const flood = Array.from({ length: 20 }, (_, index) =>
    work(`a${index}`).then(() => order.push("acme")),
  );
  const other = work("b", undefined, "globex" as TenantId).then(() => order.push("globex"));
  await Promise.all([...flood, other]);
  expect(order.indexOf("globex")).toBeLessThanOrEqual(2);
});

it("ends a child that nobody needs any more", async () => {
  const { work, children } = open({ idleMs: 50 });
  await work("first");
  await new Promise((resolve) => children[0]?.once("exit", resolve));
  await work("second");
  expect(children).toHaveLength(2);
});
