/** Code of another format as a block of Markdown. Pure. */

/**
 * Lines begin after `\n` alone. `^` of a pattern with `m` also begins after `\r` and U+2028, which
 * are blanks as well: a run of them would be read from each of its signs.
 */
const lineOfTicks = /(?:^|\n)[^\S\n]*(`{3,})/g;

/** Between fences that no line of the code can close. */
export function fencedCode(code: string, language: string): string {
  const runs = Array.from(code.matchAll(lineOfTicks), (run) => run[1]?.length ?? 0);
  const fence = "`".repeat(runs.reduce((longest, run) => Math.max(longest, run), 2) + 1);
  return `${fence}${language}\n${code}\n${fence}`;
}
