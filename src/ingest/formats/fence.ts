/** Code of another format as a block of Markdown. Pure. */

const lineOfTicks = /^[^\S\n]*(`{3,})/gm;

/** Between fences that no line of the code can close. */
export function fencedCode(code: string, language: string): string {
  const runs = Array.from(code.matchAll(lineOfTicks), (run) => run[1]?.length ?? 0);
  const fence = "`".repeat(runs.reduce((longest, run) => Math.max(longest, run), 2) + 1);
  return `${fence}${language}\n${code}\n${fence}`;
}
