/**
 * The fixed sample with its independently made vectors; `make-reference.py` says how they came
 * about.
 */

import { readFileSync } from "node:fs";

export interface ReferenceText {
  readonly text: string;
  readonly ids: readonly number[];
  /** fp32, unit length, rounded to five decimals. */
  readonly vector: readonly number[];
}

export function readReference(): ReferenceText[] {
  const lines = readFileSync(new URL("./vectors.ndjson", import.meta.url), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as ReferenceText);
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? Number.NaN) * (b[i] ?? Number.NaN);
  return sum;
}
