import { describe, expect, it } from "vitest";
import { errorTable } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import * as rules from "./house-rules.ts";
import { codeFile, type RepositoryFile, readRepository, repositoryPaths } from "./repository.ts";

type Rule = (files: readonly RepositoryFile[]) => string[];

const binary = /\.(onnx|png|ico|gguf|safetensors|gz|zst|parquet|bin|npy|wasm)$/;
const repository = readRepository(repositoryPaths().filter((path) => !binary.test(path)));
const contractHead =
  "/**\n * Owns a queue. Never blocks. Receives A. Sends B.\n * T1 one at a time\n */\n";
const usesRuntime = `import type { Behaviour } from "../../src/runtime/actor.ts";\n`;
const host = ["npmjs", "org"].join(".");
const later = ["TO", "DO"].join("");

/** What each rule refuses, and the nearest thing that it lets pass. */
const cases: readonly {
  readonly sentence: string;
  readonly rule: Rule;
  readonly refused: RepositoryFile;
  readonly allowed: RepositoryFile;
}[] = [
  {
    sentence: "no file is longer than 400 lines",
    rule: rules.filesStayShort,
    refused: { path: "src/a.ts", text: "\n".repeat(401) },
    allowed: { path: "src/a.ts", text: "\n".repeat(400) },
  },
  {
    sentence: "a script without a suffix is code too",
    rule: rules.filesStayShort,
    refused: { path: "ops/run", text: `#!/usr/bin/env bash${"\n".repeat(401)}` },
    allowed: { path: "ops/notes.md", text: "\n".repeat(401) },
  },
  {
    sentence: "an actor opens with its contract",
    rule: rules.actorsOpenWithTheirContract,
    refused: { path: "actors/tenant-writer/writer.ts", text: usesRuntime },
    allowed: { path: "actors/tenant-writer/writer.ts", text: contractHead + usesRuntime },
  },
  {
    sentence: "the invariants of an actor have numbers",
    rule: rules.actorsOpenWithTheirContract,
    refused: {
      path: "actors/tenant-writer/writer.ts",
      text: contractHead.replace("T1 ", "") + usesRuntime,
    },
    allowed: {
      path: "actors/tenant-writer/life.ts",
      text: usesRuntime.replace("Behaviour", "ActorContext"),
    },
  },
  {
    sentence: "work left for later has the number of its issue",
    rule: rules.laterWorkHasANumber,
    refused: { path: "src/a.ts", text: `// ${later}: faster` },
    allowed: { path: "src/a.ts", text: `// ${later}(#12): faster` },
  },
  {
    sentence: "a thread is terminated outside of native calls",
    rule: rules.threadsEndBehindAGate,
    refused: { path: "src/hot/a.ts", text: "await worker.terminate();" },
    allowed: {
      path: "src/hot/a.ts",
      text: "const gate = new NativeGateKeeper();\nawait worker.terminate();",
    },
  },
  {
    sentence: "folders are made one after the other",
    rule: rules.foldersAreMadeOneByOne,
    refused: { path: "src/cli/a.ts", text: "await mkdir(folder, { recursive: true });" },
    allowed: { path: "src/cli/a.ts", text: "makeFolder(folder);" },
  },
  {
    sentence: "a name has one home",
    rule: rules.namesHaveOneHome,
    refused: { path: "src/log/index.ts", text: `export { a } from "./a.ts";` },
    allowed: { path: "workflows/index.ts", text: `export { a } from "./a.ts";` },
  },
  {
    sentence: "the top level holds what was agreed",
    rule: rules.theTopStaysSmall,
    refused: { path: "scripts/run.ts", text: "" },
    allowed: { path: ".editorconfig", text: "" },
  },
  {
    sentence: "no file names a package registry",
    rule: rules.registriesAreNotNamed,
    refused: { path: "ops/run", text: `curl https://registry.${host}/nats` },
    allowed: { path: "ops/run", text: "npm view nats" },
  },
  {
    sentence: "a test says in its name which server it connects to",
    rule: rules.testsNameTheirServices,
    refused: { path: "test/log/nats.test.ts", text: `import { connect } from "nats";` },
    allowed: { path: "test/log/append.nats.test.ts", text: `import { connect } from "nats";` },
  },
  {
    sentence: "a test's suffix is a service",
    rule: rules.testsNameTheirServices,
    refused: { path: "test/log/append.redis.test.ts", text: "" },
    allowed: { path: "test/paths/document.servers.test.ts", text: "" },
  },
  {
    sentence: "every test runs",
    rule: rules.everyTestRuns,
    refused: { path: "test/a.test.ts", text: `  it.${"skip"}("waits", () => {});` },
    allowed: { path: "test/a.test.ts", text: `  it("skips a message", () => {});` },
  },
  {
    sentence: "a silenced rule has a reason beside it",
    rule: rules.silencedRulesHaveAReason,
    refused: { path: "src/a.ts", text: `// oxlint-${"disable"}-next-line max-params` },
    allowed: {
      path: "src/a.ts",
      text: `// oxlint-${"disable"}-next-line max-params -- the vendor's callback`,
    },
  },
  {
    sentence: "file names are kebab-case",
    rule: rules.fileNamesAreKebabCase,
    refused: { path: "src/hot/flatTail.ts", text: "" },
    allowed: { path: "src/hot/flat-tail.nats.test.ts", text: "" },
  },
];

