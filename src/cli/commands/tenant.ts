/** `freshet tenant`: what an operator does with tenants; each group has a file beside this. */

import type { Command } from "commander";
import type { Terminal } from "../terminal.ts";
import { addTenantAccounts } from "./tenant-accounts.ts";
import { addTenantErase } from "./tenant-erase.ts";
import { addTenantLife } from "./tenant-life.ts";
import { addTenantPrivacy } from "./tenant-privacy.ts";
import { addTenantShow } from "./tenant-show.ts";

export function addTenant(program: Command, terminal: Terminal): void {
  const tenant = program
    .command("tenant")
    .description("who tenants are on NATS, what they use; sleep, suspend, erase");
  addTenantAccounts(tenant, terminal);
  addTenantShow(tenant, terminal);
  addTenantLife(tenant, terminal);
  addTenantErase(tenant, terminal);
  addTenantPrivacy(tenant, terminal);
}
