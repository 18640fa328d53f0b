/**
 * How many test files run side by side: twice the cores, since many files wait, for leases, grace
 * periods and starting processes. What they must not share is in test/support/side-by-side.ts.
 */
import { availableParallelism } from "node:os";

const filesMin = 3;
const filesMax = 6;

export const filesAtOnce = Math.min(Math.max(2 * availableParallelism(), filesMin), filesMax);
