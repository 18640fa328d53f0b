/** Whole numbers of a query string, as it came: a text, or several where a name is there twice. */

import { FreshetError } from "../contract/errors.ts";

/** @throws FreshetError invalid_request, which names the field and its bounds */
export function wholeNumberIn(
  value: unknown,
  name: string,
  [min, max]: readonly [number, number],
): number {
  const number = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : -1;
  if (number >= min && number <= max) return number;
  throw new FreshetError("invalid_request", `${name}: a whole number from ${min} to ${max}`);
}
