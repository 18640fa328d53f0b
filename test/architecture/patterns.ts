/** The regular expressions of the project, and which of them take the square of a text's length. */

import { analyse } from "scslre";
import ts from "typescript";
import type { RepositoryFile } from "./repository.ts";

/** @returns `path:line pattern`, of each that begins anew at every sign of a run, or tries each cut of one */
export function slowPatterns({ path, text }: RepositoryFile): string[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node) && isSlow(node.text)) {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
      found.push(`${path}:${line + 1} ${node.text}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function isSlow(literal: string): boolean {
  const end = literal.lastIndexOf("/");
  const pattern = new RegExp(literal.slice(1, end), literal.slice(end + 1));
  const { reports } = analyse(pattern, {
    // Move is off by itself: to begin anew at each sign of a run is what hurts here most often.
    reportTypes: { Move: true, Self: true, Trade: true },
    assumeRejectingSuffix: false,
  });
  return reports.length > 0;
}
