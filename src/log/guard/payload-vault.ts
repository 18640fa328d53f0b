/**
 * Seals what is published and opens what is read, with the keys of the tenants.
 *
 * Owns: a copy of the tenants' records, and their keys as they are used, in memory only.
 * Never: opens under another tenant's key, or takes plain text for what had to be sealed.
 *
 *   PV1  a record counts for `payloadKeysKnownMs` at most, from when its read began: a key that was
 *        destroyed opens nothing after that, a new one seals by then. From `payloadKeysReadMs` on
 *        the next read runs beside the work. Only who finds what is known too old waits for one,
 *        and fails with it;
 *   PV2  a key that is missing here (of the installation) is a failure that passes; what the tag
 *        denies, or whose key the tenant has no more, never is;
 *   PV3  where the tenant requires it, plain text behind `plainTo` is refused. Not a delete: it
 *        holds no text, and goes through whatever a tenant has set.
 */

import { FreshetError } from "../../contract/errors.ts";
import { isTenantId, type TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { Metrics } from "../../contract/observation.ts";
import { currentKey, type TenantPrivacy, type WrappedKey } from "../../contract/tenant-privacy.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { PayloadVault, SealedPayload } from "../payload-port.ts";
import type { StoredOperation } from "../port.ts";
import type { PrivacyStore } from "../privacy-port.ts";
import { keyIdIn, openPayload, type PayloadKey, sealPayload, unwrapKey } from "./payload-seal.ts";

export interface KeyVaultOptions {
  readonly store: Pick<PrivacyStore, "all">;
  /** Of the installation; the first wraps, all of them unwrap. */
  readonly keys: readonly PayloadKey[];
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly metrics: Pick<Metrics, "count">;
}

type Known = ReadonlyMap<TenantId, TenantPrivacy>;

export class KeyVault implements PayloadVault {
  readonly #options: KeyVaultOptions;
  #known: Known = new Map();
  #knownAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<Known> | undefined;
  /** By what wraps them: a record that changed is unwrapped anew. */
  #unwrapped = new Map<string, PayloadKey>();

  constructor(options: KeyVaultOptions) {
    this.#options = options;
  }

  async seal({
    tenant,
    payload,
    messageId,
  }: Parameters<PayloadVault["seal"]>[0]): Promise<SealedPayload> {
    const privacy = await this.#privacyOf(tenant);
    if (privacy?.encryption === undefined) return { payload };
    const wrapped = currentKey(privacy);
    if (wrapped === undefined) throw this.#failed("payload_key_unavailable", "it has no key");
    return sealPayload(this.#unwrap(wrapped, tenant), payload, { tenant, messageId });
  }

  async open(operation: StoredOperation): Promise<Uint8Array> {
    const { tenant, version, payload, messageId, sealed } = operation;
    const privacy = isTenantId(tenant) ? await this.#privacyOf(tenant) : undefined;
    if (sealed === undefined) {
      const isRefused = privacy?.encryption === "required" && version > (privacy.plainTo ?? 0);
      if (isRefused && !isDelete(payload)) throw this.#failed("payload_plain");
      return payload;
    }
    const id = keyIdIn(sealed);
    if (id === undefined) throw this.#failed("payload_unreadable", "sealed in an unknown format");
    const wrapped = privacy?.keys?.find((key) => key.id === id);
    if (wrapped === undefined) throw this.#failed("payload_unreadable", "its key is destroyed");
    const opened = openPayload(this.#unwrap(wrapped, tenant as TenantId), payload, {
      ...{ tenant, messageId },
    });
    if (opened === undefined) throw this.#failed("payload_unreadable");
    return opened;
  }

  /** PV1. @throws FreshetError log_unavailable */
  async #privacyOf(tenant: TenantId): Promise<TenantPrivacy | undefined> {
    const ageMs = this.#options.clock.monotonicMs() - this.#knownAtMs;
    if (ageMs >= limits.payloadKeysKnownMs) return (await this.#read()).get(tenant);
    // One that fails is told to nobody: what is known soon is too old, and then somebody waits.
    if (ageMs >= limits.payloadKeysReadMs) this.#read().catch(() => {});
    return this.#known.get(tenant);
  }

  #read(): Promise<Known> {
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readAll(): Promise<Known> {
    const { store, clock } = this.#options;
    const begunMs = clock.monotonicMs();
    const known = new Map<TenantId, TenantPrivacy>();
    const wraps = new Set<string>();
    for await (const { tenant, privacy } of store.all()) {
      known.set(tenant, privacy);
      for (const { wrapped } of privacy.keys ?? []) wraps.add(wrapped);
    }
    for (const wrapped of this.#unwrapped.keys())
      if (!wraps.has(wrapped)) this.#unwrapped.delete(wrapped);
    this.#known = known;
    this.#knownAtMs = begunMs;
    return known;
  }

  /** PV2. */
  #unwrap(key: WrappedKey, tenant: TenantId): PayloadKey {
    const known = this.#unwrapped.get(key.wrapped);
    if (known !== undefined) return known;
    const by = this.#options.keys.find(({ id }) => id === key.by);
    if (by === undefined) {
      throw this.#failed("payload_key_unavailable", "FRESHET_PAYLOAD_KEY_FILE has not its key");
    }
    const unwrapped = unwrapKey(by, key, tenant);
    if (unwrapped === undefined) throw this.#failed("payload_unreadable", "its key was changed");
    this.#unwrapped.set(key.wrapped, unwrapped);
    return unwrapped;
  }

  #failed(code: PayloadFailure, what?: string): FreshetError {
    this.#options.metrics.count("payload_failures_total", { reason: code });
    return new FreshetError(code, what === undefined ? undefined : `the payload: ${what}`);
  }
}

type PayloadFailure = "payload_key_unavailable" | "payload_unreadable" | "payload_plain";

/** More bytes than an id of 512 needs are looked at by nobody. */
const deleteBytesMax = 4_096;

/** PV3. */
function isDelete(payload: Uint8Array): boolean {
  if (payload.byteLength > deleteBytesMax) return false;
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(payload));
    return typeof body === "object" && body !== null && "op" in body && body.op === "delete";
  } catch {
    return false;
  }
}
