import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { Conversion } from "../../src/ingest/formats/conversion.ts";
import { isReadHere, openFileReader } from "../../src/ingest/formats/reader.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { readNamed } from "./support.ts";

const made: Conversion[] = [];
const children: ChildProcess[] = [];
afterEach(async () => {
  await Promise.all(made.splice(0).map((conversion) => conversion.close()));
  children.length = 0;
});

/** The child does what the request's text says. */
function conversionWith(limits: Partial<{ readyMs: number; deadlineMs: number }> = {}): Conversion {
  const conversion = new Conversion({
    fork: () => {
      const child = fork(fileURLToPath(new URL("./misbehaving-converter.ts", import.meta.url)), {
        serialization: "advanced",
        stdio: ["ignore", "ignore", "ignore", "ipc"],
      });
      children.push(child);
      return child;
    },
    clock: systemClock,
    limits: { readyMs: 20_000, deadlineMs: 20_000, attemptsMax: 2, ...limits },
  });
  made.push(conversion);
  return conversion;
}

const file = (order: string) => ({ kind: "text" as const, bytes: Buffer.from(order) });

describe("conversions in a process of their own", () => {
  test("a file that ends the process is broken, and the next one is read (CV2)", async () => {
    const conversion = conversionWith();
    expect(await conversion.convert(file("die"))).toEqual([{ skipped: "broken" }]);
    expect(children).toHaveLength(2);
    expect(await conversion.convert(file("fine"))).toEqual([{ text: "fine" }]);
  });

  test("a file that hangs the process is slow, and the next one is read (CV1)", async () => {
    const conversion = conversionWith({ deadlineMs: 1_500 });
    const waiting = [conversion.convert(file("hang")), conversion.convert(file("fine"))];
    expect(await Promise.all(waiting)).toEqual([[{ skipped: "slow" }], [{ text: "fine" }]]);
  });

  test("a process that is ended by hand blames no file (CV2)", async () => {
    const conversion = conversionWith();
    const slow = conversion.convert(file("once"));
    while (children.length === 0) await systemClock.sleep(5);
    await once(children[0] as ChildProcess, "message");
    children[0]?.kill("SIGKILL");
    expect(await slow).toEqual([{ text: "once" }]);
  });

  test("a process that does not start blames no file (CV3)", async () => {
    const conversion = new Conversion({
      fork: () =>
        fork(join(import.meta.dirname, "nowhere.ts"), {
          stdio: "ignore",
          serialization: "advanced",
        }),
      clock: systemClock,
      limits: { readyMs: 20_000, deadlineMs: 1_000, attemptsMax: 2 },
    });
    await expect(conversion.convert(file("fine"))).rejects.toMatchObject({ code: "internal" });
  });

  test("ends with the process that started it, whatever it computes", async () => {
    const parent = fork(fileURLToPath(new URL("./orphaned-converter.ts", import.meta.url)), {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    const [pid] = (await once(parent, "message")) as [number];
    parent.kill("SIGKILL");
    await once(parent, "exit");
    const isRunning = () => existsSync(`/proc/${pid}`);
    for (let waited = 0; isRunning() && waited < 200; waited += 1) await systemClock.sleep(50);
    expect(isRunning()).toBe(false);
  });
});

describe("a large text of lines", () => {
  test("is read by the process, whose memory is bounded, and plain text is not", () => {
    const large = limits.readHereBytesMax + 1;
    expect(isReadHere("markdown", limits.readHereBytesMax)).toBe(true);
    for (const kind of ["markdown", "asciidoc", "rst"] as const) {
      expect(isReadHere(kind, large), kind).toBe(false);
    }
    expect(isReadHere("text", large)).toBe(true);
    expect(isReadHere("pdf", 1)).toBe(false);
  });

  test("says the same there", async () => {
    const reader = openFileReader({ documentTextBytesMax: 64 * 1024 * 1024 });
    const line = "The ferry leaves at ten past eight.\n";
    const text = `# Ferries\n\n${line.repeat(Math.ceil(limits.readHereBytesMax / line.length))}`;
    try {
      const { documents, skipped } = await readNamed(reader, "ferries.md", text);
      expect(skipped).toEqual([]);
      expect(documents.map(({ title }) => title)).toEqual(["Ferries"]);
      expect(String(documents[0]?.["text"]).trim()).toBe(text.trim());
    } finally {
      await reader.close();
    }
  });
});
