/**
 * Quotas at the service: which node decides about a publish, and what a tenant uses.
 *
 *   EU1  the tenant's owner decides, so that a quota holds over all nodes together;
 *   EU2  a publish needs no owner (I1): while none answers the node that has the request decides by
 *        its own meters, so that no more passes than the quota for each node.
 */

import { operationsBehind } from "../../actors/directory/directory.ts";
import type { Topology } from "../../actors/topology/topology.ts";
import { FreshetError, toFreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import type { QuotaUser, TenantUsage } from "../contract/quota.ts";
import type { Log } from "../log/port.ts";

type Metered = Pick<
  Topology,
  "isOwner" | "quotas" | "refusalOfMore" | "held" | "directory" | "answering" | "lives"
>;

/** @throws FreshetError quota_exceeded; not_ready where another node owns the tenant */
export function admitHere(topology: Metered, user: QuotaUser, bytes: number): void {
  if (!topology.isOwner(user.tenant)) throw new FreshetError("not_ready");
  const refused = topology.refusalOfMore(user.tenant);
  if (refused !== undefined) throw refused;
  topology.quotas.admitDocument(user, bytes);
}

/** EU1, EU2. @throws FreshetError quota_exceeded */
export async function admitAtOwner(
  topology: Metered,
  admitted: {
    readonly user: QuotaUser;
    readonly bytes: number;
    /** Asks the owner, which is another node. */
    readonly askOwner: () => Promise<void>;
  },
): Promise<void> {
  const { user, bytes, askOwner } = admitted;
  if (!topology.quotas.limitsPublishing(user)) return;
  if (topology.isOwner(user.tenant)) return admitHere(topology, user, bytes);
  try {
    await askOwner();
  } catch (thrown) {
    if (toFreshetError(thrown).code === "quota_exceeded") throw thrown;
    topology.quotas.admitDocument(user, bytes);
  }
}

/** How many chunks cold has stored. */
export interface ColdCount {
  /** @throws FreshetError cold_unavailable */
  count(tenant: TenantId): Promise<number>;
}

/** What is stored of a tenant that has no memory. */
interface Stored {
  readonly manifests: Pick<Log["manifests"], "get">;
  readonly cold: ColdCount;
}

/**
 * What memory does not know it does not call nothing: of a tenant that sleeps all is in cold, one
 * that recovers is not counted yet.
 * @throws FreshetError not_ready (also where another node owns the tenant), tenant_suspended,
 *   tenant_erased, cold_unavailable
 */
export async function usageHere(
  topology: Metered,
  tenant: TenantId,
  stored: Stored,
): Promise<TenantUsage> {
  if (!topology.isOwner(tenant)) throw new FreshetError("not_ready");
  await topology.lives.load();
  topology.lives.check(tenant);
  const name = topology.answering(tenant);
  const rests = topology.lives.of(tenant)?.state === "asleep";
  const { directory } = topology;
  const entry = rests ? directory.tenant(name) : directory.tenantOrNothing(name);
  if (entry?.status.state === "recovering") throw new FreshetError("not_ready");
  const { quota, lastMinute, modelToday, left } = await topology.quotas.useOf(tenant);
  const resting = rests && entry === undefined ? await storedOf(stored, name) : undefined;
  const { documents = 0 } = resting ?? entry?.status ?? {};
  const held = resting ?? (await topology.held(tenant));
  const { stored_chunks, hot_bytes } = quota;
  const amounts = {
    ...(stored_chunks === undefined
      ? {}
      : { stored_chunks: Math.max(0, stored_chunks - held.chunks) }),
    ...(hot_bytes === undefined ? {} : { hot_bytes: Math.max(0, hot_bytes - held.hotBytes) }),
  };
  return {
    tenant,
    documents,
    stored_chunks: held.chunks,
    hot_bytes: Math.round(held.hotBytes),
    operations_behind: entry === undefined ? 0 : operationsBehind(entry),
    last_minute: lastMinute,
    model_tokens_today: modelToday.tokens,
    model_seconds_today: modelToday.ms / 1000,
    quota,
    left: { ...left, ...amounts },
  };
}

async function storedOf({ manifests, cold }: Stored, name: TenantId) {
  const [found, chunks] = await Promise.all([manifests.get(name), cold.count(name)]);
  return { documents: found?.manifest.documents ?? 0, chunks, hotBytes: 0 };
}

/** What the tenant asks for, if anything. @throws FreshetError log_unavailable */
export async function rawTextOf(
  { privacy: store }: Pick<Log, "privacy">,
  tenant: TenantId,
): Promise<Pick<TenantUsage, "raw_retention_ms" | "encryption">> {
  const { rawMs, encryption } = (await store.get(tenant)).privacy;
  return {
    ...(rawMs === undefined ? {} : { raw_retention_ms: rawMs }),
    ...(encryption === undefined ? {} : { encryption }),
  };
}
