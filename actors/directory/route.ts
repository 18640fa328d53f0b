/**
 * The way from the shared DOCS reader to one tenant: through its mailbox, or past it (T4).
 *
 * Owns: whether the tenant is off the shared reader, and up to where it then has to read DOCS by
 * itself. Never: waits. A plain object, not an actor: the reader and the tenant writer run on one
 * thread and each method is one step, so neither sees the other halfway.
 */

import type { Version } from "../../src/contract/ids.ts";
import type { StoredOperation } from "../../src/log/port.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import type { TenantWriterMessage } from "../messages.ts";
import type { TenantBytes } from "./bytes.ts";

export class TenantRoute {
  readonly mailbox: Mailbox<TenantWriterMessage>;
  readonly bytes: TenantBytes;
  /** A tenant that has not looked into DOCS yet is behind. */
  #isBehind = true;
  /** The newest operation that the reader did not hand over; 0 when there is none. */
  #skippedTo = 0 as Version;

  constructor(mailbox: Mailbox<TenantWriterMessage>, bytes: TenantBytes) {
    this.mailbox = mailbox;
    this.bytes = bytes;
  }

  /** The tenant is off the shared reader and reads DOCS by itself. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  get skippedTo(): Version {
    return this.#skippedTo;
  }

  /** For the reader: hands the operation over, or takes the tenant off the reader. */
  offer(operation: StoredOperation): void {
    const admitted = this.#isBehind ? undefined : this.bytes.tryAdmit(operation);
    if (admitted !== undefined && this.mailbox.tryPut({ type: "operation", admitted })) return;
    admitted?.share.release();
    this.fellBehind(operation.version);
  }

  /** Takes the tenant off the reader; `skipped` is an operation that it has to read by itself. */
  fellBehind(skipped?: Version): void {
    this.#isBehind = true;
    if (skipped !== undefined && skipped > this.#skippedTo) this.#skippedTo = skipped;
  }

  /**
   * For a tenant whose own reads have found nothing after `takenIn`. It is back on the reader,
   * unless the reader has skipped an operation after that one: then this is false.
   */
  caughtUp(takenIn: Version): boolean {
    if (takenIn < this.#skippedTo) return false;
    this.#isBehind = false;
    return true;
  }
}
