/** Versions as tools print them: compared number by number, pre-release suffixes ignored. */

/** The first dotted version in a tool's output ("nats-server: v2.15.1" → "2.15.1"). */
export function findVersion(output: string): string | undefined {
  return /\d+\.\d+(?:\.\d+)?/.exec(output)?.[0];
}

/** True when `have` is `want` or newer. Missing parts count as zero. */
export function isAtLeast(have: string, want: string): boolean {
  const haveParts = numbers(have);
  const wantParts = numbers(want);
  for (let index = 0; index < 3; index += 1) {
    const difference = (haveParts[index] ?? 0) - (wantParts[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/**
 * A tool found on PATH may be newer than what was tried, but not a new major version: its flags
 * and file formats may have changed.
 */
export function isAcceptable(have: string, minimum: string): boolean {
  return isAtLeast(have, minimum) && numbers(have)[0] === numbers(minimum)[0];
}

function numbers(version: string): number[] {
  const plain = version.replace(/^[^\d]*/, "").split(/[-+]/, 1)[0] ?? "";
  return plain.split(".").map((part) => Number.parseInt(part, 10) || 0);
}
