/** The streams that Freshet keeps on NATS, beside those of others. */

/** Of the log; test/tenants compares them with their owner. */
export const logStreams = [
  "KV_freshet_manifests",
  "DOCS",
  "CHUNKS",
  "HEADS",
  "KV_freshet_leases",
  "DLQ",
] as const;
export const sourceStreams = ["KV_freshet_sources", "freshet_source_letters"] as const;
/** There while a restore is under way: no engine begins a log beside it. */
export const restoreStream = "FRESHET_RESTORE";
export const webhookStream = "KV_freshet_webhooks";
export const auditStream = "AUDIT";
export const feedbackStream = "FEEDBACK";

/** All of them; test/cli compares it with what a backup knows. */
export const ownStreams: readonly string[] = [
  ...logStreams,
  ...sourceStreams,
  webhookStream,
  auditStream,
  feedbackStream,
];
