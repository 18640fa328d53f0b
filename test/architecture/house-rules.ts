/**
 * The house rules that no tool knows. Each takes files and returns complaints; a complaint names
 * the place and what to do instead. Pure, so that tidy.test.ts can plant a violation of each.
 */
import type { RepositoryFile } from "./repository.ts";

type Rule = (files: readonly RepositoryFile[]) => string[];

const linesMax = 400;
const script = /^#!.*\b(bash|sh|node)\b/;
const isCode = (file: RepositoryFile): boolean =>
  /\.(ts|js|mjs|cjs|sh)$/.test(file.path) || script.test(file.text);
const isTypeScript = (file: RepositoryFile): boolean => file.path.endsWith(".ts");
const isTest = (file: RepositoryFile): boolean => file.path.endsWith(".test.ts");

/** One complaint for every match of the pattern, with its line. */
function complain(file: RepositoryFile, pattern: RegExp, advice: string): string[] {
  return [...file.text.matchAll(pattern)].map((match) => {
    const line = file.text.slice(0, match.index).split("\n").length;
    return `${file.path}:${line}: ${match[0].trim()}: ${advice}`;
  });
}

export const filesStayShort: Rule = (files) =>
  files.filter(isCode).flatMap((file) => {
    const lines = file.text.split("\n").length - (file.text.endsWith("\n") ? 1 : 0);
    if (lines <= linesMax) return [];
    return [
      `${file.path}: ${lines} lines: split it at the second concept into a file named after that concept (at most ${linesMax}, aim at 200)`,
    ];
  });

/** An actor has a behaviour that the runtime runs; its parts, plans, messages and data have none. */
const runByRuntime =
  /import [^;]*\bBehaviour\b[^;]* from "\.\.\/(?:\.\.\/)?src\/runtime\/actor\.ts"/;
const headWords = ["owns", "never", "receives", "sends"];

export const isActor = (file: RepositoryFile): boolean =>
  /^actors\/.*\.ts$/.test(file.path) &&
  !/^actors\/topology/.test(file.path) &&
  runByRuntime.test(file.text);

export const actorsOpenWithTheirContract: Rule = (files) =>
  files.filter(isActor).flatMap((file) => {
    const head = /^\/\*\*[\s\S]*?\*\//.exec(file.text)?.[0].toLowerCase() ?? "";
    const missing = headWords.filter((word) => !new RegExp(`\\b${word}\\b`).test(head));
    if (!/^\s*\*\s+[a-z]+\d+[.:]?\s/m.test(head)) missing.push("numbered invariants (T1 …)");
    if (missing.length === 0) return [];
    return [
      `${file.path}: its head does not say: ${missing.join(", ")}: open the file with a /** */ block that is its contract (owns, never does, receives, sends, invariants)`,
    ];
  });

const laterWords = ["TO", "FIX", "X"].map((start, index) => start + ["DO", "ME", "XX"][index]);
const unnumbered = new RegExp(`\\b(?:${laterWords.join("|")})\\b(?!\\(#\\d+\\)).*`, "g");

export const laterWorkHasANumber: Rule = (files) =>
  files
    .filter(isCode)
    .flatMap((file) =>
      complain(
        file,
        unnumbered,
        `write ${laterWords[0]}(#12) with the number of its issue, or do it`,
      ),
    );

const doors = new Set(["workflows/index.ts", "src/client/index.ts"]);

export const namesHaveOneHome: Rule = (files) =>
  files
    .filter((file) => isTypeScript(file) && !doors.has(file.path))
    .flatMap((file) =>
      complain(
        file,
        /^export (?:type )?(?:\*|\{[^}]*\}) (?:as \w+ )?from .*$/gm,
        "no barrel files: import the name from the file that owns it (only workflows/index.ts and the client's package pass names on)",
      ),
    );

const topLevel = new Set([
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "src",
  "workflows",
  "activities",
  "actors",
  "ops",
  "test",
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "SECURITY.md",
  "LICENSE",
]);

export const theTopStaysSmall: Rule = (files) => {
  const entries = new Set(files.map((file) => file.path.split("/")[0] ?? ""));
  return [...entries]
    .filter((entry) => !entry.startsWith(".") && !topLevel.has(entry))
    .map(
      (entry) =>
        `${entry}: move it into ops/ (tools, set-up), test/ or src/: the top level is fixed`,
    );
};

/** Spelled in parts, so that this file does not break its own rule. */
const registryHosts = [
  ["npmjs", "org"],
  ["npmjs", "com"],
  ["pypi", "org"],
  ["pythonhosted", "org"],
  ["proxy", "golang", "org"],
  ["sum", "golang", "org"],
  ["crates", "io"],
  ["deb", "debian", "org"],
].map((parts) => parts.join("."));
const registryHost = new RegExp(
  `(?:${registryHosts.map((host) => host.replaceAll(".", "\\.")).join("|")})`,
  "g",
);

/** Files of others, read by tests only: nothing is fetched from what they name. */
const filesOfOthers = /^test\/formats\/real\//;

export const registriesAreNotNamed: Rule = (files) =>
  files
    .filter(({ path }) => !filesOfOthers.test(path))
    .flatMap((file) =>
      complain(
        file,
        registryHost,
        "name the package and let its ordinary client find the registry, so that a mirror works too",
      ),
    );

