/**
 * No line of code or comment is longer than 100 columns. Biome keeps code to that but for what it
 * cannot break: literals (a message, a pattern). Comments it leaves alone, so this rule looks at
 * them.
 */
import ts from "typescript";
import type { RepositoryFile } from "./repository.ts";

const widthMax = 100;

/** Not test/: the title of a test is a sentence. */
export const roomsWithinWidth = /^(?:src|actors|workflows|activities|ops)\//;

/** A word that no line break can shorten: a URL, a path, a digest. */
const unbreakable = /\S{80,}/;

type Span = readonly [from: number, to: number];

/** Complaints about lines that are too long, but for those that a literal or one long word makes so. */
export function linesAreShort(files: readonly RepositoryFile[]): string[] {
  return files.filter(({ path }) => path.endsWith(".ts")).flatMap(complaintsOf);
}

function complaintsOf({ path, text }: RepositoryFile): string[] {
  const lines = text.split("\n");
  if (!lines.some((line) => line.length > widthMax)) return [];
  const literals = literalsOf(path, text);
  let start = 0;
  return lines.flatMap((line, index) => {
    const span: Span = [start, start + line.length];
    start = span[1] + 1;
    if (line.length - lengthWithin(literals, span) <= widthMax || unbreakable.test(line)) return [];
    return [
      `${path}:${index + 1}: ${line.length} columns: wrap it at ${widthMax}, a comment too: a reader has two files side by side`,
    ];
  });
}

/** Where strings, templates and regular expressions stand; the outermost only. */
function literalsOf(path: string, text: string): readonly Span[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  const spans: Span[] = [];
  const visit = (node: ts.Node): void => {
    if (
      ts.isStringLiteralLike(node) ||
      ts.isTemplateExpression(node) ||
      ts.isRegularExpressionLiteral(node)
    ) {
      spans.push([node.getStart(source), node.getEnd()]);
    } else {
      ts.forEachChild(node, visit);
    }
  };
  visit(source);
  return spans;
}

function lengthWithin(literals: readonly Span[], [from, to]: Span): number {
  return literals.reduce(
    (sum, [begin, end]) => sum + Math.max(0, Math.min(to, end) - Math.max(from, begin)),
    0,
  );
}
