import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nothingLeft } from "../../src/contract/erase.ts";
import { runHere } from "../support/run-cli.ts";
import { testSigner } from "../support/signer.ts";

const run = (...args: readonly string[]) => runHere(args);

const signed = testSigner({
  ...{ format: 1, kind: "tenant", tenant: "acme" as never, deployment: "0" },
  ...{ begun_at: "2026-11-29T12:00:00.000Z", ended_at: "2026-11-29T12:02:00.000Z" },
  ...{ found: nothingLeft, left: nothingLeft, below: { docs: 1, chunks: 1 }, not_covered: [] },
});

function fileWith(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), "freshet-receipt-")), "receipt.json");
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
    const proved = await run("receipt", "verify", file, "--key", signed.public_key, "--json");
    expect(JSON.parse(proved.out)).toMatchObject({ valid: true, sha256: signed.sha256 });
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

describe("freshet tenant", () => {
  it.each(["suspend", "resume", "sleep", "wake", "erase", "erase-document"])(
    "%s explains itself, and refuses what is no tenant",
    async (name) => {
      const help = await run("tenant", name, "--help");
      expect([help.code, help.err]).toEqual([0, ""]);
      expect(help.out).toMatch(/Usage: freshet tenant [\s\S]*Examples:/);
      const more = name === "erase-document" ? ["x"] : [];
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
});