const services: Readonly<Record<string, RegExp>> = {
  nats: /^import (?!type)[^;]*\bconnect\b[^;]* from "nats";/m,
  weaviate: /^import (?!type)[^;]* from "weaviate-client";/m,
  temporal:
    /^import (?!type)[^;]*\b(?:Connection|NativeConnection|TestWorkflowEnvironment)\b[^;]* from "@temporalio\/(?:client|worker|testing)";/m,
};

/** `servers` is for a test that needs all three; `model` for one that needs real weights. */
const otherSuffixes = ["servers", "model"];

export const testsNameTheirServices: Rule = (files) =>
  files.filter(isTest).flatMap((file) => {
    const suffixes = file.path.replace(/^.*\//, "").split(".").slice(1, -2);
    const unknown = suffixes
      .filter((suffix) => !otherSuffixes.includes(suffix) && !(suffix in services))
      .map(
        (suffix) =>
          `${file.path}: .${suffix}: a suffix names what the test needs: nats, weaviate, temporal, servers (all three) or model`,
      );
    const unnamed = Object.entries(services)
      .filter(
        ([name, use]) =>
          use.test(file.text) && !suffixes.includes(name) && !suffixes.includes("servers"),
      )
      .map(
        ([name]) =>
          `${file.path}: it connects to ${name}: rename it to *.${name}.test.ts, so that it runs where that server does`,
      );
    return [...unknown, ...unnamed];
  });

export const everyTestRuns: Rule = (files) =>
  files
    .filter((file) => file.path.startsWith("test/") && isTypeScript(file))
    .flatMap((file) =>
      complain(
        file,
        /^\s*(?:it|test|describe|suite|bench)(?:\.\w+)*\.(?:only|skip|todo|fails)\b.*$/gm,
        "make the test pass, or delete it and open an issue: a test that does not run promises what nobody checks",
      ),
    );

export const silencedRulesHaveAReason: Rule = (files) =>
  files
    .filter(isTypeScript)
    .flatMap((file) =>
      complain(
        file,
        /(?:\/\/|\/\*) (?:(?:eslint|oxlint)-disable|biome-ignore)(?![^\n]*(?: -- |: )\S)[^\n]*/g,
        "say why: `oxlint-disable-next-line rule -- reason`",
      ),
    );

export const fileNamesAreKebabCase: Rule = (files) =>
  files
    .filter((file) => isTypeScript(file))
    .filter((file) => !/^(?:[a-z0-9]+(?:-[a-z0-9]+)*[/.])+ts$/.test(file.path))
    .map(
      (file) => `${file.path}: write folder and file names in kebab-case, after the main export`,
    );

/** The numbers themselves: limits.ts, and one file a topic beside or below it. */
const limitsFile = /^src\/contract\/limits[./-]/;

/** A limit counts as used where any other file names it, or where limits.ts derives from it. */
export function limitsNobodyUses(
  names: readonly string[],
  files: readonly RepositoryFile[],
): string[] {
  const words = new Set(
    files.filter(isTypeScript).flatMap((file) => {
      const name = limitsFile.test(file.path) ? /\blimits\.([a-z]\w*)/g : /\b([a-z]\w*)\b/g;
      return [...file.text.matchAll(name)].map((match) => match[1]);
    }),
  );
  return names
    .filter((name) => !words.has(name))
    .map(
      (name) =>
        `limits.${name}: use it where the bound holds, or delete it: a bound that nothing reads bounds nothing`,
    );
}

interface ErrorRow {
  readonly status: number;
  readonly summary: string;
}

/** The guide lists every code once, in a table row that starts with the code and holds its status. */
export function errorsNotDocumented(
  table: Readonly<Record<string, ErrorRow>>,
  guide: string,
): string[] {
  return Object.entries(table).flatMap(([code, { status }]) => {
    const row = guide.split("\n").filter((line) => line.startsWith(`| \`${code}\` |`));
    if (row.length === 1 && row[0]?.includes(String(status))) return [];
    return [
      `${code}: give it one row in the table of ops/guides/errors.md: | \`${code}\` | ${status} | … |`,
    ];
  });
}

export function errorsBadlyNamed(table: Readonly<Record<string, ErrorRow>>): string[] {
  const summaries = Object.values(table).map((row) => row.summary);
  return Object.entries(table).flatMap(([code, { summary }]) => [
    ...(/^[a-z]+(_[a-z]+)*$/.test(code) ? [] : [`${code}: write a code in snake_case`]),
    ...(/\.$/.test(summary) ? [`${code}: end its summary without a full stop`] : []),
    ...(summaries.filter((other) => other === summary).length > 1
      ? [`${code}: say what tells it from the other code with the same summary, or merge the two`]
      : []),
  ]);
}

/** A thread in a native call that is terminated aborts the process; a stall watch calls none. */
const terminatesPlainCode = new Set(["src/engine/stall-watch.ts"]);

export const threadsEndBehindAGate: Rule = (files) =>
  files
    .filter(({ path }) => /^(src|actors|activities)\/.*\.ts$/.test(path))
    .filter(({ path, text }) => !terminatesPlainCode.has(path) && !text.includes("NativeGate"))
    .flatMap((file) =>
      complain(file, /\.terminate\(\)/g, "end the thread behind src/runtime/native-gate.ts"),
    );

/** Where nothing can be made, as in `/proc`, Node's recursive mkdir never ends. */
export const foldersAreMadeOneByOne: Rule = (files) =>
  files
    .filter(({ path }) => /^(src|actors|activities)\/.*\.ts$/.test(path))
    .flatMap((file) =>
      complain(file, /\bmkdir(?:Sync)?\([^;]*recursive: true/g, "use src/runtime/make-folder.ts"),
    );
