/**
 * The bytes that a tenant's operations hold in memory, from DOCS to their records (I9, I11).
 *
 * Three pools of the node, shared by all tenants: payloads in mailboxes, pages of tenants' own
 * reads, and what payloads become while they are processed. A tenant that gets no share at the
 * shared reader leaves it (T4) and waits for its turn by itself, so neither one flood nor many
 * stuck tenants take memory without end, or keep another tenant from its next operation. Pages have
 * a pool of their own: the mailbox of a tenant that starts anew waits until the tenant has read, so
 * it must not hold what that reading needs.
 *
 * Owns: the shares of one tenant, by which it is counted in the pools. Never: holds a payload.
 *
 *   TB1  a payload is counted before it is kept, and given back when its record is applied or its
 *        life ends;
 *   TB2  a payload that no document can have (mostly JSON white space) is not kept, only its size;
 *   TB3  after `close` nothing is held, whatever was left in a mailbox.
 */

import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Outcome } from "../../src/contract/outcome.ts";
import type { StoredOperation } from "../../src/log/port.ts";
import { FairShares, type Share } from "../../src/runtime/fair-shares.ts";

/** An operation as it is kept in memory. */
export interface KeptOperation extends StoredOperation {
  /** Set when the payload was too large for any document and is not kept (TB2). */
  readonly tooLargeBytes?: number | undefined;
}

/** An operation and the share of the pool that its payload holds. */
export interface Admitted {
  readonly operation: KeptOperation;
  readonly share: Share;
}

export interface NodeBytes {
  readonly mailboxes: FairShares;
  readonly pages: FairShares;
  readonly inHand: FairShares;
}

export function nodeBytes(): NodeBytes {
  const timesFree = 1 / 4;
  const intake = { total: limits.intakeBytesMax, perKeyMax: limits.intakeBytesPerTenantMax };
  const inHand = { total: limits.inHandBytesMax, perKeyMax: limits.inHandBytesPerTenantMax };
  return {
    mailboxes: new FairShares({ ...intake, timesFree }),
    pages: new FairShares({ ...intake, total: limits.intakePagesBytesMax, timesFree }),
    inHand: new FairShares({ ...inHand, timesFree }),
  };
}

/** Bound for one read, which ends with the operation that crosses it: together they fit a page. */
export const readBytesMax = limits.rangePageBytesMax - limits.recordBytesMax;

const nothing = new Uint8Array();

/** TB2. The client's buffers hold many messages: a small one must not keep a large buffer. */
export function keptOf(operation: StoredOperation): KeptOperation {
  const { payload } = operation;
  const bytes = payload.byteLength;
  if (bytes > limits.httpDocumentBytesMax) {
    return { ...operation, payload: nothing, tooLargeBytes: bytes };
  }
  return payload.buffer.byteLength > 2 * bytes
    ? { ...operation, payload: payload.slice() }
    : operation;
}

/** TB2: the outcome of an operation whose payload is not kept. */
export function tooLarge({ tooLargeBytes }: KeptOperation): Outcome | undefined {
  if (tooLargeBytes === undefined) return undefined;
  const max = limits.httpDocumentBytesMax;
  const message = `the payload has ${tooLargeBytes} bytes, the limit is ${max}`;
  return { kind: "reject", documentId: null, reason: "document_too_large", message };
}

export class TenantBytes {
  readonly #tenant: TenantId;
  readonly #node: NodeBytes;
  readonly #documentTextBytesMax: number;
  readonly #held = new Set<Share>();
  /** Those that are held for an operation from its arrival to its record. */
  readonly #admitted = new Set<Share>();
  #closed = false;

  constructor(tenant: TenantId, node: NodeBytes, documentTextBytesMax: number) {
    this.#tenant = tenant;
    this.#node = node;
    this.#documentTextBytesMax = documentTextBytesMax;
  }

  /** At the shared reader, which never waits (T4). */
  tryAdmit(stored: StoredOperation): Admitted | undefined {
    if (this.#closed) return undefined;
    const operation = keptOf(stored);
    const share = this.#node.mailboxes.tryTake(this.#tenant, sizeOf(operation));
    return share && { operation, share: this.#counted(share, this.#admitted) };
  }

  /** How many are here and have no record yet. */
  get operations(): number {
    return this.#admitted.size;
  }

  /**
   * Before a page of the tenant's own reads is asked for. Undefined when the signal aborts first.
   */
  async page(signal: AbortSignal): Promise<Share | undefined> {
    const share = await this.#node.pages.take(this.#tenant, {
      amount: limits.rangePageBytesMax,
      signal,
    });
    return typeof share === "object" ? this.#counted(share) : undefined;
  }

  /** The operations of a page, each with its share; what they do not need is given back. */
  admitted(page: Share, operations: readonly StoredOperation[]): readonly Admitted[] {
    const all = operations.map((stored) => {
      const operation = keptOf(stored);
      return { operation, share: this.#counted(page.split(sizeOf(operation)), this.#admitted) };
    });
    page.release();
    return all;
  }

  /** Before an operation is prepared. Undefined when the signal aborts first. */
  async inHand(operation: KeptOperation, signal: AbortSignal): Promise<Share | undefined> {
    const text = Math.min(operation.payload.byteLength, this.#documentTextBytesMax);
    const amount = Math.max(1, text * (1 + limits.recordBytesPerTextByteMax));
    const share = await this.#node.inHand.take(this.#tenant, { amount, signal });
    return typeof share === "object" ? this.#counted(share) : undefined;
  }

  /** TB3. */
  close(): void {
    this.#closed = true;
    for (const share of [...this.#held]) share.release();
  }

  #counted(share: Share, among?: Set<Share>): Share {
    const counted: Share = {
      split: (amount) => share.split(amount),
      shrinkTo: (amount) => share.shrinkTo(amount),
      release: () => {
        this.#held.delete(counted);
        among?.delete(counted);
        share.release();
      },
    };
    if (this.#closed) share.release();
    else {
      this.#held.add(counted);
      among?.add(counted);
    }
    return counted;
  }
}

/** The payload, and what an operation costs besides it. */
function sizeOf({ payload }: KeptOperation): number {
  return payload.byteLength + limits.operationOverheadBytes;
}
