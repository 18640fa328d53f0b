/** Variables that look like a setting and are none: slips of the hand. */

import { settings } from "./settings.ts";

/** Two letters in each other's place are two. */
const editsMax = 2;

export interface Slip {
  readonly name: string;
  /** The setting that was meant. */
  readonly meant: string;
}

/**
 * Nothing reads them, so that what they should say does not hold. Only those that look like a
 * setting: scripts beside Freshet have variables of their own.
 */
export function slipsIn(names: readonly string[]): readonly Slip[] {
  const known = Object.keys(settings);
  return names
    .filter((name) => name.startsWith("FRESHET_") && !known.includes(name))
    .flatMap((name) => {
      const meant = known.find((one) => editsBetween(one, name) <= editsMax);
      return meant === undefined ? [] : [{ name, meant }];
    });
}

export function slipLine({ name, meant }: Slip): string {
  return `${name} is no setting, and nothing reads it; did you mean ${meant}?`;
}

/** How many letters have to be added, taken away or changed (Levenshtein). */
function editsBetween(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > editsMax) return editsMax + 1;
  let above = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [row, letter] of [...one].entries()) {
    const line = [row + 1];
    for (const [at, facing] of [...other].entries()) {
      const changed = (above[at] ?? 0) + (letter === facing ? 0 : 1);
      line.push(Math.min(changed, (above[at + 1] ?? 0) + 1, (line[at] ?? 0) + 1));
    }
    above = line;
  }
  return above[other.length] ?? 0;
}
