/** `freshet tenant`: what one tenant of the installation is at. */

import type { Command } from "commander";
import type { Terminal } from "../terminal.ts";
import { addTenantLife } from "./tenant-life.ts";

export function addTenant(program: Command, terminal: Terminal): void {
  const tenant = program
    .command("tenant")
    .description("sleep, suspend and erase tenants, and documents of them");
  addTenantLife(tenant, terminal);
}
