/** What each program loads before it is asked for anything: loading code is half of a start. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

/** Names of the packages whose code runs once these files of `src` are loaded. */
async function packagesOf(...files: readonly string[]): Promise<ReadonlySet<string>> {
  const script = `
    import { registerHooks } from "node:module";
    const loaded = new Set();
    registerHooks({
      load(url, context, next) {
        const name = /.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1];
        if (name !== undefined) loaded.add(name);
        return next(url, context);
      },
    });
    for (const file of ${JSON.stringify(files)}) await import("./src/" + file);
    console.log(JSON.stringify([...loaded]));`;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script]);
  return new Set(JSON.parse(stdout) as string[]);
}

describe("the code that is loaded at the start", () => {
  it("of an engine is none of what only some configurations and callers need", async () => {
    const packages = await packagesOf("compose/engine.ts", "compose/serving.ts");
    expect(packages).toContain("weaviate-client");
    for (const name of ["undici", "jose", "@modelcontextprotocol/server"])
      expect(packages).not.toContain(name);
  });

  it("of an engine up to its log and its threads is neither cold's nor Temporal's", async () => {
    const packages = await packagesOf("compose/engine.ts");
    expect(packages).toContain("nats");
    for (const name of ["weaviate-client", "@temporalio/client", "fastify"])
      expect(packages).not.toContain(name);
  });

  it("of a process that isolates documents has no HTTP client", async () => {
    expect(await packagesOf("compose/isolation.ts")).not.toContain("undici");
  });

  it("of a command is not what other commands need", async () => {
    const packages = await packagesOf("cli/program.ts");
    expect(packages).toContain("commander");
    for (const name of ["undici", "yaml", "jsonata", "picomatch", "@nats-io/jwt"])
      expect(packages).not.toContain(name);
  });
});
