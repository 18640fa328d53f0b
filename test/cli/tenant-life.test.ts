import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readIds } from "../../src/cli/commands/erase-list.ts";
import { isKnown, putToSleep } from "../../src/cli/commands/tenant-life.ts";
import { nothingLeft } from "../../src/contract/erase.ts";
import { tenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { runHere } from "../support/run-cli.ts";
import { testSigner } from "../support/signer.ts";
import { folderOfTest } from "../support/test-folder.ts";

const run = (...args: readonly string[]) => runHere(args);

const signed = testSigner({
  ...{ format: 1, kind: "tenant", tenant: "acme" as never, deployment: "0" },
  ...{ begun_at: "2026-11-29T12:00:00.000Z", ended_at: "2026-11-29T12:02:00.000Z" },
  ...{ found: nothingLeft, left: nothingLeft, below: { docs: 1, chunks: 1 }, not_covered: [] },
});

function fileWith(text: string): string {
  const file = join(folderOfTest("receipt"), "receipt.json");
  writeFileSync(file, text);
  return file;
}

describe("freshet receipt verify", () => {
  it("says what was erased, when, and by whose key; with the key it is proved", async () => {
    const file = fileWith(JSON.stringify(signed));
    const plain = await run("receipt", "verify", file);
    expect(plain).toMatchObject({ code: 0, err: "" });
    expect(plain.out).toContain("tenant acme was erased at 2026-11-29T12:02:00.000Z");
    expect(plain.out).toContain("compare the key");
    const state = fileWith(JSON.stringify({ state: "ended", receipt: signed }));
    expect((await run("receipt", "verify", state)).out).toBe(plain.out);
    const proved = await run("receipt", "verify", file, "--key", signed.public_key, "--json");
    expect(JSON.parse(proved.out)).toMatchObject({ valid: true, sha256: signed.sha256 });
  });

  it("checks each of several, one a line, and says of how many documents they are", async () => {
    const { receipt } = signed;
    const body = { ...receipt, kind: "document" as const, documents_sha256: ["a", "b"] };
    const line = `${JSON.stringify(testSigner(body))}\n`;
    const two = await run("receipt", "verify", fileWith(line + line), "--json");
    expect(
      two.out
        .trim()
        .split("\n")
        .map((text) => JSON.parse(text).documents),
    ).toEqual([2, 2]);
    const one = await run("receipt", "verify", fileWith(line));
    expect(one.out).toContain("2 documents of tenant acme were erased");
    const changed = line.replace('"b"', '"c"');
    expect((await run("receipt", "verify", fileWith(line + changed))).code).toBe(1);
  });

  it("fails for a changed receipt, another key, and what is no receipt", async () => {
    const changed = { ...signed, receipt: { ...signed.receipt, tenant: "globex" } };
    const cases = [
      [fileWith(JSON.stringify(changed)), 1, "it was changed"],
      [fileWith("{}"), 1, "this is no receipt"],
      [fileWith("no json"), 2, "it is no JSON"],
      ["/no/such/file", 2, "it cannot be read"],
    ] as const;
    for (const [file, code, why] of cases) {
      const ended = await run("receipt", "verify", file);
      expect([ended.code, ended.out]).toEqual([code, ""]);
      expect(ended.err).toContain(why);
    }
    const other = await run("receipt", "verify", fileWith(JSON.stringify(signed)), "--key", "x");
    expect(other.err).toContain("signed by another key");
  });
});

describe("the ids of freshet tenant erase-documents", () => {
  const idsOf = (text: string) =>
    readIds("-", {
      stdin: (async function* () {
        yield text;
      })(),
    });

  it("are lines as they are or as JSON, each once, in their order", async () => {
    const list =
      'plain id\r\n{"id":"of an object","more":1}\n\n"\\"quoted\\""\nplain id\n{"id":"last"}';
    expect(await idsOf(list)).toEqual(["plain id", "of an object", '"quoted"', "last"]);
  });

  it("are UTF-8, without the mark that some editors begin a file with", async () => {
    const bytes = Buffer.from("\ufeffb\u00fccher\n\u00e9t\u00e9\n");
    // Parts end where they end, within a letter as well.
    const stdin = (async function* () {
      for (const byte of bytes) yield Uint8Array.of(byte);
    })();
    expect(await readIds("-", { stdin })).toEqual(["b\u00fccher", "\u00e9t\u00e9"]);
    for (const encoding of ["latin1", "utf16le"] as const) {
      const file = join(folderOfTest("ids"), "ids.txt");
      writeFileSync(file, Buffer.from("\ufeffb\u00fccher\n", encoding));
      const reading = readIds(file, { stdin: (async function* () {})() });
      await expect(reading).rejects.toMatchObject({ message: "the list is not UTF-8" });
    }
  });

  it.each([
    ["{}", "line 1 is no id"],
    ["a\n{broken", "line 2 is no id"],
    ["a\n\nb\u0000", "line 3 is no id"],
    ["x".repeat(513), "line 1 is no id"],
    ["\n", "names no document"],
  ])("%j is refused, with the number of its line and not its text", async (list, why) => {
    await expect(idsOf(list)).rejects.toMatchObject({ message: expect.stringContaining(why) });
  });

  it("are so many at most: more are another command", async () => {
    const list = Array.from({ length: limits.eraseListMax + 1 }, (_, n) => `d${n}`).join("\n");
    await expect(idsOf(list)).rejects.toMatchObject({ exitCode: 2 });
  });

  it("of a file that is not there, and from stdin without --yes, end before anything is asked", async () => {
    const gone = await run("tenant", "erase-documents", "acme", "--file", "/no/such/list");
    expect([gone.code, gone.err]).toEqual([2, expect.stringContaining("cannot be read")]);
  });
});

describe("freshet tenant", () => {
  it.each(["suspend", "resume", "sleep", "wake", "erase", "erase-document", "erase-documents"])(
    "%s explains itself, and refuses what is no tenant",
    async (name) => {
      const help = await run("tenant", name, "--help");
      expect([help.code, help.err]).toEqual([0, ""]);
      expect(help.out).toMatch(/Usage: freshet tenant [\s\S]*Examples:/);
      const args = { "erase-document": ["x"], "erase-documents": ["--file", "x"] };
      const more = args[name as keyof typeof args] ?? [];
      const bad = await run("tenant", name, "no tenant", ...more);
      expect(bad.code).toBe(2);
      expect(bad.err).toContain("a tenant is 1-64 letters");
    },
  );

  it("erase does not overwrite a receipt, and says so before it begins", async () => {
    const file = fileWith("{}");
    const ended = await run("tenant", "erase", "acme", "--yes", "--receipt", file);
    expect(ended).toMatchObject({ code: 2, out: "" });
    expect(ended.err).toContain("is there already");
  });

  it("erase says before it begins that the receipt's folder cannot be written to", async () => {
    const file = join(fileWith("{}"), "receipt.json");
    for (const erase of [
      ["erase", "acme"],
      ["erase-document", "acme", "a"],
    ]) {
      const ended = await run("tenant", ...erase, "--yes", "--receipt", file);
      expect(ended).toMatchObject({ code: 2, out: "" });
      expect(ended.err).toContain("is no folder that can be written to");
    }
  });
});

describe("a tenant's state", () => {
  const acme = tenantId("acme");
  const payload = new TextEncoder().encode('{"id":"a","text":"b"}');

  it("that refuses sleep is told as it is, not as a merge that is missing", async () => {
    const log = createMemoryLog({ partitions: 1 });
    await log.docs.publish({ tenant: acme, payload });
    await expect(putToSleep(log, acme)).rejects.toThrow(/^not all documents of acme are merged/);
    await log.lives.put(acme, { state: "suspended", atMs: 1 }, 0);
    await expect(putToSleep(log, acme)).rejects.toMatchObject({ code: "tenant_suspended" });
  });

  it("is that of a tenant which has published, or was named before; a slip is neither", async () => {
    const log = createMemoryLog({ partitions: 1 });
    await log.docs.publish({ tenant: acme, payload });
    await log.lives.put(tenantId("suspended"), { state: "suspended", atMs: 1 }, 0);
    const known = ["acme", "suspended", "amce"].map((name) => isKnown(log, tenantId(name)));
    expect(await Promise.all(known)).toEqual([true, true, false]);
  });
});
