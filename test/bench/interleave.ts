/** Sides of a comparison take turns, so that what else the machine does meets all of them alike. */

export type Side = () => Promise<void> | void;

/** The least number of rounds that a median may stand on. */
export const roundsMin = 5;

/**
 * Runs every side once per round and returns its seconds by name, one per round. The order turns with
 * each round, and one round before the first is not counted: it warms caches and compilers.
 */
export async function interleave<Name extends string>(
  sides: Readonly<Record<Name, Side>>,
  rounds: number = roundsMin,
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const names = Object.keys(sides) as Name[];
  const seconds = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    number[]
  >;
  for (let round = -1; round < rounds; round += 1) {
    for (const at of names.keys()) {
      const name = names[(at + round + 1) % names.length] as Name;
      const begun = performance.now();
      await sides[name]();
      if (round >= 0) seconds[name].push((performance.now() - begun) / 1000);
    }
  }
  return seconds;
}
