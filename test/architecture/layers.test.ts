import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkLayers, layerConfig, type Verdict } from "../../ops/lint/layer-check.ts";
import {
  emptyPackage,
  importing,
  lawfulTree,
  plants,
  type Tree,
  writeTree,
} from "./planted-tree.ts";
import { repositoryRoot } from "./repository.ts";

interface Rule {
  readonly name: string;
  readonly comment: string;
}

interface Vendor {
  readonly name: string;
  readonly packages: string;
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as Manifest;
const dependencies = Object.keys(manifest.dependencies);
const made: string[] = [];

function makeTree(tree: Tree): string {
  const packages = [...dependencies, "vitest", "undeclared"].map(emptyPackage);
  const root = writeTree({
    "package.json": JSON.stringify({
      type: "module",
      dependencies: manifest.dependencies,
      devDependencies: { vitest: "1.0.0" },
    }),
    "tsconfig.json": readFileSync(join(repositoryRoot, "tsconfig.json"), "utf8"),
    ...Object.assign({}, ...packages),
    ...tree,
  });
  made.push(root);
  return root;
}

async function loadRules(): Promise<{ rules: Rule[]; vendors: Vendor[]; computing: string }> {
  const config = (await import(layerConfig)) as { default: { forbidden: Rule[] } };
  const rooms = (await import(join(repositoryRoot, "ops/lint/rooms.js"))) as {
    vendors: Vendor[];
    computingPackages: string;
  };
  return {
    rules: config.default.forbidden,
    vendors: rooms.vendors,
    computing: rooms.computingPackages,
  };
}

/** `npm run layers`, a step of ops/test, looks at this repository itself in the same way. */
const { rules, vendors, computing } = await loadRules();

function firstPackageOf(vendor: Vendor): string {
  const name = dependencies.find((candidate) => matches(vendor.packages, candidate));
  if (name === undefined) throw new Error(`no dependency belongs to vendor ${vendor.name}`);
  return name;
}

function matches(pattern: string, name: string): boolean {
  return new RegExp(`^${pattern}$`).test(name);
}

const vendorPlants = Object.fromEntries(
  vendors.map((vendor) => [
    `vendor-${vendor.name}`,
    [`src/planted-${vendor.name}.ts`, firstPackageOf(vendor)] as const,
  ]),
);
const allPlants = { ...plants, ...vendorPlants };

afterAll(() => {
  for (const root of made) rmSync(root, { recursive: true, force: true });
});

describe("the layer rules", () => {
  it("let a lawful tree pass, having looked at all of it", () => {
    const verdict = checkLayers(makeTree(lawfulTree));
    expect(verdict.violations).toEqual([]);
    expect(verdict.exitCode).toBe(0);
    expect(verdict.modules).toBeGreaterThanOrEqual(Object.keys(lawfulTree).length);
  });

  it("each have one planted violation, and none is planted for a rule that is gone", () => {
    expect(Object.keys(allPlants).sort()).toEqual(rules.map((rule) => rule.name).sort());
  });

  it("each say what to do instead", () => {
    for (const rule of rules) expect(rule.comment.length, rule.name).toBeGreaterThan(40);
  });

  it("leave no installed package without a room that owns it", () => {
    const owned = [computing, "@temporalio/common", ...vendors.map((vendor) => vendor.packages)];
    const stray = dependencies.filter((name) => !owned.some((pattern) => matches(pattern, name)));
    expect(stray, "add the package to `vendors` in ops/lint/rooms.js").toEqual([]);
  });
});

describe("a tree with one violation of every layer rule", () => {
  let verdict: Verdict;

  beforeAll(() => {
    const planted = Object.values(allPlants).map(([file, specifier]) => [
      file,
      importing(specifier),
    ]);
    verdict = checkLayers(makeTree({ ...lawfulTree, ...Object.fromEntries(planted) }));
  });

  it("is refused with a non-zero exit, having been seen whole", () => {
    expect(verdict.exitCode).toBeGreaterThan(0);
    expect(verdict.modules).toBeGreaterThan(Object.keys(lawfulTree).length);
  });

  it.each(Object.entries(allPlants))("breaks %s", (rule, [file]) => {
    expect(verdict.violations, verdict.output).toContain(`${rule}: ${file}`);
  });
});
