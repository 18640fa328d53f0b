import { existsSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { ESLint } from "eslint";
import { afterAll, describe, expect, it } from "vitest";
import { writeTree } from "./planted-tree.ts";
import { repositoryRoot } from "./repository.ts";

const inPureFile = "src/contract/errors.ts";
const inTest = "test/architecture/repository.ts";
const inScript = "ops/lint/count-tests.ts";

/**
 * Type-aware rules fall silent when the type checker does not see a file, and path rules when a
 * folder is renamed. So each is shown a planted fault, as the text of a file that does exist, under
 * the project file and the rules of this repository. In a tree of just these files: the types of
 * all others are what a look at the whole of it costs.
 */
const root = writeTree({
  "tsconfig.json": readFileSync(join(repositoryRoot, "tsconfig.json"), "utf8"),
  ...Object.fromEntries([inPureFile, inTest, inScript].map((path) => [path, "export {};\n"])),
});
symlinkSync(join(repositoryRoot, "node_modules"), join(root, "node_modules"));
afterAll(() => rmSync(root, { recursive: true }));

const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: join(repositoryRoot, "ops/lint/eslint.config.js"),
});

async function rulesBrokenBy(path: string, text: string): Promise<string[]> {
  const [result] = await eslint.lintText(text, { filePath: join(root, path) });
  return (result?.messages ?? []).map((message) => message.ruleId ?? message.message);
}

const faults: readonly [rule: string, path: string, text: string][] = [
  ["@typescript-eslint/no-floating-promises", inTest, `fetch("x");`],
  ["@typescript-eslint/no-misused-promises", inTest, `if (fetch("x")) eval;`],
  ["@typescript-eslint/await-thenable", inTest, `await 1;`],
  ["@typescript-eslint/only-throw-error", inTest, `throw "a string";`],
  ["@typescript-eslint/no-explicit-any", inTest, `export const a: any = 1;`],
  ["@typescript-eslint/ban-ts-comment", inTest, `// @ts-ignore\nexport const a = 1;`],
  [
    "@typescript-eslint/switch-exhaustiveness-check",
    inTest,
    `export function f(x: "a" | "b"): number { switch (x) { case "a": return 1; } return 2; }`,
  ],
  [
    "@typescript-eslint/consistent-type-imports",
    inTest,
    `import { Buffer } from "node:buffer";\nexport type A = Buffer;`,
  ],
  ["@typescript-eslint/no-unsafe-assignment", inPureFile, `export const a = JSON.parse("1");`],
  ["max-lines", inTest, "export const a = 1;\n".repeat(401)],
  ["max-lines-per-function", inPureFile, `export function f(): void {\n${"\n".repeat(70)}}`],
  [
    "max-params",
    inPureFile,
    `export function f(a: 1, b: 1, c: 1, d: 1): 1[] { return [a, b, c, d]; }`,
  ],
  ["no-console", inPureFile, `console.log("x");`],
  ["no-restricted-globals", inPureFile, `setTimeout(() => undefined, 1);`],
  ["no-restricted-properties", inPureFile, `export const a = Date.now();`],
  ["no-restricted-properties", inPureFile, `export const a = Math.random();`],
  ["no-restricted-syntax", inPureFile, `export const a = new Date();`],
];

describe("the linter", () => {
  it.each([inPureFile, inTest, inScript])("is shown faults of files that exist: %s", (path) => {
    expect(existsSync(join(repositoryRoot, path))).toBe(true);
  });

  it.each(faults)("finds a planted fault of %s in %s: %s", async (rule, path, text) => {
    expect(await rulesBrokenBy(path, text)).toContain(rule);
  });

  it("lets tools print and read the clock", async () => {
    expect(await rulesBrokenBy(inScript, `console.log(Date.now());`)).toEqual([]);
  });
});
