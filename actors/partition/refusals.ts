/**
 * Dead letters for operations under a subject token that is no tenant, or none that is admitted.
 * Such a token has no position in CHUNKS, so its dead letters are where its operations end (I2).
 *
 * They are written beside the shared reader, and from DOCS: dead letters that cannot be written
 * must not keep tenants waiting (I9).
 */

import { toFreshetError } from "../../src/contract/errors.ts";
import { isTenantId, type Partition, type TenantId, type Version } from "../../src/contract/ids.ts";
import type { Logger } from "../../src/contract/observation.ts";
import type { Admission, TenantCatalogue } from "../../src/log/catalogue.ts";
import type { TenantLives } from "../../src/log/lives.ts";
import type { Log, StoredOperation } from "../../src/log/port.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { readBytesMax } from "../directory/bytes.ts";

export interface RefusalsOptions {
  readonly log: Pick<Log, "docs" | "deadLetters" | "erasure">;
  readonly lives: TenantLives;
  readonly partition: Partition;
  readonly catalogue: TenantCatalogue;
  readonly pullMax: number;
  /** Pause after dead letters could not be written. */
  readonly respawnMs: number;
  readonly logger: Logger;
}

export interface RefusalsParts {
  readonly clock: Clock;
  readonly task: (work: () => Promise<void>) => void;
  /** Aborts with the tenure. */
  readonly ended: AbortSignal;
  /** Whether the token is none of a tenant that this tenure serves, now or later. */
  readonly isRefused: (name: string) => boolean;
}

export class Refusals {
  readonly #options: RefusalsOptions;
  readonly #parts: RefusalsParts;
  #state: "idle" | "refusing" | "refusing-once-more" = "idle";
  /** Per token, the newest operation that has its dead letter. */
  readonly #refusedTo = new Map<string, Version>();

  constructor(options: RefusalsOptions, parts: RefusalsParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** DOCS holds operations to refuse: goes through it, once more if it is at it already. */
  refuse(): void {
    switch (this.#state) {
      case "idle":
        this.#state = "refusing";
        return this.#parts.task(() => this.#refuseUntilDone());
      case "refusing":
        this.#state = "refusing-once-more";
        return;
      case "refusing-once-more":
        return;
    }
  }

  async #refuseUntilDone(): Promise<void> {
    const { clock, ended } = this.#parts;
    do {
      this.#state = "refusing";
      const failure = await this.#refuseAll().then(() => undefined, toFreshetError);
      if (failure === undefined) continue;
      const { code } = failure;
      this.#options.logger.warn({ code }, "dead letters of refused tenants wait");
      this.#state = "refusing-once-more";
      await clock.sleep(this.#options.respawnMs, ended);
    } while (this.#isWantedOnceMore() && !ended.aborted);
    this.#state = "idle";
  }

  #isWantedOnceMore(): boolean {
    return this.#state === "refusing-once-more";
  }

  async #refuseAll(): Promise<void> {
    const { log, partition, lives } = this.#options;
    const names = await log.docs.tenants(partition);
    for (const name of names.filter((token) => this.#parts.isRefused(token))) {
      const life = isTenantId(name) ? lives.of(name) : undefined;
      // While it is being erased the erase itself removes them, and counts them before.
      if (life?.state === "erasing") continue;
      if (life?.state === "erased") {
        // Nothing of an erased tenant is kept, not even that something was refused.
        const tenant = name as TenantId;
        await log.erasure.remove({ tenant, of: "operations", signal: this.#parts.ended });
        continue;
      }
      await this.#refuseToken(name);
      await log.deadLetters.trim(name);
    }
  }

  async #refuseToken(name: string): Promise<void> {
    const { log, pullMax } = this.#options;
    let after = this.#refusedTo.get(name) ?? (0 as Version);
    for (let more = true; more && !this.#parts.ended.aborted; ) {
      // The token is given as it is: reading does not ask whether it is a tenant.
      const range = { tenant: name as TenantId, after, max: pullMax, bytesMax: readBytesMax };
      const operations = await log.docs.readTenant(range);
      for (const operation of operations) await this.#refuseOne(operation);
      after = operations.at(-1)?.version ?? after;
      this.#refusedTo.set(name, after);
      more = operations.length > 0;
    }
  }

  /** Idempotent: a later tenure says the same again. */
  async #refuseOne({ tenant, version, atMs }: StoredOperation): Promise<void> {
    const { log, catalogue } = this.#options;
    const refusal = isTenantId(tenant) ? refusalOf(catalogue.admit(tenant)) : notATenant;
    if (refusal === undefined) return;
    await log.deadLetters.publish({ tenant, version, documentId: null, ...refusal, atMs });
  }
}

interface Refusal {
  readonly reason: "invalid_tenant" | "unknown_tenant";
  readonly message: string;
}

const notATenant: Refusal = {
  reason: "invalid_tenant",
  message: "the subject's tenant is 1-64 letters, digits, _ or -",
};

function refusalOf(admission: Admission): Refusal | undefined {
  if (admission.kind === "admitted") return undefined;
  return { reason: "unknown_tenant", message: admission.message };
}
