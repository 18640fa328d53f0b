/**
 * What the worker bundles: every workflow that Temporal may start, under the name of its function.
 */

export { deliverWebhook } from "./deliver.ts";
export { eraseDocument, eraseDocuments, eraseTenant } from "./erase.ts";
export { mergeTenant } from "./merge.ts";
export { reembedTenant } from "./reembed.ts";
export { mergeSweep, retain, scrubSweep } from "./sweep.ts";
