/** Whether the keys of tenants can be opened here: without them their documents wait. */

import { limits } from "../../contract/limits.ts";
import { installationKeys, unwrapKey } from "../../log/guard/payload-seal.ts";
import type { Log } from "../../log/port.ts";
import { connectTenants } from "../connect.ts";
import { type Finding, fail, ok } from "./finding.ts";
import type { Asked } from "./servers.ts";

const what = "keys of tenants";

/** Nothing where no tenant has any, or NATS does not answer, which is a finding of its own. */
export async function checkTenantKeys({
  config,
  addresses,
  timeoutMs,
}: Asked): Promise<readonly Finding[]> {
  const secrets = config.payloadKey?.();
  const log = await connectTenants(addresses, timeoutMs).catch(() => undefined);
  if (log === undefined) return [];
  try {
    return await judgeTenantKeys(log, secrets);
  } finally {
    await log.close();
  }
}

export async function judgeTenantKeys(
  { privacy: store }: Pick<Log, "privacy">,
  secrets: string | undefined,
): Promise<readonly Finding[]> {
  const own = installationKeys(secrets);
  let keys = 0;
  const closed = new Set<string>();
  for await (const { tenant, privacy } of store.all()) {
    for (const key of privacy.keys ?? []) {
      keys += 1;
      const by = own.find(({ id }) => id === key.by);
      if (by === undefined || unwrapKey(by, key, tenant) === undefined) closed.add(tenant);
    }
  }
  if (keys === 0) return [];
  if (closed.size === 0) return [ok(what, `${keys}, all of them open here`)];
  const some = [...closed].slice(0, limits.doctorNamesMax).join(", ");
  const mend = "set FRESHET_PAYLOAD_KEY_FILE to the file of the engines, with every secret in it";
  return [fail(what, `those of ${closed.size} tenants do not open here: ${some}`, mend)];
}
