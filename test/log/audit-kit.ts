/** Chains for tests of the audit trail. */

import type { AuditEvent } from "../../src/contract/audit.ts";
import { sealBlock } from "../../src/contract/audit-chain.ts";
import { tenantId } from "../../src/contract/ids.ts";
import { AuditCheck, type AuditCheckOptions, type AuditReport } from "../../src/log/audit-check.ts";
import type { AuditHoldings, AuditLog, AuditMessage } from "../../src/log/audit-port.ts";

export const acme = tenantId("acme");

export const publishOf = (credential: string): AuditEvent => ({
  ...{ tenant: acme, credential, surface: "http", operation: "publish", outcome: "ok" },
});

/** The report on what a log holds now. */
export async function checkOf(
  log: AuditLog,
  options: Partial<AuditCheckOptions> = {},
): Promise<AuditReport> {
  const held = await log.holdings();
  if (held === null) throw new Error("there is no trail");
  const messages: AuditMessage[] = [];
  for await (const message of log.read()) messages.push(message);
  return reportOn(messages, held, options);
}

export function reportOn(
  messages: readonly AuditMessage[],
  held: AuditHoldings,
  options: Partial<AuditCheckOptions> = {},
): AuditReport {
  const check = new AuditCheck({ key: undefined, nowMs: Date.now(), ...options });
  for (const message of messages) check.add(message, held);
  return check.end(held);
}

/** Blocks of several chains in one stream, as their writers would have appended them. */
export function chainsOf(
  order: readonly string[],
  key: string | undefined,
  firstAtMs = 1_700_000_000_000,
): AuditMessage[] {
  const ends = new Map<string, { hash: string; seq: number; at: number; number: number }>();
  return order.map((chain, index) => {
    const seq = index + 1;
    const before = ends.get(chain);
    const number = (before?.number ?? 0) + 1;
    const previous =
      before === undefined ? null : { hash: before.hash, seq: before.seq, at: before.at };
    const at = firstAtMs + index;
    const entries = [{ at, times: 1, ...publishOf(`key-${index}`) }] as never;
    const { data, block } = sealBlock({ chain, writer: "kit", number, at, previous, entries }, key);
    ends.set(chain, { hash: block.hash, seq, at, number });
    return { chain, seq, data };
  });
}
