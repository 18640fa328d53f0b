/** What commands that change something leave in the audit trail. */

import { userInfo } from "node:os";
import type { AuditEvent, AuditOperation } from "../contract/audit.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { AuditLog } from "../log/audit-port.ts";
import { type Addresses, resolveAddresses } from "./addresses.ts";
import { appendToAudit, connectAudit } from "./connect.ts";
import { CliError } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

export interface Done {
  readonly operation: AuditOperation;
  /** None: what is done is the installation's. */
  readonly tenant?: TenantId | undefined;
  /** Of the key that was made or ended, of an outcome; default `ok`. */
  readonly outcome?: string | undefined;
  readonly accepted?: number | undefined;
  readonly refused?: number | undefined;
}

interface Trail {
  readonly addresses: Addresses;
  readonly terminal: Pick<Terminal, "note">;
  /** Where the command is connected to the log anyway. */
  readonly audit?: AuditLog | undefined;
}

/**
 * Writes down what a command has done. It never fails the command, whose work is done: it says when
 * the trail lacks it. A command without a connection to the log makes one only where
 * `FRESHET_AUDIT=stream` says that it should.
 */
export async function writeDown(done: Done, { addresses, terminal, audit }: Trail): Promise<void> {
  const { mode, key } = addresses.audit ?? {};
  if (mode === "off" || (audit === undefined && mode !== "stream")) return;
  const work = { event: eventOf(done), key: key?.() };
  try {
    const outcome =
      audit === undefined ? await overItsOwn(addresses, work) : await appendToAudit(audit, work);
    if (outcome === "missing") throw new CliError("FRESHET_AUDIT_KEY or the log is missing");
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    terminal.note(`this is not in the audit trail: ${why}\n`);
  }
}

/** For commands about files: only where the trail is asked for NATS is looked for. */
export async function writeDownOfFiles(
  done: Done,
  terminal: Pick<Terminal, "note" | "env">,
): Promise<void> {
  if (terminal.env["FRESHET_AUDIT"]?.trim() !== "stream") return;
  await writeDown(done, { addresses: resolveAddresses({}, terminal.env), terminal });
}

async function overItsOwn(addresses: Addresses, work: Parameters<typeof appendToAudit>[1]) {
  const connection = await connectAudit(addresses, limits.auditCliMs);
  try {
    return await appendToAudit(connection.audit, work);
  } finally {
    await connection.close();
  }
}

function eventOf({ outcome = "ok", ...done }: Done): AuditEvent {
  return { ...done, outcome, surface: "cli", credential: `os:${userName()}` };
}

/** A container may run under a number that has no name. */
function userName(): string {
  try {
    return userInfo().username.slice(0, limits.auditNameCharsMax - 3);
  } catch {
    return String(process.getuid?.() ?? "unknown");
  }
}
