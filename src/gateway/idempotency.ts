/**
 * Tells a retry from a mistake. The log knows whether an idempotency key was used before, but not
 * with which content; this remembers it for as long as the log remembers the key.
 *
 * Owns a bounded table of digests. Never decides whether a publish happens: it only explains one that
 * the log called a duplicate. A key that was used on another node is not known here, and its retry
 * counts as a retry.
 */

import { createHash } from "node:crypto";
import { FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Clock } from "../kernel/clock.ts";

const pattern = /^[\x21-\x7e]+$/;

/**
 * The log's message id for a caller's key. It holds the tenant, because the log compares message ids
 * across tenants: without it one tenant could silence another's publish (I9).
 * @throws FreshetError invalid_request
 */
export function messageIdOf(tenant: TenantId, key: string): string {
  if (key.length > limits.idempotencyKeyCharsMax || !pattern.test(key)) {
    const max = limits.idempotencyKeyCharsMax;
    throw new FreshetError(
      "invalid_request",
      `an idempotency key is 1-${max} printable characters`,
    );
  }
  return `${tenant}/${key}`;
}

export class IdempotencyKeys {
  readonly #clock: Clock;
  readonly #seen = new Map<string, { readonly digest: string; readonly atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws FreshetError duplicate_id when the key came with other content before */
  check(messageId: string, payload: Uint8Array, duplicate: boolean): void {
    const digest = createHash("sha256").update(payload).digest("base64");
    const before = this.#seen.get(messageId);
    const fresh =
      before !== undefined && this.#clock.monotonicMs() - before.atMs < limits.duplicateWindowMs;
    if (duplicate) {
      if (fresh && before.digest !== digest) {
        throw new FreshetError("duplicate_id", "the idempotency key was used with other content");
      }
      return;
    }
    this.#seen.delete(messageId);
    this.#seen.set(messageId, { digest, atMs: this.#clock.monotonicMs() });
    const oldest =
      this.#seen.size > limits.idempotencyKeysMax ? this.#seen.keys().next() : undefined;
    if (oldest?.value !== undefined) this.#seen.delete(oldest.value);
  }
}
