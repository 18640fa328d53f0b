/** `freshet reembed` in this process, against the servers of a site. */

import type { TenantId } from "../../src/contract/ids.ts";
import type { Environment } from "./engine-process.ts";
import { type Ended, runHere } from "./run-cli.ts";

export type ReembedCli = (action: string, ...flags: readonly string[]) => Promise<Ended>;

/** Of the tenant, unless `--tenant` names another one. */
export function reembedCli(env: Environment, tenant: TenantId): ReembedCli {
  return (action, ...flags) => {
    const named = flags.includes("--tenant") ? [] : ["--tenant", tenant];
    return runHere(["reembed", action, ...flags, ...named], { env });
  };
}
