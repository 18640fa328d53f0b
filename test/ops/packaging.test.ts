/** The npm package and what a release asks for. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { notesOf, releaseProblems } from "../../ops/packaging/checks.ts";
import { compileFile, wantedBy } from "../../ops/packaging/compile.ts";
import { lockFile, manifestOf, ownManifest, shrinkwrapOf } from "../../ops/packaging/manifest.ts";
import { readReleaseOptions } from "../../ops/packaging/options.ts";
import manifest from "../../package.json" with { type: "json" };
import lock from "../../package-lock.json" with { type: "json" };
import { describePrograms, programFor, programs } from "../../src/cli/programs.ts";

const own = ownManifest.parse(manifest);

describe("a compiled file", () => {
  it("imports, starts and loads the compiled files beside it", () => {
    const text = [
      `import { a } from "./a.ts";`,
      `import type { B } from "./b.ts";`,
      `const worker: URL = new URL("../hot/c-worker.ts", import.meta.url);`,
      `const d = (): Promise<unknown> => import("./d.ts");`,
      `export const all = [a, worker, d] satisfies unknown[];`,
    ].join("\n");
    const compiled = compileFile("src/x/y.ts", text);
    expect(wantedBy(compiled)).toEqual({
      packages: [],
      files: ["./a.js", "./d.js", "../hot/c-worker.js"],
    });
    expect(compiled).toMatch(/^import \{ a \} from "\.\/a\.js";$/m);
    expect(compiled).not.toMatch(/\.ts"|require|satisfies|Promise<unknown>/);
  });

  it("is refused where a path to TypeScript would be left in it", () => {
    const text = `import { join } from "node:path";\nfork(join(import.meta.dirname, "./z.ts"));\n`;
    expect(() => compileFile("src/x.ts", text)).toThrow(
      /src\/x\.ts: "\.\/z\.ts" would not be found/,
    );
  });

  it("may name TypeScript in a comment", () => {
    expect(() =>
      compileFile("src/x.ts", `// as "./${"z"}.ts" does\nexport const a = 1;\n`),
    ).not.toThrow();
  });

  it.each(programs)("$name is a program of the command line, and its entry is there", (program) => {
    expect(readFileSync(program.entry, "utf8")).not.toBe("");
    expect(describePrograms()).toContain(program.about);
  });
});

describe("the packages of the npm package", () => {
  it("are those that the shipped files import, at the versions of package.json", () => {
    const { dependencies } = manifestOf("freshet", own, new Set(["zod", "reflect-metadata"]));
    expect(dependencies).toEqual({
      "reflect-metadata": own.dependencies["reflect-metadata"],
      zod: own.dependencies["zod"],
    });
  });

  it.each(["left-pad", "vitest"])("must be dependencies of package.json: %s is none", (name) => {
    expect(() => manifestOf("freshet", own, new Set([name]))).toThrow(`${name} is imported`);
  });

  it("are pinned with all that they need, and nothing else", () => {
    const made = manifestOf("freshet", own, new Set(["fastify", "onnxruntime-node"]));
    const { packages } = shrinkwrapOf(lockFile.parse(lock), made);
    const names = Object.keys(packages);
    expect(names).toEqual(
      expect.arrayContaining([
        "node_modules/fastify",
        "node_modules/avvio",
        "node_modules/adm-zip",
      ]),
    );
    expect(names).not.toContain("node_modules/vitest");
    expect(names).not.toContain("node_modules/zod");
    expect(Object.values(packages).filter(({ dev }) => dev === true)).toEqual([]);
  });

  it("are resolved as Node resolves them: beside the one that asks, then further up", () => {
    const made = { name: "a", version: "1.0.0", dependencies: { a: "1.0.0", "@s/b": "1.0.0" } };
    const entry = { dependencies: { c: "^1.0.0" } };
    const { packages } = shrinkwrapOf(
      lockFile.parse({
        packages: {
          "node_modules/a": { ...entry, peerDependencies: { d: "*", e: "*" } },
          "node_modules/@s/b": { ...entry, optionalDependencies: { gone: "*" } },
          "node_modules/@s/b/node_modules/c": { dependencies: { f: "*" } },
          "node_modules/c": { dev: true },
          "node_modules/d": {},
          "node_modules/f": {},
          "node_modules/g": {},
        },
      }),
      made,
    );
    expect(Object.keys(packages).sort()).toEqual([
      "",
      ...["@s/b", "@s/b/node_modules/c", "a", "c", "d", "f"].map((name) => `node_modules/${name}`),
    ]);
    expect(packages["node_modules/c"]).toEqual({});
  });
});

describe("a release", () => {
  const changelog =
    "# Changelog\n\n## [Unreleased]\n\n- later\n\n## [1.2.0] - 2026-12-01\n\n- new\n\n## [1.1.0] - 2026-11-01\n";
  const fine = { version: "1.2.0", changelog, dirty: [], tagElsewhere: false };

  it("is made where nothing speaks against it", () => {
    expect(releaseProblems(fine)).toEqual([]);
    expect(notesOf(changelog, "1.2.0")).toBe("- new");
  });

  it.each([
    ["changes in no commit", { dirty: [" M a.ts", "?? b"] }, /M a\.ts, \?\? b\): commit them/],
    ["a version without a section", { version: "1.3.0" }, /no section "## \[1\.3\.0\]/],
    ["a section that says nothing", { version: "1.1.0" }, /no section "## \[1\.1\.0\]/],
    ["a tag of another commit", { tagElsewhere: true }, /v1\.2\.0 is the tag of another commit/],
    ["what is no version", { version: "v1" }, /"v1" is no version/],
  ])("is refused with %s", (_what, facts, line) => {
    expect(releaseProblems({ ...fine, ...facts }).join("\n")).toMatch(line);
  });

  it.each([
    [["--name", "Bad Name"]],
    [["--image-arg", "BASE=x"]],
    [["--image", "--image-arg", "PATH=/tmp"]],
    [["extra"]],
  ])("%j is bad usage", (argv) => {
    const silent = process.stderr.write;
    process.stderr.write = () => true;
    try {
      expect(() => readReleaseOptions(argv)).toThrow(expect.objectContaining({ exitCode: 2 }));
    } finally {
      process.stderr.write = silent;
    }
  });
});

describe("the command line becomes a program", () => {
  it.each([
    [
      ["start", "--nodes", "2"],
      ["--nodes", "2"],
    ],
    [["help", "start"], ["--help"]],
    [["engine"], ["engine"]],
    [["engine", "--help"], ["--help"]],
    [["merge-worker"], ["merge-worker"]],
  ])("%j with the arguments %j", (given, args) => {
    expect(programFor(given)?.args).toEqual(args);
  });

  it.each([[["ask", "start"]], [["help"]], [[]], [["--json", "start"]]])(
    "%j stays a command",
    (given) => {
      expect(programFor(given)).toBeUndefined();
    },
  );
});