describe("the house rules", () => {
  it.each(cases)("$sentence: a planted violation is found", ({ rule, refused, allowed }) => {
    expect(rule([refused])).toHaveLength(1);
    expect(rule([refused])[0]).toContain(refused.path.split("/")[0]);
    expect(rule([allowed])).toEqual([]);
  });

  it.each(cases)("$sentence: this repository keeps it", ({ rule }) => {
    expect(rule(repository)).toEqual([]);
  });

  it("see the code, the scripts and every actor of this repository", () => {
    const seen = repository.map((file) => file.path);
    expect(seen).toContain("ops/test");
    expect(seen).toContain("package-lock.json");
    expect(seen.filter((path) => codeFile.test(path)).length).toBeGreaterThan(50);
    expect(repository.filter(rules.isActor).length).toBeGreaterThan(1);
  });
});

describe("limits", () => {
  it("that nothing reads are found", () => {
    const user = { path: "src/a.ts", text: "queue(limits.usedMax)" };
    for (const path of ["src/contract/limits.ts", "src/contract/limits/log.ts"]) {
      const declared = { path, text: "usedMax: 1, unusedMax: 2" };
      const found = rules.limitsNobodyUses(["usedMax", "unusedMax"], [user, declared]);
      expect(found).toEqual([expect.stringContaining("limits.unusedMax")]);
    }
  });

  it("are all read by the product", () => {
    const product = repository.filter((file) => !file.path.startsWith("test/"));
    expect(rules.limitsNobodyUses(Object.keys(limits), product)).toEqual([]);
  });
});

describe("error codes", () => {
  const table = { no_results: { status: 404, summary: "nothing matches" } };

  it("missing from the guide, or with another status there, are found", () => {
    expect(rules.errorsNotDocumented(table, "")).toHaveLength(1);
    expect(rules.errorsNotDocumented(table, "| `no_results` | 400 | … |")).toHaveLength(1);
    expect(rules.errorsNotDocumented(table, "| `no_results` | 404 | … |")).toEqual([]);
  });

  it("that are not snake_case, end in a full stop or say the same as another are found", () => {
    const row = { status: 404, summary: "nothing matches." };
    expect(rules.errorsBadlyNamed({ NoResults: row })).toHaveLength(2);
    expect(rules.errorsBadlyNamed({ ...table, none: table.no_results })).toHaveLength(2);
  });

  it("are well named", () => {
    expect(rules.errorsBadlyNamed(errorTable)).toEqual([]);
  });

  it("each have a row in the guide", () => {
    const guide = repository.find((file) => file.path === "ops/guides/errors.md")?.text ?? "";
    expect(rules.errorsNotDocumented(errorTable, guide)).toEqual([]);
  });
});
