import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeTree } from "./planted-tree.ts";
import { repositoryRoot } from "./repository.ts";

const inPureRoom = "src/contract/errors.ts";
const inTest = "test/architecture/repository.ts";
const inScript = "ops/lint/count-tests.ts";

const faults: readonly [rule: string, beside: string, text: string][] = [
  ["typescript(no-floating-promises)", inTest, `fetch("x");`],
  ["typescript(no-misused-promises)", inTest, `if (fetch("x")) eval;`],
  ["typescript(await-thenable)", inTest, `await 1;`],
  ["typescript(only-throw-error)", inTest, `throw "a string";`],
  ["typescript(no-explicit-any)", inTest, `export const a: any = 1;`],
  ["typescript(ban-ts-comment)", inTest, `// @ts-ignore\nexport const a = 1;`],
  [
    "typescript(switch-exhaustiveness-check)",
    inTest,
    `export function f(x: "a" | "b"): number { switch (x) { case "a": return 1; } return 2; }`,
  ],
  [
    "typescript(consistent-type-imports)",
    inTest,
    `import { Buffer } from "node:buffer";\nexport type A = Buffer;`,
  ],
  ["typescript(no-unsafe-assignment)", inPureRoom, `export const a = JSON.parse("1");`],
  ["typescript(TS2322)", inTest, `export const a: number = "a string";`],
  ["eslint(max-lines)", inTest, `export const a = 1;${"\n".repeat(401)}`],
  [
    "eslint(max-lines-per-function)",
    inPureRoom,
    `export function f(): void {\n${"\n".repeat(70)}}`,
  ],
  [
    "eslint(max-params)",
    inPureRoom,
    `export function f(a: 1, b: 1, c: 1, d: 1): 1[] { return [a, b, c, d]; }`,
  ],
  ["eslint(no-console)", inPureRoom, `console.log("x");`],
  ["eslint(no-restricted-globals)", inPureRoom, `setTimeout(() => undefined, 1);`],
  ["eslint(no-restricted-properties)", inPureRoom, `export const a = Date.now();`],
  ["eslint(no-restricted-properties)", inPureRoom, `export const a = Math.random();`],
  ["freshet(injected-time)", inPureRoom, `export const a = new Date();`],
  ["none: tools print and read the clock", inScript, `console.log(Date.now());`],
];

const plantedPath = (index: number, beside: string): string =>
  `${dirname(beside)}/planted-${index}.ts`;

/**
 * Type-aware rules fall silent when the type checker does not see a file, and path rules when a
 * folder is renamed. So each is shown a planted fault, beside a file that does exist, under the
 * project file and the rules of this repository. In a tree of just these files: the types of all
 * others are what a look at the whole of it costs.
 */
const copied = ["tsconfig.json", ".oxlintrc.json", "ops/lint/injected-time.js"];
const root = writeTree({
  ...Object.fromEntries(
    copied.map((path) => [path, readFileSync(join(repositoryRoot, path), "utf8")]),
  ),
  ...Object.fromEntries(
    faults.map(([, beside, text], index) => [plantedPath(index, beside), `${text}\n`]),
  ),
});
symlinkSync(join(repositoryRoot, "node_modules"), join(root, "node_modules"));
afterAll(() => rmSync(root, { recursive: true }));

/** The rules that each planted file breaks, in one run of the linter. */
let broken: ReadonlyMap<string, readonly string[]>;

beforeAll(async () => {
  const binary = join(repositoryRoot, "node_modules/oxlint/bin/oxlint");
  const PATH = `${join(repositoryRoot, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`;
  const stdout = await promisify(execFile)(
    process.execPath,
    [binary, "--format", "json", "src", "test", "ops"],
    {
      cwd: root,
      env: { ...process.env, PATH },
      maxBuffer: 16 << 20,
    },
  ).then(
    (done) => done.stdout,
    (error: { stdout: string }) => error.stdout,
  );
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: readonly { readonly code: string; readonly filename: string }[];
  };
  const found = new Map<string, string[]>();
  for (const { code, filename } of diagnostics) {
    found.set(filename, [...(found.get(filename) ?? []), code]);
  }
  broken = found;
});

describe("the linter", () => {
  it.each([inPureRoom, inTest, inScript])("is shown faults beside files that exist: %s", (path) => {
    expect(existsSync(join(repositoryRoot, path))).toBe(true);
  });

  it.each(faults.map((fault, index) => [...fault, index] as const))(
    "finds a planted fault of %s beside %s",
    (rule, beside, _text, index) => {
      const rules = broken.get(plantedPath(index, beside)) ?? [];
      if (rule.startsWith("none")) expect(rules).toEqual([]);
      else expect(rules).toContain(rule);
    },
  );

  it("knows the rooms with ports and the names of adapters that the layer rules know", async () => {
    const rooms = new URL("../../ops/lint/rooms.js", import.meta.url).href;
    const { adapterNames, portRooms } = (await import(rooms)) as Record<
      "adapterNames" | "portRooms",
      string
    >;
    const text = readFileSync(join(repositoryRoot, ".oxlintrc.json"), "utf8");
    const lists = [...text.matchAll(/"src\/(?:\*\/)?\{([a-z,-]+)\}/g)].map(([, list]) => list);
    const commas = (names: string): string => names.replaceAll("|", ",");
    const adapters = commas(adapterNames);
    const expected = ["contract,runtime", commas(portRooms), adapters, adapters, adapters];
    expect(lists).toEqual(expected);
  });
});
