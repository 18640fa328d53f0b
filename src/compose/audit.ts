/** The audit trail of an engine, where one is written. */

import { type AuditTrail, noAudit } from "../contract/audit.ts";
import { asksForKeys, type Credentials } from "../gateway/auth.ts";
import { AuditWriter } from "../log/guard/audit-writer.ts";
import type { Foundation, NatsLog } from "./foundation.ts";

/** Without keys nobody is known, so that a trail would say nothing, unless it is asked for. */
export function openAudit(
  { config, identity, clock, logger, metrics }: Foundation,
  { log, credentials }: { readonly log: NatsLog; readonly credentials: Credentials },
): AuditTrail & { close(): Promise<unknown> } {
  const { mode = asksForKeys(credentials) ? "stream" : "off", key } = config.audit;
  if (mode === "off") return { ...noAudit, close: async () => {} };
  return new AuditWriter({
    ...{ log: log.audit, chain: config.node, writer: identity, key: key?.() },
    ...{ clock, logger, metrics },
  });
}
