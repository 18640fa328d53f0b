/** `freshet tenant`: what an operator does with whole tenants. */

import type { Command } from "commander";
import type { Terminal } from "../terminal.ts";
import { addTenantAccounts } from "./tenant-accounts.ts";

export function addTenant(program: Command, terminal: Terminal): void {
  const tenant = program.command("tenant").description("tenants: who they are on NATS");
  addTenantAccounts(tenant, terminal);
}
