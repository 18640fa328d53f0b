import { describe, expect, it } from "vitest";
import { runHere } from "../support/run-cli.ts";

describe("usage", () => {
  it.each(["ask", "search", "ingest", "status", "merge"])(
    "of %s comes with examples",
    async (name) => {
      for (const args of [
        [name, "--help"],
        ["help", name],
      ]) {
        const { code, out, err } = await runHere(args);
        expect([code, err]).toEqual([0, ""]);
        expect(out).toMatch(new RegExp(`^Usage: freshet ${name} [\\s\\S]*Examples:\n {2}\\$ `));
        expect(out).toContain("--json");
        expect(out).toContain("--tenant");
      }
    },
  );

  it("names the version and the exit codes", async () => {
    expect((await runHere(["--version"])).out).toBe("1.2.3\n");
    expect((await runHere(["--help"])).out).toContain("0 done, 1 failed, 2 usage, 130 interrupted");
  });

  it.each([
    [],
    ["bogus"],
    ["ask"],
    ["ask", " "],
    ["search", ""],
    ["ask", "q", "--bogus"],
    ["ask", "q", "--tenant", "a.b"],
    ["ask", "q", "--url", "ftp://x"],
    ["ask", "q", "--min-seq", "-1"],
    ["search", "q", "--top-k", "0"],
    ["search", "q", "--top-k", "1e1"],
    ["search", "q", "--filter", "lang"],
    ["ingest"],
    ["ingest", "/no/such/folder"],
    ["search", "q", "--filter", "a=1", "--filter", "a=2"],
    ["search", "q", "--filter", "metadata.n:=nope"],
    ["search", "q", "--filter", "a=1", "--filter-json", "{}"],
    ["search", "q", "--filter-json", "[]"],
    ["ingest", "-", "also.md"],
    ["ingest", "-", "--mirror"],
    ["ingest", "-", "--watch"],
    ["ingest", ".", "--yes"],
    ["ingest", ".", "--delete-max", "3"],
    ["ingest", ".", "--mirror", "--delete-max", "101%"],
    ["ingest", ".", "--mirror", "--delete-max", "some"],
    ["ingest", ".", "--watch", "--dry-run"],
    ["ingest", ".", "--watch", "--force"],
    ["ingest", ".", "--include", ""],
    ["ingest", ".", "--prefix", "a\nb"],
    ["merge", "--preview", "--pause"],
    ["merge", "a b"],
  ])("that is wrong exits 2 and says why on standard error: %j", async (...args) => {
    const { code, out, err } = await runHere(args);
    expect([code, out]).toEqual([2, ""]);
    expect(err).not.toBe("");
    expect(err).not.toMatch(/\n\s+at /);
  });
});
