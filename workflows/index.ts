/**
 * What the worker bundles: every workflow that Temporal may start, under the name of its function.
 */

export { mergeTenant } from "./merge.ts";
export { mergeSweep, retain, scrubSweep } from "./sweep.ts";
