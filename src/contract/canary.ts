/**
 * The tenants of the canary: one in each partition, whose documents are Freshet's own. Every node
 * finds the same names, so the next owner of a partition continues with the same document.
 */

import { type Partition, partitionOf, type TenantId, tenantId } from "./ids.ts";

const prefix = "freshet-canary-";

/** By partition. */
export const canaryTenants = (partitions: number): ReadonlyMap<Partition, TenantId> =>
  tenantOfEach(partitions, prefix);

/** The first tenant in each partition whose name is the prefix and a number. */
export function tenantOfEach(
  partitions: number,
  namePrefix: string,
): ReadonlyMap<Partition, TenantId> {
  const found = new Map<Partition, TenantId>();
  for (let number = 1; found.size < partitions; number += 1) {
    const tenant = tenantId(`${namePrefix}${number}`);
    const partition = partitionOf(tenant, partitions);
    if (!found.has(partition)) found.set(partition, tenant);
  }
  return found;
}

/**
 * By its name alone, for labels: any tenant may have such a name. Exemptions (from quotas) must use
 * `canaryTenants` instead.
 */
export const isNamedCanary = (tenant: string): boolean => tenant.startsWith(prefix);
