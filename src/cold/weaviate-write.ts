/**
 * Writing a page of objects into Weaviate, and what its refusals mean. Failures of single objects
 * are told inside a successful reply; a request that the server cannot read, or takes for too
 * large, fails as a whole.
 */

import type { WeaviateClient } from "weaviate-client";
import { type TenantId, tenantOf } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ColdObject } from "./port.ts";
import { type PageReply, type Verdict, writeNarrowed } from "./refusal.ts";
import type { SearchChannel } from "./weaviate-channel.ts";
import type { Connection } from "./weaviate-connection.ts";
import {
  InactiveTenantError,
  isCatchingUp,
  isInactiveTenant,
  isUnknownTenant,
  RequestRefusedError,
  UnknownTenantError,
} from "./weaviate-fault.ts";
import { vectorName, wireObject } from "./weaviate-object.ts";
import { collectionsOf } from "./weaviate-schema.ts";
import type { WireFailure, WireObject } from "./weaviate-wire-batch.ts";

export interface WriteParts {
  readonly connection: Connection;
  readonly clock: Clock;
}

/**
 * Writes all objects but those that it returns, which Weaviate refuses for good.
 * @throws FreshetError cold_unavailable, UnknownTenantError, InactiveTenantError
 */
export function writePage(
  { connection, clock }: WriteParts,
  tenant: TenantId,
  objects: readonly ColdObject[],
): Promise<readonly ColdObject[]> {
  return writeNarrowed(objects, {
    send: (page) => insert(connection, tenant, page),
    attemptsMax: limits.coldRefusalsMax,
    pause: () => clock.sleep(limits.coldRefusalPauseMs),
  });
}

async function insert(
  connection: Connection,
  tenant: TenantId,
  objects: readonly ColdObject[],
): Promise<PageReply> {
  try {
    return await connection.run(async (client, signal, channel) => {
      const to = { client, channel, signal, tenant };
      const failures = await writeObjects(to, objects.map(wireObject));
      const failed = failures.map((failure) => ({
        ...failure,
        verdict: verdictOf(failure.message),
      }));
      return { kind: "answered", failed };
    });
  } catch (error) {
    if (error instanceof RequestRefusedError) return { kind: "refused", cause: error };
    throw error;
  }
}

interface Target {
  readonly client: WeaviateClient;
  readonly channel: SearchChannel;
  readonly signal: AbortSignal;
  readonly tenant: TenantId;
}

/**
 * Replaces what has the same ids. Resolves with what was not taken, one by one.
 * @throws UnknownTenantError, InactiveTenantError, and what the channel rejects with
 */
export async function writeObjects(
  { client, channel, signal, tenant }: Target,
  objects: readonly WireObject[],
): Promise<readonly WireFailure[]> {
  const { chunks: collection } = collectionsOf(client, tenant);
  const batch = { collection, tenant: tenantOf(tenant), target: vectorName, objects };
  const failures = await channel.write(batch, signal);
  for (const { message } of failures) {
    if (isUnknownTenant(message)) throw new UnknownTenantError(message);
    if (isInactiveTenant(message)) throw new InactiveTenantError(message);
  }
  return failures;
}

const outagePattern =
  /deadline|time-?out|timed out|read-?only|shut(ting)? ?down|memory|disk|replica|connection|cancell?ed|unavailable|not ready|loading/i;

/**
 * Weaviate 1.35 has no codes for these; the conformance suite notices when its wording changes.
 * What speaks of the schema is unclear: it may be the object that does not fit the collection, or
 * the collection that is not ours.
 */
export function verdictOf(message: string): Verdict {
  if (outagePattern.test(message) || isCatchingUp(message)) return "outage";
  return /invalid uuid/i.test(message) ? "refused" : "unclear";
}
