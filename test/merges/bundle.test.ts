import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DefaultLogger } from "@temporalio/worker";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { workflowBundle } from "../../src/merges/temporal/bundle.ts";

const logger = new DefaultLogger("ERROR");
let scratch: string;
let made: number;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "freshet-bundle-"));
  made = 0;
  mkdirSync(join(scratch, "steps"));
  writeFileSync(join(scratch, "index.ts"), 'export { one } from "./steps/one.ts";\n');
  writeFileSync(
    join(scratch, "steps", "one.ts"),
    'import type { Two } from "../two.ts";\nexport const one: Two = 1;\n',
  );
  writeFileSync(join(scratch, "two.ts"), "export type Two = number;\n");
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const keptIn = () => join(scratch, "kept");
const bundle = async (directory: string | undefined = keptIn()): Promise<string> => {
  const make = async () => {
    made += 1;
    return { code: `script ${made}` };
  };
  const workflows = join(scratch, "index.ts");
  return (await workflowBundle({ logger, directory, workflows, make })).code;
};

describe("bundled workflows", () => {
  it("are made once, and used again by the next start (WB1)", async () => {
    expect([await bundle(), await bundle()]).toEqual(["script 1", "script 1"]);
  });

  it("are made anew after a change of any file that they reach, types included (WB1)", async () => {
    await bundle();
    writeFileSync(join(scratch, "two.ts"), "export type Two = string;\n");
    expect(await bundle()).toBe("script 2");
    writeFileSync(join(scratch, "two.ts"), "export type Two = number;\n");
    expect(await bundle()).toBe("script 1");
  });

  it("are made anew when what is kept is not whole (WB2)", async () => {
    await bundle();
    const [name = ""] = readdirSync(keptIn());
    const file = join(keptIn(), name);
    writeFileSync(file, readFileSync(file, "utf8").slice(0, -1));
    expect([await bundle(), await bundle()]).toEqual(["script 2", "script 2"]);
  });

  it("are made at each start where nothing can be kept, or nowhere is named (WB2)", async () => {
    writeFileSync(join(scratch, "a-file"), "");
    const nowhere = join(scratch, "a-file", "below");
    expect([await bundle(nowhere), await bundle(nowhere)]).toEqual(["script 1", "script 2"]);
    const make = async () => ({ code: "again" });
    const workflows = join(scratch, "index.ts");
    expect(await workflowBundle({ logger, workflows, make })).toEqual({ code: "again" });
  });

  it("are kept in bounded number (WB3)", async () => {
    for (let version = 0; version < 12; version += 1) {
      writeFileSync(join(scratch, "two.ts"), `export type Two = ${version};\n`);
      await bundle();
    }
    expect(readdirSync(keptIn())).toHaveLength(8);
    expect(await bundle()).toBe("script 12");
  });
});
