/** What must be true before anything is released. Pure. */

export interface ReleaseFacts {
  /** Of package.json. */
  readonly version: string;
  readonly changelog: string;
  /** Lines of `git status --porcelain`. */
  readonly dirty: readonly string[];
  /** Tags of the commit, and whether the version's tag is on another one. */
  readonly tagElsewhere: boolean;
}

const semver = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;
const shownMax = 3;

/** One line for each reason not to release; none is right. */
export function releaseProblems(facts: ReleaseFacts): readonly string[] {
  const { version, changelog, dirty, tagElsewhere } = facts;
  const problems: string[] = [];
  if (!semver.test(version)) problems.push(`package.json: "${version}" is no version`);
  if (dirty.length > 0) {
    const shown = dirty
      .slice(0, shownMax)
      .map((line) => line.trim())
      .join(", ");
    const more = dirty.length > shownMax ? ` and ${dirty.length - shownMax} more` : "";
    problems.push(`the tree has changes that are in no commit (${shown}${more}): commit them`);
  }
  if (notesOf(changelog, version) === undefined) {
    problems.push(
      `CHANGELOG.md has no section "## [${version}] - <date>" with an entry: ` +
        "move what is under Unreleased there",
    );
  }
  if (tagElsewhere) {
    problems.push(`v${version} is the tag of another commit: raise the version in package.json`);
  }
  return problems;
}

/** The section of a version, without its heading; undefined when it is missing or says nothing. */
export function notesOf(changelog: string, version: string): string | undefined {
  const heading = `## [${version}] - `;
  const lines = changelog.split("\n");
  const start = lines.findIndex(
    (line) => line.startsWith(heading) && /^\d{4}-\d\d-\d\d$/.test(line.slice(heading.length)),
  );
  if (start === -1) return undefined;
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => line.startsWith("## "));
  const notes = (end === -1 ? rest : rest.slice(0, end)).join("\n").trim();
  return /^- /m.test(notes) ? notes : undefined;
}
