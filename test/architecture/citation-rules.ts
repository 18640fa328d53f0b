/**
 * What comments, documents and test names refer to must be there: invariants by tag, files by path,
 * decisions by number. Each rule takes files and returns complaints, as in house-rules.ts.
 */
import { posix } from "node:path";
import type { RepositoryFile } from "./repository.ts";

type Files = readonly RepositoryFile[];

interface Citation {
  readonly file: RepositoryFile;
  readonly line: number;
  readonly text: string;
}

const isCode = ({ path }: RepositoryFile): boolean => /\.(ts|js|sh)$/.test(path);
const isMarkdown = ({ path }: RepositoryFile): boolean => path.endsWith(".md");
const isTest = ({ path }: RepositoryFile): boolean => path.startsWith("test/");

const lawFile = "ARCHITECTURE.md";
const comment = /\/\*[\s\S]*?\*\/|(?<!:)\/\/.*|^#.*$/gm;
/** In tests, a text with a space in it: the name of a test, most likely. */
const sentence = /(?:^\s*|[([,]\s*)(["'`])(?:(?!\1).)* (?:(?!\1).)*\1/gm;
const codeFence = /^ *```[\s\S]*?^ *```/gm;

/** Spaces instead of text keep the lines that a complaint names. */
const blank = (text: string): string => text.replaceAll(/[^\n]/g, " ");

interface Part {
  readonly text: string;
  /** Where it begins in its file. */
  readonly at: number;
}

const partsBy = (pattern: RegExp, text: string): readonly Part[] =>
  [...text.matchAll(pattern)].map((match) => ({ text: match[0], at: match.index }));

/** What people wrote in a file: its comments, the prose of a document, and the names of tests. */
function prose(file: RepositoryFile): readonly Part[] {
  if (isMarkdown(file)) return [{ text: file.text.replaceAll(codeFence, blank), at: 0 }];
  if (!isCode(file)) return [];
  const comments = partsBy(comment, file.text);
  return isTest(file) ? [...comments, ...partsBy(sentence, file.text)] : comments;
}

function citations(file: RepositoryFile, parts: readonly Part[], pattern: RegExp): Citation[] {
  return parts.flatMap(({ text, at }) =>
    [...text.matchAll(pattern)].map((match) => ({
      file,
      line: file.text.slice(0, at + match.index).split("\n").length,
      text: match[1] ?? match[0],
    })),
  );
}

const complaint = ({ file, line, text }: Citation, advice: string): string =>
  `${file.path}:${line}: ${text}: ${advice}`;

// --- tags ----------------------------------------------------------------------------------------

/** A line of a block comment that begins with its tag and a gap: ` *   T1  one at a time`. */
const definition = /^\s*(?:\*|#)(?: {2,}([A-Z]{1,3}\d+) +\S| ([A-Z]{1,3}\d+) {2,}\S)/gm;
const law = /^\| \*\*(I\d+)\*\* \|/gm;
const blockComment = /\/\*\*[\s\S]*?\*\/|(?:^#.*\n)+/gm;
const tag = /(?<![\w.\-/])([A-Z]{1,3}[1-9]\d*)\b(?![\w-])/g;
/** The JavaScript engine. */
const noTags = new Set(["V8"]);
const prefixOf = (name: string): string => name.replace(/\d+$/, "");

/** The tags that a file defines: with the first of them, since a quoted one begins no series. */
function definedIn(file: RepositoryFile): readonly string[] {
  if (file.path === lawFile) return [...file.text.matchAll(law)].map(([, name]) => name ?? "");
  if (!isCode(file)) return [];
  const comments = partsBy(blockComment, file.text).map(({ text }) => text);
  const names = comments.flatMap((text) =>
    [...text.matchAll(definition)].map(([, indented, spaced]) => indented ?? spaced ?? ""),
  );
  return names.filter((name) => names.includes(`${prefixOf(name)}1`));
}

export const tagPrefixesAreUnique = (files: Files): string[] => {
  const owners = new Map<string, Set<string>>();
  for (const file of files) {
    for (const name of definedIn(file)) {
      const prefix = prefixOf(name);
      owners.set(prefix, (owners.get(prefix) ?? new Set()).add(file.path));
    }
  }
  return [...owners]
    .filter(([, paths]) => paths.size > 1)
    .map(
      ([prefix, paths]) =>
        `${[...paths].join(", ")}: all number their invariants ${prefix}1, …: give all but one a prefix of their own, so that a tag means one thing`,
    );
};

/** Only tags of a prefix that somebody defines: other letters with a number may mean anything. */
export const citedTagsAreDefined = (files: Files): string[] => {
  const defined = new Set(files.flatMap(definedIn));
  const prefixes = new Set([...defined].map(prefixOf));
  return files
    .flatMap((file) => citations(file, prose(file), tag))
    .filter(({ text }) => prefixes.has(prefixOf(text)) && !defined.has(text) && !noTags.has(text))
    .map((cited) =>
      complaint(
        cited,
        "no file defines this invariant: cite one that is there, or say it in words",
      ),
    );
};

// --- files ---------------------------------------------------------------------------------------

const pathCited =
  /(?<![\w/.@:$<>*{}~-])((?:\.{1,2}\/)*(?:[\w.-]+\/)*[\w.-]+\.(?:ts|js|md|sh|yaml|py))\b(?![\w/*<-])/g;
const decisionCited = /(?<![\w.-])(00\d\d)\b(?![\w-]*\.md|[\w-])/g;

/**
 * A path may be cited from the root, from its own folder, or by its last parts. Names of data files
 * (JSON and the like) are left out: they are read and written elsewhere.
 */
export const citedFilesExist = (files: Files): string[] => {
  const paths = files.map(({ path }) => path);
  const tails = new Set(
    paths.flatMap((path) => path.split("/").map((_, at, parts) => parts.slice(at).join("/"))),
  );
  const isThere = ({ file, text }: Citation): boolean =>
    tails.has(text) || tails.has(posix.normalize(posix.join(posix.dirname(file.path), text)));
  return files
    .flatMap((file) => citations(file, prose(file).filter(notAName(file)), pathCited))
    .filter((cited) => !isThere(cited))
    .map((cited) => complaint(cited, "there is no such file: cite one of this repository"));
};

/** Test data name files that are not there; comments and documents do not. */
const notAName = (file: RepositoryFile) => (part: Part) =>
  isMarkdown(file) || /^(?:\/[/*]|#)/.test(part.text);

export const citedDecisionsExist = (files: Files): string[] => {
  const numbers = new Set(
    files.flatMap(({ path }) => /^ops\/decisions\/(\d{4})-/.exec(path)?.[1] ?? []),
  );
  return files
    .flatMap((file) => citations(file, prose(file).filter(notAName(file)), decisionCited))
    .filter(({ text }) => !numbers.has(text))
    .map((cited) => complaint(cited, "there is no decision with this number"));
};

const readmeLinesMax = 200;

export const readmeStaysShort = (files: Files): string[] =>
  files
    .filter(({ path }) => path === "README.md")
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split("\n").length }))
    .filter(({ lines }) => lines > readmeLinesMax)
    .map(
      ({ path, lines }) =>
        `${path}: ${lines} lines: at most ${readmeLinesMax}; move reference into ops/guides`,
    );

// --- rooms ---------------------------------------------------------------------------------------

const roomsOfTree = /^(?:src\/[^/]+|actors|workflows|activities|ops)(?=\/|$)/;
const imported = /(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g;

/** A room: a folder of src/, a loose file in it, or actors, workflows, activities, ops. */
const roomOf = (path: string): string | undefined => roomsOfTree.exec(path)?.[0];

/** Which room imports which others, each once. */
export function arrowsBetweenRooms(files: Files): ReadonlyMap<string, ReadonlySet<string>> {
  const arrows = new Map<string, Set<string>>();
  for (const file of files.filter(({ path }) => /\.(ts|js|mjs)$/.test(path))) {
    const from = roomOf(file.path);
    if (from === undefined) continue;
    for (const [, specifier = ""] of file.text.matchAll(imported)) {
      const to = roomOf(posix.normalize(posix.join(posix.dirname(file.path), specifier)));
      if (to === undefined || to === from) continue;
      arrows.set(from, (arrows.get(from) ?? new Set()).add(to));
    }
  }
  return arrows;
}

const arrowsMax = 100;

export const roomsKeepApart = (files: Files): string[] => {
  const arrows = arrowsBetweenRooms(files);
  const count = [...arrows.values()].reduce((sum, to) => sum + to.size, 0);
  const tooMany =
    count <= arrowsMax
      ? []
      : [
          `src: ${count} imports between rooms, at most ${arrowsMax}: move what two rooms share into the room that owns it`,
        ];
  const inCircles = [...arrows.keys()].filter((room) => reachableFrom(room, arrows).has(room));
  return [
    ...tooMany,
    ...inCircles.map(
      (room) =>
        `${room}: it imports a room that imports it: move what both need into a third, or pass it in`,
    ),
  ];
};

function reachableFrom(
  room: string,
  arrows: ReadonlyMap<string, ReadonlySet<string>>,
): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [room];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const to of arrows.get(next) ?? []) {
      if (seen.has(to)) continue;
      seen.add(to);
      open.push(to);
    }
  }
  return seen;
}

// --- the law -------------------------------------------------------------------------------------

const lawOnly = /^\| \*\*(I\d+)\*\* \|.*\n\| \| \*Enforced by\* (.*) \|$/gm;
const quoted = /`([^`]+)`/g;

/** Each invariant names code that is there, and a test that cites it. */
export const theLawIsEnforced = (files: Files): string[] => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const text = byPath.get(lawFile)?.text ?? "";
  const enforced = new Map(
    [...text.matchAll(lawOnly)].map(([, name = "", by = ""]) => [
      name,
      [...by.matchAll(quoted)].map(([, path = ""]) => path),
    ]),
  );
  return [...text.matchAll(law)].flatMap(([, name = ""]) => {
    const paths = enforced.get(name) ?? [];
    const tests = paths.filter((path) => path.startsWith("test/"));
    const cited = new RegExp(`\\b${name}\\b`);
    const isTested = tests.some((path) => cited.test(byPath.get(path)?.text ?? ""));
    const isCoded = paths.some((path) => !path.startsWith("test/") && byPath.has(path));
    if (isTested && isCoded) return [];
    return [
      `${lawFile}: ${name}: name the code that enforces it and a test that cites it, in a row *Enforced by*`,
    ];
  });
};

const decisionFile = /^ops\/decisions\/\d{4}-[a-z0-9-]+\.md$/;

/** Each has its place in the list, by number, and says whether it holds. */
export const decisionsAreListed = (files: Files): string[] => {
  const list = files.find(({ path }) => path === "ops/decisions/README.md")?.text ?? "";
  const rows = Array.from(list.matchAll(/^\| \[(\d{4})\]/gm), ([, number = ""]) => number);
  const late = rows.filter((number, at) => number < (rows[at - 1] ?? ""));
  const misplaced = late.map((number) => `ops/decisions/README.md: ${number} is out of its order`);
  const unlisted = files
    .filter(({ path }) => decisionFile.test(path))
    .flatMap(({ path, text }) => [
      ...(/^\*\*Status:\*\* \S/m.test(text)
        ? []
        : [`${path}: say in its third line whether it holds: **Status:** accepted.`]),
      ...(list.includes(`(${posix.basename(path)})`)
        ? []
        : [`${path}: give it a row in ops/decisions/README.md`]),
    ]);
  return [...misplaced, ...unlisted];
};
