/**
 * What a retry over HTTP gets. Whether a publish repeats an earlier one is decided by the
 * tenant's owner, later and by the log; this remembers what went through this node, so that a retry
 * gets its first receipt and a mistake is named at once.
 *
 * Owns a bounded table of receipts. Never: knows what another node published; there the retry is
 * stored, and the owner finds that it repeats (T9).
 */

import { createHash } from "node:crypto";
import { FreshetError } from "../contract/errors.ts";
import type { TenantId, Version } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Clock } from "../runtime/clock.ts";

const pattern = /^[\x21-\x7e]+$/;

/** @throws FreshetError invalid_request */
export function checkKey(key: string): void {
  if (key.length > 0 && key.length <= limits.idempotencyKeyCharsMax && pattern.test(key)) return;
  const max = limits.idempotencyKeyCharsMax;
  throw new FreshetError("invalid_request", `an idempotency key is 1-${max} printable characters`);
}

export interface KeyedPublish {
  readonly tenant: TenantId;
  readonly key: string;
  /** The operation, however it was written ({@link contentOf}). */
  readonly content: string;
}

interface Receipt {
  readonly digest: string;
  readonly seq: Version;
  readonly atMs: number;
}

export class IdempotencyKeys {
  readonly #clock: Clock;
  readonly #receipts = new Map<string, Receipt>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The receipt of the same publish before; undefined when this node knows none.
   * @throws FreshetError duplicate_id when the key came with other content before
   */
  receiptOf({ tenant, key, content }: KeyedPublish): Version | undefined {
    const receipt = this.#receipts.get(nameOf(tenant, key));
    if (receipt === undefined) return undefined;
    if (this.#clock.monotonicMs() - receipt.atMs >= limits.duplicateWindowMs) return undefined;
    if (receipt.digest === digestOf(content)) return receipt.seq;
    throw new FreshetError("duplicate_id", "the idempotency key was used with other content");
  }

  remember({ tenant, key, content }: KeyedPublish, seq: Version): void {
    const name = nameOf(tenant, key);
    this.#receipts.delete(name);
    this.#receipts.set(name, {
      digest: digestOf(content),
      seq,
      atMs: this.#clock.monotonicMs(),
    });
    const isFull = this.#receipts.size > limits.idempotencyKeysMax;
    const oldest = isFull ? this.#receipts.keys().next().value : undefined;
    if (oldest !== undefined) this.#receipts.delete(oldest);
  }
}

/** A tenant's id holds no slash: two tenants' keys never meet (I9). */
const nameOf = (tenant: TenantId, key: string): string => `${tenant}/${key}`;

const digestOf = (content: string): string => createHash("sha256").update(content).digest("base64");
